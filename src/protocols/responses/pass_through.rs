//! A response for a client of responses: bytes pass as they came while we read along.

use super::shape::{EventShape, ResponseShape};
use crate::domain::Usage;
use crate::protocols::Event;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::framing::Framing;
use crate::protocols::neutral::ReportedUsage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, unreadable};
use crate::protocols::upstream_error::UpstreamError;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Reads along.
#[derive(Debug, Default)]
pub(super) struct PassThrough {
    tokens: Option<ReportedUsage>,
    said: usize,
    /// The number that the next event would have.
    next: u64,
    /// The upstream's own word for its failure, which its clients wait for.
    failed: Option<Event>,
}

/// Events that come before anything that a client could use.
const SILENT_EVENTS: [&str; 7] = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "keepalive",
];

/// A failure as the stream's event of that number.
pub(super) fn error_event(told: &ErrorBody, number: u64) -> Bytes {
    let code = told.code.as_ref().unwrap_or(&told.kind);
    let error = json!({
        "type": "error",
        "sequence_number": number,
        "code": code,
        "message": told.message,
        "param": told.param,
    });
    format!("event: error\ndata: {error}\n\n").into()
}

impl ResponseAdapter for PassThrough {
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let response = ResponseShape::read(body)?;
        self.tokens = response.tokens();
        if self.tokens.is_none() {
            let texts = |item: &Value| item.to_string().len();
            self.said = response.items().iter().map(texts).sum();
        }
        Ok(body.clone())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let Some(data) = event.data() else {
            event.pass_comments(out);
            return StreamEventKind::NoContent;
        };
        let Ok(shape) = serde_json::from_slice::<EventShape<'_>>(&data) else {
            return StreamEventKind::Broken(unreadable(event, Framing::Events));
        };
        let kind = shape.kind.as_deref().unwrap_or_default();
        if matches!(kind, "error" | "response.failed" | "response.cancelled") {
            let upset = shape.failure(&data);
            self.failed = Some(event.clone());
            return StreamEventKind::Broken(upset);
        }
        self.next = shape
            .sequence_number
            .map_or(self.next, |number| number.saturating_add(1));
        event.pass(out);
        if matches!(kind, "response.completed" | "response.incomplete") {
            self.tokens = shape.response().and_then(|response| response.tokens());
            return StreamEventKind::Done;
        }
        self.said += shape.text().map_or(0, |text| text.len());
        if SILENT_EVENTS.contains(&kind) {
            StreamEventKind::NoContent
        } else {
            StreamEventKind::Content
        }
    }

    fn may_end(&self) -> bool {
        false
    }

    /// The terminator is an event of the upstream's own and has passed.
    fn close(&mut self, _out: &mut BytesMut) {}

    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut) {
        if let Some(event) = &self.failed {
            return event.pass(out);
        }
        out.extend_from_slice(&error_event(told, self.next));
    }

    fn usage(&self) -> Option<Usage> {
        self.tokens.map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.said
    }
}
