//! Decodes the lines of `/api/chat`. A whole response consists of the last line.

use crate::protocols::framing::Framing;
use crate::protocols::lenient::{IdText, from_json, lenient_object};
use crate::protocols::neutral::{
    Decode, DecodeStep, Delta, Deltas, Finish, Media, MediaKind, MediaSource, ReportedUsage,
};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::token_counts::TokenCount;
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

lenient_object! {
    struct Line<'a> {
        model: Option<Cow<'a, str>> = "model",
        message: Option<Message<'a>> = "message",
        done: Option<bool> = "done",
        done_reason: Option<Cow<'a, str>> = "done_reason",
        prompt_eval_count: Option<TokenCount> = "prompt_eval_count",
        eval_count: Option<TokenCount> = "eval_count",
        error: Option<&'a RawValue> = "error",
    }
}

lenient_object! {
    struct Message<'a> {
        content: Option<Cow<'a, str>> = "content",
        thinking: Option<Cow<'a, str>> = "thinking",
        tool_calls: Option<Vec<CallShape<'a>>> = "tool_calls",
        /// Images in base64.
        images: Option<Vec<Cow<'a, str>>> = "images",
    }
}

lenient_object! {
    struct CallShape<'a> {
        id: Option<IdText<'a>> = "id",
        function: Option<FunctionShape<'a>> = "function",
    }
}

lenient_object! {
    struct FunctionShape<'a> {
        name: Option<IdText<'a>> = "name",
        arguments: Option<&'a RawValue> = "arguments",
    }
}

/// Reads lines up to the one with `done`.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Prefix of the ids of calls without one.
    id: String,
    started: bool,
    /// Number of calls so far. The index that a call states is not reliable.
    calls: usize,
    tokens: Option<ReportedUsage>,
}

impl Decoder {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            started: false,
            calls: 0,
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
        // A server may say so in another way than it should.
        let is_last = line.done.unwrap_or(line.odd && line.done_reason.is_some());
        if is_last {
            // The server omits counts of zero.
            self.tokens = Some(ReportedUsage {
                input: line.prompt_eval_count.map_or(0, |count| count.0),
                output: line.eval_count.map_or(0, |count| count.0),
                ..ReportedUsage::default()
            });
            let finish = match line.done_reason.as_deref() {
                Some("length") => Finish::Length,
                _ if self.calls == 0 => Finish::Stop,
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
        let images = message.images.into_iter().flatten();
        deltas.extend(images.map(|data| (0, Delta::Media(image(data.into_owned())))));
        for call in message.tool_calls.into_iter().flatten() {
            self.call(call, deltas);
        }
    }

    fn call(&mut self, shape: CallShape<'_>, deltas: &mut Deltas) {
        let Some(function) = shape.function else {
            return;
        };
        let call = self.calls;
        let own = shape.id.map(|id| id.text.into_owned());
        let own = own.filter(|id| !id.is_empty());
        let id = own.unwrap_or_else(|| format!("call_{}_{call}", self.id));
        self.calls += 1;
        let name = function.name.map(|name| name.text.into_owned());
        let begin = Delta::call(call, id, name.unwrap_or_default(), None);
        let text = arguments(function.arguments);
        let arguments = Delta::Arguments { call, text };
        deltas.extend([(0, begin), (0, arguments)]);
    }
}

fn image(data: String) -> Media {
    let mime = "image/png".to_owned();
    Media {
        kind: MediaKind::Image,
        source: MediaSource::Inline { mime, data },
        name: None,
        detail: None,
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
    let says = |error: &RawValue| error.get().len() > 2 && error.get() != "false";
    line.error.is_some_and(says)
}

impl Decode for Decoder {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError> {
        let line: Option<Line<'_>> = from_json(body).map_err(|_| ResponseFault::NotJson)?;
        let mut line = line.ok_or(ResponseFault::NoMessage)?;
        if has_error(&line) {
            return Err(error_in_success_body(body));
        }
        if line.message.is_none() {
            return Err(ResponseFault::NoMessage.into());
        }
        // There is only this line.
        line.done = Some(true);
        self.line(line, deltas);
        Ok(())
    }

    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep {
        let text = event.line();
        match from_json::<Line<'_>>(text).ok().flatten() {
            None => DecodeStep::Broken(unreadable(event, Framing::Lines)),
            Some(line) if has_error(&line) => DecodeStep::Broken(error_in_success_body(text)),
            Some(line) => {
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
