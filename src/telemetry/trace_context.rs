//! The place of a call in a trace, as the W3C header `traceparent` states it.

use std::fmt;

/// The trace and one span in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Id of the trace, not 0.
    pub trace: u128,
    /// Id of the span, not 0.
    pub span: u64,
    /// Whether its spans are recorded.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` header; `None` where it is not valid.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = hex(parts.next()?, 2)?;
        // Later versions may have more parts.
        let is_valid = version != 0xff && (version > 0 || parts.next().is_none());
        (is_valid && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            is_sampled: flags & 1 == 1,
        })
    }

    /// Begins a trace; `None` without a source of random numbers.
    pub(super) fn random() -> Option<Self> {
        Some(Self {
            trace: u128::from_be_bytes(random_bytes()?),
            span: u64::from_be_bytes(random_bytes()?),
            is_sampled: true,
        })
    }

    /// Returns a new span of the same trace.
    pub(super) fn child(self) -> Option<Self> {
        let span = u64::from_be_bytes(random_bytes()?);
        Some(Self { span, ..self })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.span)
    }
}

fn random_bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes).filter(|bytes| bytes.iter().any(|byte| *byte != 0))
}

/// A number of exactly so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_valid = text.len() == digits && text.bytes().all(is_hex);
    is_valid.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text).unwrap();

        assert_eq!(context.to_string(), text);
        assert!(context.is_sampled);
        let child = context.child().unwrap();
        assert_eq!(child.trace, context.trace);
        assert_ne!(child.span, context.span);
        let unsampled = TraceContext::parse(&text.replace("-01", "-00")).unwrap();
        assert!(!unsampled.is_sampled);
        let later = TraceContext::parse(&text.replace("00-4", "01-4").replace("-01", "-01-x"));
        assert_eq!(later, Some(context));
    }

    #[test]
    fn an_invalid_header_is_none() {
        let texts = [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ];
        for text in texts {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
