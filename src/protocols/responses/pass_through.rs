//! Passes a response to a client of the same API unchanged, and reads usage and state from it.

use super::shape::{EventShape, ResponseShape};
use super::whole_and_stream;
use crate::domain::Usage;
use crate::protocols::Event;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{
    ResponseAdapter, StreamEventKind, read_stream, unreadable,
};
use crate::protocols::upstream_error::UpstreamError;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Passes bytes and records usage.
#[derive(Debug, Default)]
pub(super) struct PassThrough {
    tokens: Option<ReportedUsage>,
    text_bytes: usize,
    /// Sequence number of the next event.
    next_number: u64,
    /// The upstream's own failure event, which its clients wait for.
    failure_event: Option<Event>,
}

/// Events that come before any content.
const SILENT_EVENTS: [&str; 7] = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "keepalive",
];

/// Builds the error event with a sequence number.
pub(super) fn error_event(error: &ErrorBody, number: u64) -> Bytes {
    let code = error.code.as_ref().unwrap_or(&error.kind);
    let error = json!({
        "type": "error",
        "sequence_number": number,
        "code": code,
        "message": error.openai_message(),
        "param": error.param,
    });
    format!("event: error\ndata: {error}\n\n").into()
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let response = ResponseShape::read(body)?;
        self.tokens = response.tokens();
        if self.tokens.is_none() {
            let texts = |item: &Value| item.to_string().len();
            self.text_bytes = response.items().iter().map(texts).sum();
        }
        if body.trim_ascii_start().starts_with(b"[") {
            return whole_and_stream::unlisted(body);
        }
        Ok(body.clone())
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut stream = BytesMut::new();
        read_stream(self, body, &mut stream)?;
        whole_and_stream::fold(&stream)
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let whole = self.whole(body)?;
        whole_and_stream::unfold(&whole, out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        let Some(shape) = EventShape::read(event, &data) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Events));
        };
        let kind = shape.kind();
        if matches!(kind, "error" | "response.failed" | "response.cancelled") {
            let error = shape.failure(&data);
            self.failure_event = shape.is_named().then(|| event.clone());
            return StreamEventKind::Broken(error);
        }
        self.next_number = shape
            .sequence_number
            .map_or(self.next_number, |number| number.saturating_add(1));
        // Some servers leave out the names of events.
        if event.raw.starts_with(b"data:") && !kind.is_empty() {
            out.extend_from_slice(format!("event: {kind}\n").as_bytes());
        }
        event.pass(out);
        if matches!(kind, "response.completed" | "response.incomplete") {
            self.tokens = shape.response().and_then(|response| response.tokens());
            return StreamEventKind::Done;
        }
        self.text_bytes += shape.text().map_or(0, |text| text.len());
        if SILENT_EVENTS.contains(&kind) {
            StreamEventKind::NoContent
        } else {
            StreamEventKind::Content
        }
    }

    fn may_end(&self) -> bool {
        false
    }

    /// The terminator is an event of the upstream and has passed already.
    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if let Some(event) = &self.failure_event {
            return event.pass(out);
        }
        out.extend_from_slice(&error_event(error, self.next_number));
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}
