//! Events of a response's stream.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// Numbers the events of one stream.
#[derive(Debug, Default)]
pub(super) struct ResponseEvents {
    next: u64,
}

#[derive(Serialize)]
struct EventShape<'a, B> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    body: B,
}

impl ResponseEvents {
    pub fn write(&mut self, kind: &str, body: impl Serialize, out: &mut BytesMut) {
        let event = EventShape {
            kind,
            sequence_number: self.next,
            body,
        };
        self.next += 1;
        out.extend_from_slice(format!("event: {kind}\ndata: ").as_bytes());
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(out.writer(), &event);
        out.extend_from_slice(b"\n\n");
    }
}

/// A delta of a text.
#[derive(Serialize)]
pub(super) struct DeltaShape<'a> {
    pub item_id: &'a str,
    pub output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_index: Option<usize>,
    pub delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<[(); 0]>,
}
