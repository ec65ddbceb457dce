//! A stream as one JSON list in pieces: the form of a client that does not ask for events.

use crate::domain::Usage;
use crate::protocols::framing::Framing;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::sse::EventSplitter;
use crate::protocols::{ErrorBody, Event, UpstreamError};
use bytes::{Bytes, BytesMut};

/// Writes the events of another adapter as items of a list.
pub(super) struct JsonList {
    inner: Box<dyn ResponseAdapter>,
    events: BytesMut,
    splitter: EventSplitter,
    started: bool,
}

impl JsonList {
    pub fn new(inner: Box<dyn ResponseAdapter>) -> Self {
        Self {
            inner,
            events: BytesMut::new(),
            splitter: EventSplitter::default(),
            started: false,
        }
    }

    /// Writes the items of the events so far.
    fn items(&mut self, out: &mut BytesMut) {
        self.splitter.push(&self.events.split());
        while let Ok(Some(event)) = self.splitter.next_event() {
            if let Some(data) = event.data() {
                let separator: &[u8] = if self.started { b",\n" } else { b"[" };
                out.extend_from_slice(separator);
                out.extend_from_slice(&data);
                self.started = true;
            }
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.items(out);
        let end: &[u8] = if self.started { b"]" } else { b"[]" };
        out.extend_from_slice(end);
    }
}

impl ResponseAdapter for JsonList {
    fn framing(&self) -> Framing {
        self.inner.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.inner.whole(body)
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        self.inner.folded(body)
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        self.inner.unfolded(body, &mut self.events)?;
        self.end(out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let kind = self.inner.read(event, &mut self.events);
        match kind {
            StreamEventKind::Done => self.end(out),
            _ => self.items(out),
        }
        kind
    }

    fn may_end(&self) -> bool {
        self.inner.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.inner.close(&mut self.events);
        self.end(out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.inner.broken(error, &mut self.events);
        self.end(out);
    }

    fn usage(&self) -> Option<Usage> {
        self.inner.usage()
    }

    fn text_bytes(&self) -> usize {
        self.inner.text_bytes()
    }
}
