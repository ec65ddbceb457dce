//! Passes a request and its response between a client and a provider of this protocol unchanged, and
//! reads usage and state from the response.

use super::decode::Decoder;
use super::error_json::error_event;
use super::request_facts::PATH_FIELDS;
use super::signature::ENCODED_MARK;
use crate::domain::Usage;
use crate::protocols::call::CallSpec;
use crate::protocols::neutral::{Decode, DecodeStep, Delta, Deltas};
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::{ApiDialect, Endpoint, ErrorBody, Event, UpstreamError};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// Checks whether the call passes unchanged to a provider of this protocol. It is translated for a
/// client of another protocol, and where another provider answered before.
pub(super) fn applies_to(call: &CallSpec<'_>) -> bool {
    call.dialect == ApiDialect::GenerateContent && !call.object.mentions("contents", ENCODED_MARK)
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
pub(in crate::protocols) fn passing(
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
) -> Box<dyn ResponseAdapter> {
    Box::new(PassThrough::new(endpoint, call))
}

/// Passes bytes and records usage.
pub(super) struct PassThrough {
    decoder: Decoder,
    deltas: Deltas,
    text_bytes: usize,
}

impl PassThrough {
    pub fn new(endpoint: &Endpoint, call: &CallSpec<'_>) -> Self {
        Self {
            decoder: Decoder::new(call.id, endpoint.reasoning_cache.clone()),
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

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.decoder.whole(body, &mut self.deltas)?;
        self.take_deltas();
        Ok(body.clone())
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
