//! Cuts a stream of bytes into server-sent events without changing them: an event's raw bytes can
//! be passed on as they came. Lines end in LF, CRLF or CR, wherever the reads were cut.

use super::framing::Framing;
use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// An upstream that sends a longer event than this is broken, and must not cost us more memory.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// An event was longer than 8 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than 8 MB")]
pub struct TooLong;

/// One event as it came, its blank line included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub raw: Bytes,
}

impl Event {
    /// The event's text as a line of JSON, without what is around it.
    pub fn line(&self) -> &[u8] {
        self.raw.trim_ascii()
    }

    /// Whether the blank line at its end is there.
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

    /// Writes an event that has no data, where it is comments alone. What has a name and no data
    /// is the rest of something that was cut off, and would run into what is written next.
    pub fn pass_comments(&self, out: &mut BytesMut) {
        if lines(&self.raw).all(|line| line.starts_with(b":")) {
            self.pass(out);
        }
    }

    /// The data lines joined; nothing for comments and other events without data.
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
    // A CRLF yields an empty line between; empty lines mean nothing inside of an event.
    lines.filter(|line| !line.is_empty())
}

/// Collects reads and gives out whole events.
#[derive(Debug, Default)]
pub struct EventSplitter {
    buffer: BytesMut,
    /// Bytes that were searched already.
    seen: usize,
}

impl EventSplitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, where there is one.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        match self.boundary() {
            Some(end) => {
                self.seen = 0;
                Ok(Some(Event {
                    raw: self.buffer.split_to(end).freeze(),
                }))
            }
            None if self.buffer.len() > MAX_EVENT_BYTES => Err(TooLong),
            None => Ok(None),
        }
    }

    /// What is left once the bytes have ended: an event whose blank line never came.
    pub fn rest(&mut self) -> Option<Event> {
        self.seen = 0;
        let raw = self.buffer.split().freeze();
        (!raw.iter().all(u8::is_ascii_whitespace)).then_some(Event { raw })
    }

    /// End of the first event: behind the second of two line ends in a row.
    fn boundary(&mut self) -> Option<usize> {
        let bytes = &self.buffer[..];
        let mut at = self.seen;
        loop {
            let Some(next) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                // What has no end in it is not looked at again, however long the line gets.
                self.seen = bytes.len();
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
            self.seen = at;
        }
    }
}

/// Collects reads and gives out whole lines; empty ones mean nothing.
#[derive(Debug, Default)]
pub struct LineSplitter {
    buffer: BytesMut,
    seen: usize,
}

impl LineSplitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, where there is one.
    pub fn next_line(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(at) = memchr(b'\n', &self.buffer[self.seen..]) {
            let raw = self.buffer.split_to(self.seen + at + 1).freeze();
            self.seen = 0;
            if !raw.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Event { raw }));
            }
        }
        self.seen = self.buffer.len();
        if self.seen > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        Ok(None)
    }

    /// What is left once the bytes have ended: a line without its end.
    pub fn rest(&mut self) -> Option<Event> {
        self.seen = 0;
        let raw = self.buffer.split().freeze();
        (!raw.iter().all(u8::is_ascii_whitespace)).then_some(Event { raw })
    }
}

/// Cuts a stream by what its protocol cuts it.
#[derive(Debug)]
pub enum Splitter {
    Events(EventSplitter),
    Lines(LineSplitter),
}

impl Splitter {
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events(EventSplitter::default()),
            Framing::Lines => Self::Lines(LineSplitter::default()),
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(splitter) => splitter.push(bytes),
            Self::Lines(splitter) => splitter.push(bytes),
        }
    }

    /// The next whole event, where there is one.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        match self {
            Self::Events(splitter) => splitter.next_event(),
            Self::Lines(splitter) => splitter.next_line(),
        }
    }

    /// What is left once the bytes have ended.
    pub fn rest(&mut self) -> Option<Event> {
        match self {
            Self::Events(splitter) => splitter.rest(),
            Self::Lines(splitter) => splitter.rest(),
        }
    }
}

/// Length of the line end at the start; nothing while a lone CR may still become a CRLF.
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
