//! One event of a stream, as it came.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;
use std::borrow::Cow;

/// One event as it came, with its blank line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Bytes as they came, line ends included.
    pub raw: Bytes,
}

impl Event {
    /// Returns the event as a line of JSON, without surrounding whitespace.
    pub fn line(&self) -> &[u8] {
        self.raw.trim_ascii()
    }

    /// Makes an event of a line of JSON.
    pub(super) fn with_field(&self) -> Self {
        let raw = [b"data: ", self.line(), b"\n\n"].concat();
        Self { raw: raw.into() }
    }

    /// Checks whether the event ends in its blank line.
    pub fn has_blank_line(&self) -> bool {
        matches!(
            self.raw.as_ref(),
            [.., b'\n', b'\n'] | [.., b'\n', b'\r', b'\n'] | [.., b'\r', b'\r']
        )
    }

    /// Writes the event as it came; the last one of a stream may lack its blank line.
    pub fn pass(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.raw);
        if !self.has_blank_line() {
            out.extend_from_slice(b"\n\n");
        }
    }

    /// Returns the event as it came, with its blank line.
    pub fn terminated(&self) -> Bytes {
        if self.has_blank_line() {
            return self.raw.clone();
        }
        let mut out = BytesMut::with_capacity(self.raw.len() + 2);
        self.pass(&mut out);
        out.freeze()
    }

    /// Writes an event without data, where it consists of comments only. An event with a name and
    /// without data is the rest of a cut event and would merge with what is written next.
    pub fn pass_comments(&self, out: &mut BytesMut) {
        if lines(&self.raw).all(|line| line.starts_with(b":")) {
            self.pass(out);
        }
    }

    /// Returns the event's name.
    pub fn name(&self) -> Option<&str> {
        let name = lines(&self.raw).find_map(|line| line.strip_prefix(b"event:"))?;
        std::str::from_utf8(name).ok().map(str::trim)
    }

    /// Joins the data lines; `None` for comments and other events without data.
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut data: Option<Cow<'_, [u8]>> = None;
        for line in lines(&self.raw) {
            let Some(value) = line.strip_prefix(b"data:") else {
                continue;
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            data = Some(match data {
                None => Cow::Borrowed(value),
                Some(before) => {
                    let mut joined = before.into_owned();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                    Cow::Owned(joined)
                }
            });
        }
        data.filter(|data| !data.is_empty())
    }
}

/// Returns the lines of an event that are not empty.
pub(super) fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
    let lines = std::iter::from_fn(move || {
        let end = memchr2(b'\n', b'\r', left).unwrap_or(left.len());
        let line = left.get(..end).filter(|_| !left.is_empty())?;
        left = left.get(end + 1..).unwrap_or_default();
        Some(line)
    });
    // A CRLF yields an empty line in between; empty lines mean nothing within an event.
    lines.filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_pass_without_data() {
        let passed = |raw: &'static [u8]| {
            let mut out = BytesMut::new();
            let raw = Bytes::from_static(raw);
            Event { raw }.pass_comments(&mut out);
            out.to_vec()
        };

        assert_eq!(passed(b": keep-alive\n\n"), b": keep-alive\n\n");
        assert_eq!(passed(b": keep-alive"), b": keep-alive\n\n");
        assert_eq!(passed(b"event: message_stop\n"), b"");
        assert_eq!(passed(b": a\nevent: message_stop\n\n"), b"");
    }
}
