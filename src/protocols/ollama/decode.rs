//! Decodes the lines of `/api/chat`. A whole response consists of the last line.

use crate::protocols::framing::Framing;
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas, Finish, ReportedUsage};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::token_counts::any_count;
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(borrow, default)]
    done_reason: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "any_count")]
    prompt_eval_count: Option<u64>,
    #[serde(default, deserialize_with = "any_count")]
    eval_count: Option<u64>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<CallShape<'a>>>,
}

#[derive(Deserialize)]
struct CallShape<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<FunctionShape<'a>>,
}

#[derive(Deserialize)]
struct FunctionShape<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Reads lines up to the one with `done`.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    started: bool,
    /// Ids of the calls so far. The index that a call states is not reliable.
    calls: Vec<String>,
    tokens: Option<ReportedUsage>,
}

impl Decoder {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            started: false,
            calls: Vec::new(),
            tokens: None,
        }
    }

    /// Reads one line; true where it was the last.
    fn line(&mut self, line: Line<'_>, deltas: &mut Deltas) -> bool {
        if !self.started {
            self.started = true;
            let model = line.model.map(Cow::into_owned);
            deltas.push((0, Delta::Start { model }));
        }
        if let Some(message) = line.message {
            self.message(message, deltas);
        }
        let is_last = line.done == Some(true);
        if is_last {
            // The server omits counts of zero.
            self.tokens = Some(ReportedUsage {
                input: line.prompt_eval_count.unwrap_or(0),
                output: line.eval_count.unwrap_or(0),
                ..ReportedUsage::default()
            });
            let finish = match line.done_reason.as_deref() {
                Some("length") => Finish::Length,
                _ if self.calls.is_empty() => Finish::Stop,
                _ => Finish::ToolCalls,
            };
            deltas.push((0, Delta::End(finish)));
        }
        is_last
    }

    fn message(&mut self, message: Message<'_>, deltas: &mut Deltas) {
        let non_empty = |text: Option<Cow<'_, str>>| {
            let text = text.filter(|text| !text.is_empty());
            text.map(Cow::into_owned)
        };
        let reasoning = non_empty(message.thinking).map(Delta::Reasoning);
        let text = non_empty(message.content).map(Delta::Text);
        deltas.extend(reasoning.into_iter().chain(text).map(|delta| (0, delta)));
        for call in message.tool_calls.into_iter().flatten() {
            self.call(call, deltas);
        }
    }

    fn call(&mut self, shape: CallShape<'_>, deltas: &mut Deltas) {
        let Some(function) = shape.function else {
            return;
        };
        let call = self.calls.len();
        let own = shape.id.map(Cow::into_owned);
        let own = own.filter(|id| !id.is_empty() && !self.calls.contains(id));
        let id = own.unwrap_or_else(|| format!("call_{}_{call}", self.id));
        self.calls.push(id.clone());
        let name = function.name.unwrap_or_default().into_owned();
        let begin = Delta::call(call, id, name, None);
        let text = arguments(function.arguments);
        let arguments = Delta::Arguments { call, text };
        deltas.extend([(0, begin), (0, arguments)]);
    }
}

/// Returns arguments as JSON text. Some models write them as a string that holds the object.
fn arguments(raw: Option<&RawValue>) -> String {
    let value = raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    match value {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

fn has_error(line: &Line<'_>) -> bool {
    line.error.is_some_and(|error| error.get() != "null")
}

impl Decode for Decoder {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let line: Line<'_> = serde_json::from_slice(body).map_err(|_| ResponseFault::NoMessage)?;
        if has_error(&line) {
            return Err(error_in_success_body(body));
        }
        if line.message.is_none() || !self.line(line, deltas) {
            return Err(ResponseFault::NoMessage.into());
        }
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let text = event.line();
        match serde_json::from_slice::<Line<'_>>(text) {
            Err(_) => DecodeStep::Broken(unreadable(event, Framing::Lines)),
            Ok(line) if has_error(&line) => DecodeStep::Broken(error_in_success_body(text)),
            Ok(line) => {
                if self.line(line, deltas) {
                    DecodeStep::Done
                } else {
                    DecodeStep::More
                }
            }
        }
    }

    fn may_end(&self) -> bool {
        false
    }

    fn tokens(&self) -> Option<ReportedUsage> {
        self.tokens
    }
}
