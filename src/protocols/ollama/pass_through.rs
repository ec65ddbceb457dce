//! Passes a request and its response between a client and a server of this protocol unchanged, and
//! reads usage and state from the response.

use super::line::{error_line, is_chat};
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::openai::json_text;
use crate::protocols::response_adapter::{
    ResponseAdapter, StreamEventKind, read_stream, unreadable,
};
use crate::protocols::stream_event::lines;
use crate::protocols::upstream_error::error_in_success_body;
use crate::protocols::{ErrorBody, Event, RawObject, ResponseFault, UpstreamError};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// Returns the path and the body of the client's request at the server.
pub(super) fn request(call: &CallSpec<'_>) -> (&'static str, Vec<u8>) {
    let replaced = [
        ("model", json_text(call.model)),
        ("stream", call.stream.to_string()),
    ];
    let path = if is_chat(call.object) {
        "/api/chat"
    } else {
        "/api/generate"
    };
    (path, call.object.with(&replaced))
}

/// Passes lines and records usage.
#[derive(Debug, Default)]
pub(super) struct PassThrough {
    tokens: Option<ReportedUsage>,
    text_bytes: usize,
}

impl PassThrough {
    /// Reads a line, and returns its kind.
    fn line(&mut self, line: &RawObject<'_>) -> StreamEventKind {
        let message = line.read::<RawObject<'_>>("message");
        let text = |object: &RawObject<'_>, name: &str| {
            // A text stands between quotes.
            let raw = object.get(name).filter(|raw| raw.get() != "null");
            raw.map_or(0, |raw| raw.get().len().saturating_sub(2))
        };
        let mut bytes = text(line, "response") + text(line, "thinking");
        if let Some(message) = &message {
            let fields = ["content", "thinking", "tool_calls"];
            bytes += fields.map(|name| text(message, name)).iter().sum::<usize>();
        }
        self.text_bytes += bytes;
        if line.read::<bool>("done") == Some(true) {
            // The server omits counts of zero.
            self.tokens = Some(ReportedUsage {
                input: line.read("prompt_eval_count").unwrap_or(0),
                output: line.read("eval_count").unwrap_or(0),
                ..ReportedUsage::default()
            });
            return StreamEventKind::Done;
        }
        if bytes > 0 {
            StreamEventKind::Content
        } else {
            StreamEventKind::NoContent
        }
    }
}

/// Merges the lines of a stream into one response: texts and calls follow each other, of all else the
/// last one counts.
fn merged(stream: &[u8]) -> Bytes {
    let mut whole = Map::new();
    let mut message = Map::new();
    for line in lines(stream) {
        let Ok(Value::Object(line)) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        for (name, value) in line {
            match (name.as_str(), value) {
                ("message", Value::Object(more)) => {
                    for (name, value) in more {
                        add(&mut message, name, value);
                    }
                }
                ("response" | "thinking", value) => add(&mut whole, name, value),
                (_, value) => {
                    whole.insert(name, value);
                }
            }
        }
    }
    if !message.is_empty() {
        whole.insert("message".to_owned(), Value::Object(message));
    }
    Value::Object(whole).to_string().into()
}

fn add(members: &mut Map<String, Value>, name: String, value: Value) {
    match (members.get_mut(&name), value) {
        (Some(Value::String(text)), Value::String(more)) if name != "role" => text.push_str(&more),
        (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
        (_, value) => {
            members.insert(name, value);
        }
    }
}

impl ResponseAdapter for PassThrough {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let line: RawObject<'_> =
            serde_json::from_slice(body).map_err(|_| ResponseFault::NoMessage)?;
        if line.has("error") {
            return Err(error_in_success_body(body));
        }
        if !line.has("message") && !line.has("response") {
            return Err(ResponseFault::NoMessage.into());
        }
        self.line(&line);
        Ok(body.clone())
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        Ok(merged(&stream))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let text = event.line();
        let Ok(line) = serde_json::from_slice::<RawObject<'_>>(text) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Lines));
        };
        if line.has("error") {
            return StreamEventKind::Broken(error_in_success_body(text));
        }
        out.extend_from_slice(text);
        out.extend_from_slice(b"\n");
        self.line(&line)
    }

    fn may_end(&self) -> bool {
        false
    }

    /// The last line of the server was the end.
    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(error_line(error).as_bytes());
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
