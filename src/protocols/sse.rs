//! Splits a byte stream into server-sent events without changing them, so that an event's raw bytes
//! can be passed on. Lines end in LF, CRLF or CR; reads may be cut anywhere. Other crates'
//! readers, such as `sse-stream` in the client, return parsed fields and lose these bytes.

use super::framing::Framing;
use super::half_characters::HalfCharacters;
use super::stray_lines;
use super::stream_event::Event;
use bytes::BytesMut;
use memchr::{memchr, memchr2};
use std::collections::VecDeque;

/// Longest event; a longer one is a failure of the upstream and must not use more memory.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// An event is longer than 8 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than 8 MB")]
pub struct TooLong;

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

/// Splits a stream by its protocol's framing, and mends what no parser would read.
#[derive(Debug)]
pub struct Splitter {
    framing: Framing,
    events: EventSplitter,
    lines: LineSplitter,
    halves: HalfCharacters,
    /// Events that were read together with an earlier one.
    waiting: VecDeque<Event>,
}

impl Splitter {
    /// Creates a splitter for a framing.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            events: EventSplitter::default(),
            lines: LineSplitter::default(),
            halves: HalfCharacters::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Adds bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        match self.framing {
            Framing::Events => self.events.push(bytes),
            Framing::Lines => self.lines.push(bytes),
        }
    }

    /// Bytes that are held until their event is whole.
    pub fn held_bytes(&self) -> usize {
        self.events.buffer.len() + self.lines.buffer.len()
    }

    /// Returns the next whole event; an error where it gets too long.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            let event = match self.framing {
                Framing::Events => self.events.next_event()?,
                Framing::Lines => self.lines.next_line()?,
            };
            let Some(event) = event else {
                return Ok(None);
            };
            self.mend(event);
        }
    }

    /// Returns the bytes that remain at the end of the stream, event by event.
    pub fn rest(&mut self) -> Option<Event> {
        let rest = match self.framing {
            Framing::Events => self.events.rest(),
            Framing::Lines => self.lines.rest(),
        };
        if let Some(event) = rest {
            self.mend(event);
        }
        self.waiting.pop_front()
    }

    fn mend(&mut self, event: Event) {
        let raw = self.halves.mend_event(event.raw);
        stray_lines::push(Event { raw }, self.framing, &mut self.waiting);
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
    fn events_do_not_depend_on_where_reads_are_cut() {
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
    fn an_event_without_its_blank_line_remains_at_the_end() {
        assert_eq!(
            split(&[b"data: a\n\ndata: b"]),
            [Some("a".to_owned()), Some("b".to_owned())]
        );
    }

    #[test]
    fn a_line_beyond_the_size_limit_is_an_error() {
        let mut splitter = EventSplitter::default();
        splitter.push(&vec![b'x'; MAX_EVENT_BYTES + 1]);

        assert_eq!(splitter.next_event(), Err(TooLong));

        let mut splitter = LineSplitter::default();
        splitter.push(&vec![b'x'; MAX_EVENT_BYTES + 1]);

        assert_eq!(splitter.next_line(), Err(TooLong));
    }
}
