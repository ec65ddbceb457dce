//! The bytes that all chunks of a stream repeat. Most chunks differ from the previous one in their
//! text only; then nothing else is parsed, and parsing is most of what a stream costs.

use super::chunk::{Choice, Chunk};
use crate::protocols::Event;
use memchr::memchr2;
use serde_json::value::RawValue;

/// The bytes before and after the text of a parsed chunk.
#[derive(Debug)]
pub(super) struct ChunkTemplate {
    head: Box<[u8]>,
    tail: Box<[u8]>,
}

impl ChunkTemplate {
    /// Creates a template from a chunk that has text only; `None` where it has more. `data` holds
    /// the bytes of the chunk.
    pub fn new(event: &Event, data: &[u8], chunk: &Chunk<'_>) -> Option<Self> {
        let text = only_text(chunk)?.get().as_bytes();
        if !event.has_blank_line() || text.len() <= 2 || text.first() != Some(&b'"') {
            return None;
        }
        let start = offset(&event.raw, data)? + offset(data, text)?;
        let head = event.raw.get(..=start)?;
        let tail = event.raw.get(start + text.len() - 1..)?;
        Some(Self {
            head: head.into(),
            tail: tail.into(),
        })
    }

    /// Returns the length of the text without quotes, where the event equals the template in all
    /// other bytes and is valid JSON.
    pub fn text(&self, event: &Event) -> Option<usize> {
        let inner = event.raw.strip_prefix(&*self.head)?;
        let inner = inner.strip_suffix(&*self.tail)?;
        is_string(inner).then_some(inner.len())
    }
}

/// Returns the text of the only choice, where the chunk has nothing else.
fn only_text<'a>(chunk: &Chunk<'a>) -> Option<&'a RawValue> {
    let [choice]: &[Choice<'a>] = chunk.choices.as_deref()? else {
        return None;
    };
    let is_usage_free = chunk.usage.is_none() && chunk.x_groq.is_none();
    if !is_usage_free || choice.finish_reason.is_some() {
        return None;
    }
    choice.delta.as_ref()?.only_content()
}

/// Returns the offset of a part in its whole; `None` where it is a copy.
fn offset(whole: &[u8], part: &[u8]) -> Option<usize> {
    let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (at + part.len() <= whole.len()).then_some(at)
}

/// Checks whether these bytes between two quotes are a JSON string with something in it.
fn is_string(inner: &[u8]) -> bool {
    let is_plain = |bytes: &[u8]| bytes.iter().all(|byte| *byte >= 0x20);
    if inner.is_empty() || !is_plain(inner) || std::str::from_utf8(inner).is_err() {
        return false;
    }
    let mut left = inner;
    while let Some(at) = memchr2(b'"', b'\\', left) {
        let length = match &left[at..] {
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => 2,
            [b'\\', b'u', digits @ ..]
                if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) =>
            {
                6
            }
            _ => return false,
        };
        left = &left[at + length..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::lenient::from_json;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn event(delta: &str, rest: &str) -> Event {
        let text = format!(
            "data: {{\"id\":\"a\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]{rest}}}\n\n"
        );
        Event {
            raw: Bytes::from(text),
        }
    }

    fn template(event: &Event) -> Option<ChunkTemplate> {
        let data = event.data().unwrap();
        let chunk: Chunk<'_> = from_json(&data).unwrap().unwrap();
        ChunkTemplate::new(event, &data, &chunk)
    }

    #[test]
    fn a_chunk_that_differs_only_in_its_text_matches() {
        let template = template(&event(r#"{"content":"Hi"}"#, "")).unwrap();

        let text = |delta: &str, rest: &str| template.text(&event(delta, rest));
        assert_eq!(text(r#"{"content":"there\n\"\u00e9\""}"#, ""), Some(17));
        assert_eq!(text(r#"{"content":"é"}"#, ""), Some(2));
        for (delta, rest) in [
            (r#"{"content":""}"#, ""),
            (r#"{"content":"a","refusal":"b"}"#, ""),
            (r#"{"content":"a"}"#, r#","usage":{"prompt_tokens":1}"#),
            (r#"{"content":null}"#, ""),
            (r#"{"content":"a\x"}"#, ""),
            (r#"{"content":"a\u00g0"}"#, ""),
            (r#"{"content":"a\"}"#, ""),
            ("{\"content\":\"a\tb\"}", ""),
        ] {
            assert_eq!(text(delta, rest), None, "{delta}{rest}");
        }
    }

    #[test]
    fn only_a_chunk_with_text_alone_becomes_a_template() {
        for delta in [
            r#"{"content":""}"#,
            r#"{"role":"assistant","content":null}"#,
            r#"{"content":"a","reasoning":"b"}"#,
            r#"{"content":["a"]}"#,
            r#"{"content":"a","tool_calls":[{"index":0}]}"#,
        ] {
            assert!(template(&event(delta, "")).is_none(), "{delta}");
        }
        let usage = r#","usage":{"prompt_tokens":1}"#;
        assert!(template(&event(r#"{"content":"a"}"#, usage)).is_none());
    }

    proptest! {
        /// Bytes between the quotes count as text only where they are JSON, and then with the
        /// length that a parser finds.
        #[test]
        fn matched_chunks_are_valid_json(inner in proptest::collection::vec(any::<u8>(), 0..24)) {
            let template = template(&event(r#"{"content":"Hi"}"#, "")).unwrap();
            let mut raw = template.head.to_vec();
            raw.extend_from_slice(&inner);
            raw.extend_from_slice(&template.tail);
            let event = Event { raw: Bytes::from(raw) };
            if let Some(length) = template.text(&event) {
                let data = event.data().unwrap();
                let chunk: Option<Chunk<'_>> = from_json(&data).expect("JSON");
                let chunk = chunk.expect("an object");
                let text = only_text(&chunk).expect("a text and nothing else");
                prop_assert_eq!(text.get().len() - 2, length);
            }
        }
    }
}
