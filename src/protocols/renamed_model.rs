//! Puts another name into the `model` of a response.

use super::raw_object::RawObject;
use super::{ErrorBody, Event, Framing, ResponseAdapter, StreamEventKind, UpstreamError};
use crate::domain::Usage;
use bytes::{Bytes, BytesMut};
use std::fmt;

/// Members that hold the name, in the protocols of clients.
const NAMES: [&str; 2] = ["model", "modelVersion"];
/// Members that hold an object with the name, in events of Messages and Responses.
const HOLDERS: [&str; 2] = ["message", "response"];

/// Writes what another adapter does, with another name of the model.
pub struct RenamingAdapter {
    inner: Box<dyn ResponseAdapter>,
    /// The name as JSON.
    name: String,
    out: BytesMut,
}

impl fmt::Debug for RenamingAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenamingAdapter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl RenamingAdapter {
    /// Wraps an adapter whose stream is one of events or lines.
    pub fn new(inner: Box<dyn ResponseAdapter>, name: &str) -> Self {
        Self {
            inner,
            name: serde_json::Value::from(name).to_string(),
            out: BytesMut::new(),
        }
    }

    /// Writes the events so far.
    fn flush(&mut self, out: &mut BytesMut) {
        for line in self.out.split_inclusive(|byte| *byte == b'\n') {
            let start = line.iter().position(|byte| *byte == b'{').unwrap_or(0);
            let (before, json) = line.split_at(start);
            let is_data = matches!(before.trim_ascii(), b"" | b"data:");
            match self.renamed(json).filter(|_| is_data) {
                Some(renamed) => {
                    out.extend_from_slice(before);
                    out.extend_from_slice(&renamed);
                    let end = json.trim_ascii_end().len();
                    out.extend_from_slice(&json[end..]);
                }
                None => out.extend_from_slice(line),
            }
        }
        self.out.clear();
    }

    /// The object with the other name; `None` where it has none.
    fn renamed(&self, json: &[u8]) -> Option<Vec<u8>> {
        let object: RawObject<'_> = serde_json::from_slice(json).ok()?;
        if let Some(member) = named(&object) {
            return Some(object.with(&[(member, self.name.clone())]));
        }
        HOLDERS.iter().find_map(|holder| {
            let inner: RawObject<'_> = object.read(holder)?;
            let renamed = inner.with(&[(named(&inner)?, self.name.clone())]);
            let renamed = String::from_utf8(renamed).ok()?;
            Some(object.with(&[(holder, renamed)]))
        })
    }

    fn body(&self, body: Bytes) -> Bytes {
        self.renamed(&body).map_or(body, Bytes::from)
    }
}

/// The member that holds the name as a text.
fn named(object: &RawObject<'_>) -> Option<&'static str> {
    let is_text = |name: &&&str| {
        let value = object.get(name);
        value.is_some_and(|value| value.get().starts_with('"'))
    };
    NAMES.iter().find(is_text).copied()
}

impl ResponseAdapter for RenamingAdapter {
    fn framing(&self) -> Framing {
        self.inner.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let whole = self.inner.whole(body)?;
        Ok(self.body(whole))
    }

    fn next_body(&mut self) -> Option<Bytes> {
        self.inner.next_body()
    }

    fn part(&mut self, body: &Bytes) -> Result<(), UpstreamError> {
        self.inner.part(body)
    }

    fn is_opaque(&self) -> bool {
        self.inner.is_opaque()
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let whole = self.inner.folded(body)?;
        Ok(self.body(whole))
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        let result = self.inner.unfolded(body, &mut self.out);
        self.flush(out);
        result
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let kind = self.inner.read(event, &mut self.out);
        self.flush(out);
        kind
    }

    fn may_end(&self) -> bool {
        self.inner.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.inner.close(&mut self.out);
        self.flush(out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.inner.broken(error, &mut self.out);
        self.flush(out);
    }

    fn usage(&self) -> Option<Usage> {
        self.inner.usage()
    }

    fn text_bytes(&self) -> usize {
        self.inner.text_bytes()
    }
}
