//! Counts the size of a response while it is assembled for a client.

use super::chat_response::Delta;
use crate::protocols::response_adapter::MAX_RESPONSE_BYTES;
use std::mem::{Discriminant, discriminant};

/// Approximate bytes of a part of a response beside its text.
const PART_OVERHEAD_BYTES: usize = 512;

/// The bytes of all deltas so far.
#[derive(Debug, Default)]
pub(super) struct SizeTracker {
    bytes: usize,
    last: Option<Discriminant<Delta>>,
}

impl SizeTracker {
    /// Counts a delta; false where the response is larger than allowed. A delta of another kind
    /// than the one before it begins a part, and each call is a part.
    pub fn take(&mut self, delta: &Delta) -> bool {
        let kind = discriminant(delta);
        let is_more = self.last.replace(kind) == Some(kind);
        let (begins, bytes) = match delta {
            Delta::Text(text)
            | Delta::Reasoning(text)
            | Delta::Refusal(text)
            | Delta::Signature(text)
            | Delta::Arguments { text, .. } => (!is_more, text.len()),
            Delta::Redacted(text) => (true, text.len()),
            Delta::Annotation(value) => (true, value.to_string().len()),
            Delta::Call { id, name, .. } => (true, id.len() + name.len()),
            Delta::Media(media) => (true, media.length()),
            Delta::Start { .. } | Delta::StopSequence(_) | Delta::End(_) => (false, 0),
        };
        let overhead = if begins { PART_OVERHEAD_BYTES } else { 0 };
        self.bytes = self.bytes.saturating_add(bytes + overhead);
        self.bytes <= MAX_RESPONSE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use crate::protocols::response_adapter::too_large;
    use crate::protocols::test_support::{endpoint, feed, with_call};
    use crate::protocols::{ApiDialect, UpstreamError};

    const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

    fn chunk(member: &str, text: &str) -> String {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"{member}\":\"{text}\"}}}}]}}\n\n")
    }

    /// Returns the end of a stream that is translated to the Responses API, whose last event
    /// repeats everything.
    fn end(pieces: &[String], times: usize) -> Result<(), UpstreamError> {
        let endpoint = endpoint("openai-compatible", "http://h/v1");
        let body = r#"{"model":"m","input":"a","stream":true,"store":false}"#;
        let prepared = with_call(ApiDialect::Responses, body, |call| {
            endpoint.protocol.build_request(&endpoint, call).unwrap()
        });
        let stream = std::iter::repeat_n(pieces, times).flatten();
        let stream = stream.map(String::as_bytes).chain([END.as_bytes()]);
        let mut adapter = prepared.adapter;
        feed(&mut *adapter, stream).end
    }

    #[test]
    fn a_translated_stream_has_the_size_limit_of_a_whole_response() {
        let megabyte = [chunk("content", &"x".repeat(1 << 20))];
        assert_eq!(end(&megabyte, 15), Ok(()));
        assert_eq!(end(&megabyte, 17), Err(too_large()));
    }

    #[test]
    fn many_short_parts_reach_the_size_limit() {
        let parts = [chunk("content", "x"), chunk("refusal", "x")];
        assert_eq!(end(&parts, 100), Ok(()));
        assert_eq!(end(&parts, 17_000), Err(too_large()));
    }
}
