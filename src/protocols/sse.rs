//! Splits a byte stream into server-sent events without changing them, so that an event's raw bytes
//! can be passed on. Lines end in LF, CRLF or CR, wherever the reads were cut. Other crates'
//! readers, such as `sse-stream` in the client, return parsed fields and lose these bytes.

use super::framing::Framing;
use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// Longest event; a longer one is a failure of the upstream and must not use more memory.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// An event is longer than 8 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than 8 MB")]
pub struct TooLong;

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

    /// Writes an event without data, where it consists of comments only. An event with a name and
    /// without data is the rest of a cut event and would merge with what is written next.
    pub fn pass_comments(&self, out: &mut BytesMut) {
        if lines(&self.raw).all(|line| line.starts_with(b":")) {
            self.pass(out);
        }
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

fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
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

/// Buffers reads and returns whole events.
#[derive(Debug, Default)]
pub struct EventSplitter {
    buffer: BytesMut,
    /// Number of bytes that were searched already.
    searched: usize,
}

impl EventSplitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole event; an error where it gets too long.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        match self.boundary() {
            Some(end) => {
                self.searched = 0;
                Ok(Some(Event {
                    raw: self.buffer.split_to(end).freeze(),
                }))
            }
            None if self.buffer.len() > MAX_EVENT_BYTES => Err(TooLong),
            None => Ok(None),
        }
    }

    /// Returns the bytes that remain at the end of the stream: an event without its blank line.
    pub fn rest(&mut self) -> Option<Event> {
        self.searched = 0;
        let raw = self.buffer.split().freeze();
        (!raw.iter().all(u8::is_ascii_whitespace)).then_some(Event { raw })
    }

    /// Returns the end of the first event: after the second of two line ends in a row.
    fn boundary(&mut self) -> Option<usize> {
        let bytes = &self.buffer[..];
        let mut at = self.searched;
        loop {
            let Some(next) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                // Bytes without a line end are not searched again, however long the line gets.
                self.searched = bytes.len();
                return None;
            };
            let first = at + next;
            let second = first + line_end(&bytes[first..])?;
            match bytes.get(second) {
                // The line goes on, or a next line begins.
                Some(b'\n' | b'\r') => return Some(second + line_end(&bytes[second..])?),
                Some(_) => at = second,
                None => return None,
            }
            self.searched = at;
        }
    }
}

/// Buffers reads and returns whole lines; empty ones are skipped.
#[derive(Debug, Default)]
pub struct LineSplitter {
    buffer: BytesMut,
    searched: usize,
}

impl LineSplitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole line; an error where it gets too long.
    pub fn next_line(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(at) = memchr(b'\n', &self.buffer[self.searched..]) {
            let raw = self.buffer.split_to(self.searched + at + 1).freeze();
            self.searched = 0;
            if !raw.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Event { raw }));
            }
        }
        self.searched = self.buffer.len();
        if self.searched > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        Ok(None)
    }

    /// Returns the bytes that remain at the end of the stream: a line without its end.
    pub fn rest(&mut self) -> Option<Event> {
        self.searched = 0;
        let raw = self.buffer.split().freeze();
        (!raw.iter().all(u8::is_ascii_whitespace)).then_some(Event { raw })
    }
}

/// Splits a stream by its protocol's framing.
#[derive(Debug)]
pub enum Splitter {
    /// Server-sent events.
    Events(EventSplitter),
    /// Lines of JSON.
    Lines(LineSplitter),
}

impl Splitter {
    /// Creates a splitter for a framing.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(EventSplitter::default()),
            Framing::Lines => Self::Lines(LineSplitter::default()),
        }
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(splitter) => splitter.push(bytes),
            Self::Lines(splitter) => splitter.push(bytes),
        }
    }

    /// Returns the next whole event; an error where it gets too long.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        match self {
            Self::Events(splitter) => splitter.next_event(),
            Self::Lines(splitter) => splitter.next_line(),
        }
    }

    /// Returns the bytes that remain at the end of the stream.
    pub fn rest(&mut self) -> Option<Event> {
        match self {
            Self::Events(splitter) => splitter.rest(),
            Self::Lines(splitter) => splitter.rest(),
        }
    }
}

/// Length of the line end at the start; `None` while a lone CR may still become a CRLF.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] | [b'\r', _, ..] => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(parts: &[&[u8]]) -> Vec<Option<String>> {
        let mut splitter = EventSplitter::default();
        let mut events = Vec::new();
        for part in parts {
            splitter.push(part);
            while let Some(event) = splitter.next_event().unwrap() {
                events.push(event);
            }
        }
        events.extend(splitter.rest());
        let text = |event: &Event| {
            event
                .data()
                .map(|data| String::from_utf8_lossy(&data).into_owned())
        };
        events.iter().map(text).collect()
    }

    #[test]
    fn events_are_the_same_wherever_the_reads_are_cut() {
        let streams: [&[u8]; 3] = [
            b": hello\n\ndata: {\"a\":1}\n\nevent: x\ndata: two\ndata: lines\nid: 7\n\ndata: [DONE]\n\n",
            b": hello\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\r\ndata: two\r\ndata: lines\r\nid: 7\r\n\r\ndata: [DONE]\r\n\r\n",
            b": hello\r\rdata: {\"a\":1}\r\revent: x\rdata: two\rdata: lines\rid: 7\r\rdata: [DONE]\r\r",
        ];
        let expected = [None, Some("{\"a\":1}"), Some("two\nlines"), Some("[DONE]")]
            .map(|data| data.map(str::to_owned));
        for stream in streams {
            for cut in 0..=stream.len() {
                assert_eq!(
                    split(&[&stream[..cut], &stream[cut..]]),
                    expected,
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn comments_pass_without_data_and_nothing_else_does() {
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

    #[test]
    fn an_event_without_its_blank_line_is_left_over() {
        assert_eq!(
            split(&[b"data: a\n\ndata: b"]),
            [Some("a".to_owned()), Some("b".to_owned())]
        );
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut splitter = EventSplitter::default();
        splitter.push(&vec![b'x'; MAX_EVENT_BYTES + 1]);

        assert_eq!(splitter.next_event(), Err(TooLong));

        let mut splitter = LineSplitter::default();
        splitter.push(&vec![b'x'; MAX_EVENT_BYTES + 1]);

        assert_eq!(splitter.next_line(), Err(TooLong));
    }
}
