//! Passes a request and its response between a client and a provider of this protocol unchanged, and
//! reads usage and state from the response.

use super::decode::Decoder;
use super::error_json::error_event;
use super::generation::Generation;
use super::request_facts::PATH_FIELDS;
use super::signature::ENCODED_MARK;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas};
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, read_stream};
use crate::protocols::stream_event::lines;
use crate::protocols::{ApiDialect, ErrorBody, Event, ResponseFault, UpstreamError};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Checks whether the call passes unchanged to a provider of this protocol. It is translated for a
/// client of another protocol, and where another provider answered before.
pub(super) fn applies_to(call: &CallSpec<'_>) -> bool {
    call.dialect == ApiDialect::GenerateContent
        && !call.object.mentions("contents", ENCODED_MARK)
        && !lacks_signature(call)
}

/// Checks whether the first call of a step has no signature, though the model needs one: another provider
/// made it. The translation then has what the model accepts in its place.
fn lacks_signature(call: &CallSpec<'_>) -> bool {
    #[derive(Deserialize)]
    struct ContentShape {
        #[serde(default)]
        parts: Vec<PartShape>,
    }
    #[derive(Deserialize)]
    struct PartShape {
        #[serde(default, rename = "functionCall", alias = "function_call")]
        call: Option<IgnoredAny>,
        #[serde(default, rename = "thoughtSignature", alias = "thought_signature")]
        signature: Option<IgnoredAny>,
    }
    let names = [r#""functionCall""#, r#""function_call""#];
    let has_calls = || {
        names
            .iter()
            .any(|name| call.object.mentions("contents", name))
    };
    if !Generation::new(call.model).names_calls() || !has_calls() {
        return false;
    }
    let is_unsigned = |content: &ContentShape| {
        let first = content.parts.iter().find(|part| part.call.is_some());
        first.is_some_and(|part| part.signature.is_none())
    };
    let contents = call.object.read::<Vec<ContentShape>>("contents");
    contents.iter().flatten().any(is_unsigned)
}

/// Returns the client's own body.
pub(super) fn body(call: &CallSpec<'_>) -> Vec<u8> {
    call.object.without(&PATH_FIELDS, &[])
}

/// Returns the fields of the client's own body; `None` where it has to be translated.
pub(in crate::protocols) fn own_fields(call: &CallSpec<'_>) -> Option<Map<String, Value>> {
    let body = applies_to(call).then(|| body(call))?;
    serde_json::from_slice(&body).ok()
}

/// Creates the adapter of a response that passes unchanged.
pub(in crate::protocols) fn passing(call: &CallSpec<'_>) -> Box<dyn ResponseAdapter> {
    Box::new(PassThrough::new(call))
}

/// Most candidates of one response.
const MAX_CANDIDATES: usize = 128;

/// Passes bytes and records usage.
pub(super) struct PassThrough {
    decoder: Decoder,
    deltas: Deltas,
    text_bytes: usize,
}

impl PassThrough {
    pub fn new(call: &CallSpec<'_>) -> Self {
        Self {
            decoder: Decoder::new(call.id),
            deltas: Deltas::new(),
            text_bytes: 0,
        }
    }

    /// Counts what was decoded, and returns its kind.
    fn take_deltas(&mut self) -> StreamEventKind {
        let mut kind = StreamEventKind::NoContent;
        for (_, delta) in self.deltas.drain(..) {
            self.text_bytes += match &delta {
                Delta::Text(text) | Delta::Reasoning(text) | Delta::Arguments { text, .. } => {
                    text.len()
                }
                _ => 0,
            };
            kind = match (&delta, kind) {
                (Delta::End(_), StreamEventKind::NoContent) => StreamEventKind::Finish,
                (Delta::Start { .. } | Delta::End(_), before) => before,
                _ => StreamEventKind::Content,
            };
        }
        kind
    }
}

/// Merges the pieces of a stream into one response: parts follow each other, of all else the last one
/// counts.
fn merged(pieces: Vec<Value>) -> Bytes {
    let mut whole = Map::new();
    let mut candidates: Vec<Map<String, Value>> = Vec::new();
    for piece in pieces {
        let Value::Object(mut piece) = piece else {
            continue;
        };
        let Some(Value::Array(list)) = piece.shift_remove("candidates") else {
            whole.extend(piece);
            continue;
        };
        whole.extend(piece);
        for (at, candidate) in list.into_iter().enumerate() {
            let Value::Object(candidate) = candidate else {
                continue;
            };
            let index = candidate.get("index").and_then(Value::as_u64);
            let index = index.and_then(|index| usize::try_from(index).ok());
            let index = index.unwrap_or(at).min(MAX_CANDIDATES - 1);
            if candidates.len() <= index {
                candidates.resize_with(index + 1, Map::new);
            }
            add_candidate(&mut candidates[index], candidate);
        }
    }
    let candidates = candidates.into_iter().filter(|one| !one.is_empty());
    let candidates: Vec<Value> = candidates.map(Value::Object).collect();
    whole.insert("candidates".to_owned(), candidates.into());
    Value::Object(whole).to_string().into()
}

fn add_candidate(whole: &mut Map<String, Value>, mut more: Map<String, Value>) {
    let content = more.shift_remove("content");
    whole.extend(more);
    let parts = content
        .as_ref()
        .and_then(|content| content["parts"].as_array());
    let Some(parts) = parts else {
        return;
    };
    let content = whole
        .entry("content")
        .or_insert_with(|| serde_json::json!({"parts": [], "role": "model"}));
    if let Some(list) = content.get_mut("parts").and_then(Value::as_array_mut) {
        list.extend(parts.iter().cloned());
    }
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.decoder.whole(body, &mut self.deltas)?;
        self.take_deltas();
        if body.trim_ascii_start().starts_with(b"[") {
            let pieces: Vec<Value> =
                serde_json::from_slice(body).map_err(|_| ResponseFault::NotJson)?;
            return Ok(merged(pieces));
        }
        Ok(body.clone())
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        let data = lines(&stream).filter_map(|line| line.strip_prefix(b"data:"));
        let pieces = data.filter_map(|json| serde_json::from_slice(json).ok());
        Ok(merged(pieces.collect()))
    }

    /// A whole response has the form of a stream's event.
    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let whole = self.whole(body)?;
        let value: Value = serde_json::from_slice(&whole).map_err(|_| ResponseFault::NotJson)?;
        out.extend_from_slice(format!("data: {value}\n\n").as_bytes());
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let step = self.decoder.read(event, &mut self.deltas);
        let kind = self.take_deltas();
        match step {
            DecodeStep::Broken(error) => StreamEventKind::Broken(error),
            DecodeStep::More | DecodeStep::Done => {
                if event.data().is_some() {
                    event.pass(out);
                }
                kind
            }
        }
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    /// The last event of the provider was the end.
    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        out.extend_from_slice(error_event(error).as_bytes());
    }

    fn usage(&self) -> Option<Usage> {
        self.decoder.tokens().map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
