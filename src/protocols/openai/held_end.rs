//! The end of a chat stream, which waits until nothing else can follow: some servers send chunks after
//! the finish reason, and clients stop reading there.

use super::mend::{add_extensions, choices, index_of, parse};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

/// Events for the end of a stream.
#[derive(Debug, Default)]
pub(super) struct HeldEnd {
    /// A chunk from before the server named its response.
    pub early: Option<Map<String, Value>>,
    /// Chunks with a finish reason.
    chunks: Vec<Bytes>,
    /// The event with the usage. Some servers repeat it; the client gets the last one.
    pub usage: Option<Bytes>,
}

impl HeldEnd {
    /// Checks whether a choice has ended.
    pub fn is_held(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// Holds an event with a finish reason.
    pub fn hold(&mut self, event: Bytes) {
        self.chunks.push(event);
    }

    /// Adds the extensions of a chunk that the client does not get to the last one that it gets.
    pub fn add_extensions(&mut self, data: &[u8]) {
        let Some(last) = self.chunks.last_mut() else {
            return;
        };
        if let (Some(from), Some(mut to)) = (parse(data), chunk_of(last)) {
            let before = to.len();
            add_extensions(from, &mut to);
            if to.len() > before {
                *last = event_of(to);
            }
        }
    }

    /// Writes the held chunks without their finish reasons, because more content follows; the
    /// reasons move to the chunk with that content.
    pub fn reopen(&mut self, event: &[u8], out: &mut BytesMut) {
        let Some(mut next) = chunk_of(event) else {
            return;
        };
        for held in std::mem::take(&mut self.chunks) {
            let Some(mut chunk) = chunk_of(&held) else {
                continue;
            };
            let mut reasons = Vec::new();
            for choice in choices(&mut chunk) {
                let reason = choice.insert("finish_reason".to_owned(), Value::Null);
                reasons.push((index_of(choice), reason.unwrap_or_default()));
            }
            for choice in choices(&mut next) {
                let index = index_of(choice);
                let own = reasons
                    .iter_mut()
                    .find(|(of, reason)| *of == index && !reason.is_null());
                if let Some((_, reason)) = own {
                    choice.insert("finish_reason".to_owned(), reason.take());
                }
            }
            out.extend_from_slice(&event_of(chunk));
        }
        self.chunks.push(event_of(next));
    }

    /// Writes the end.
    pub fn write(&mut self, with_usage: bool, out: &mut BytesMut) {
        for chunk in self.chunks.drain(..) {
            out.extend_from_slice(&chunk);
        }
        if let Some(usage) = self.usage.take().filter(|_| with_usage) {
            out.extend_from_slice(&usage);
        }
    }
}

fn chunk_of(event: &[u8]) -> Option<Map<String, Value>> {
    parse(event.strip_prefix(b"data:")?)
}

fn event_of(chunk: Map<String, Value>) -> Bytes {
    format!("data: {}\n\n", Value::Object(chunk)).into()
}
