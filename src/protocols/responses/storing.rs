//! Stores a response that passes to its client, once it is complete.

use super::response_store::PendingResponse;
use super::shape::EventShape;
use crate::domain::Usage;
use crate::protocols::framing::Framing;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::sse::EventSplitter;
use crate::protocols::{ErrorBody, Event, UpstreamError};
use bytes::{Bytes, BytesMut};

/// Wraps the adapter of a response that shall be stored.
pub struct StoringAdapter {
    inner: Box<dyn ResponseAdapter>,
    pending: PendingResponse,
}

impl StoringAdapter {
    /// Creates the adapter around the one that writes the response.
    pub fn new(inner: Box<dyn ResponseAdapter>, pending: PendingResponse) -> Self {
        Self { inner, pending }
    }

    /// Stores the response in the last of these events.
    fn store_last(&self, events: &[u8]) {
        let mut splitter = EventSplitter::default();
        splitter.push(events);
        while let Ok(Some(event)) = splitter.next_event() {
            let data = event.data().unwrap_or_default();
            if let Some(response) = EventShape::read(&event, &data)
                .filter(|shape| {
                    matches!(shape.kind(), "response.completed" | "response.incomplete")
                })
                .and_then(|shape| shape.response)
            {
                self.pending.store(response.get().as_bytes());
            }
        }
    }
}

impl std::fmt::Debug for StoringAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoringAdapter").finish_non_exhaustive()
    }
}

impl ResponseAdapter for StoringAdapter {
    fn framing(&self) -> Framing {
        self.inner.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let body = self.inner.whole(body)?;
        self.pending.store(&body);
        Ok(body)
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let body = self.inner.folded(body)?;
        self.pending.store(&body);
        Ok(body)
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let before = out.len();
        self.inner.unfolded(body, out)?;
        self.store_last(&out[before..]);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let before = out.len();
        let kind = self.inner.read(event, out);
        if kind == StreamEventKind::Done {
            self.store_last(&out[before..]);
        }
        kind
    }

    fn may_end(&self) -> bool {
        self.inner.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        let before = out.len();
        self.inner.close(out);
        self.store_last(&out[before..]);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.inner.broken(error, out);
    }

    fn usage(&self) -> Option<Usage> {
        self.inner.usage()
    }

    fn text_bytes(&self) -> usize {
        self.inner.text_bytes()
    }
}
