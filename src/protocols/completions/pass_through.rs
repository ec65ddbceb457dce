//! Passes a request and its response to a server that completes texts, and reads usage and state from
//! the response.

use super::encode::error_event;
use crate::domain::Usage;
use crate::protocols::call::{CallSpec, PreparedCall};
use crate::protocols::framing::Framing;
use crate::protocols::neutral::{DroppedFields, ReportedUsage};
use crate::protocols::openai::{json_text, post};
use crate::protocols::response_adapter::{
    ResponseAdapter, StreamEventKind, read_stream, unreadable,
};
use crate::protocols::stream_event::lines;
use crate::protocols::token_counts::TokenCount;
use crate::protocols::upstream_error::error_in_success_body;
use crate::protocols::{Endpoint, ErrorBody, Event, RawObject, ResponseFault, UpstreamError};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Beginnings and parts of the names of OpenAI's models that complete texts.
const COMPLETION_MODELS: [&str; 3] = ["instruct", "davinci", "babbage"];

/// Checks whether a provider may complete texts with a model. OpenAI's newer models only chat.
pub(in crate::protocols) fn may_have(is_vendor: bool, model: &str) -> bool {
    !is_vendor || COMPLETION_MODELS.iter().any(|part| model.contains(part))
}

/// Passes the client's body with the model's name replaced, and usage requested.
pub(in crate::protocols) fn pass_through(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    usage_option: Option<String>,
) -> PreparedCall {
    let mut replaced = vec![("model", json_text(call.model))];
    if let (true, Some(option)) = (call.stream, usage_option) {
        replaced.push(("stream_options", option));
    }
    let body = call.object.with(&replaced);
    PreparedCall {
        request: post(endpoint, "/completions", body, call.stream),
        adapter: Box::new(PassThrough {
            strip_usage: !call.wants_usage,
            tokens: None,
            text_bytes: 0,
            has_ended: false,
        }),
        dropped: DroppedFields::default(),
    }
}

/// Passes bytes and records usage.
#[derive(Debug)]
pub(super) struct PassThrough {
    /// True if the client did not request usage, so the event with it is removed.
    strip_usage: bool,
    tokens: Option<ReportedUsage>,
    text_bytes: usize,
    /// Whether a choice has ended.
    has_ended: bool,
}

impl PassThrough {
    /// Reads a response or a chunk; returns its kind, and whether it holds nothing but usage.
    fn take(&mut self, chunk: &RawObject<'_>) -> (StreamEventKind, bool) {
        let usage = chunk.read::<RawObject<'_>>("usage");
        if let Some(usage) = &usage {
            let count = |name: &str| usage.read::<TokenCount>(name).map(|count| count.0);
            let details = usage.read::<RawObject<'_>>("prompt_tokens_details");
            self.tokens = Some(ReportedUsage {
                input: count("prompt_tokens").unwrap_or(0),
                output: count("completion_tokens").unwrap_or(0),
                cached: details
                    .and_then(|details| details.read::<TokenCount>("cached_tokens"))
                    .map(|count| count.0),
                ..ReportedUsage::default()
            });
        }
        let choices = chunk.read::<Vec<RawObject<'_>>>("choices");
        let choices = choices.unwrap_or_default();
        let mut kind = StreamEventKind::NoContent;
        for choice in &choices {
            // A text stands between quotes.
            let text = choice.get("text").map_or(0, |raw| raw.get().len());
            let text = text.saturating_sub(2);
            self.text_bytes += text;
            if text > 0 {
                kind = StreamEventKind::Content;
            }
            if choice.has("finish_reason") {
                self.has_ended = true;
                if kind == StreamEventKind::NoContent {
                    kind = StreamEventKind::Finish;
                }
            }
        }
        (kind, choices.is_empty() && usage.is_some())
    }
}

/// Merges the chunks of a stream into one response.
fn merged(stream: &[u8]) -> Bytes {
    let mut whole = Map::new();
    let mut choices: BTreeMap<String, Value> = BTreeMap::new();
    let data = lines(stream).filter_map(|line| line.strip_prefix(b"data:"));
    for chunk in data.filter_map(|json| serde_json::from_slice::<Value>(json).ok()) {
        let Value::Object(mut chunk) = chunk else {
            continue;
        };
        let listed = chunk.shift_remove("choices");
        whole.extend(chunk.into_iter().filter(|(_, value)| !value.is_null()));
        for choice in listed
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let index = choice["index"].to_string();
            let Some(Value::Object(earlier)) = choices.get_mut(&index) else {
                choices.insert(index, choice.clone());
                continue;
            };
            for (name, value) in choice.as_object().into_iter().flatten() {
                match (earlier.get_mut(name), value) {
                    (_, Value::Null) => {}
                    (Some(Value::String(text)), Value::String(more)) if name == "text" => {
                        text.push_str(more);
                    }
                    (_, value) => {
                        earlier.insert(name.clone(), value.clone());
                    }
                }
            }
        }
    }
    let choices: Vec<Value> = choices.into_values().collect();
    whole.insert("choices".to_owned(), choices.into());
    Value::Object(whole).to_string().into()
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let response: RawObject<'_> =
            serde_json::from_slice(body).map_err(|_| ResponseFault::NotJson)?;
        if response.has("error") {
            return Err(error_in_success_body(body));
        }
        if !response.has("choices") {
            return Err(ResponseFault::NoChoices.into());
        }
        self.take(&response);
        Ok(body.clone())
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.strip_usage = false;
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        Ok(merged(&stream))
    }

    /// A whole response has the form of a stream's event.
    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let whole = self.whole(body)?;
        let value: Value = serde_json::from_slice(&whole).map_err(|_| ResponseFault::NotJson)?;
        out.extend_from_slice(format!("data: {value}\n\n").as_bytes());
        self.close(out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        if data.trim_ascii() == b"[DONE]" {
            event.pass(out);
            return StreamEventKind::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<RawObject<'_>>(&data) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Events));
        };
        if chunk.has("error") {
            return StreamEventKind::Broken(error_in_success_body(&data));
        }
        let (kind, is_usage) = self.take(&chunk);
        if !(is_usage && self.strip_usage) {
            event.pass(out);
        }
        kind
    }

    fn may_end(&self) -> bool {
        self.has_ended
    }

    fn close(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(&error_event(error));
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
