//! Translates a response from one protocol into another: a decoder reads the upstream's bytes, an
//! encoder writes them for the client.

use super::chat_response::{ChatResponse, Delta, Deltas, ReportedUsage};
use super::size_tracker::SizeTracker;
use crate::domain::Usage;
use crate::protocols::framing::Framing;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, too_large};
use crate::protocols::{ErrorBody, Event, UpstreamError};
use bytes::{Bytes, BytesMut};

/// State of a decoder after an event.
#[derive(Debug, Clone, PartialEq)]
pub enum DecodeStep {
    More,
    /// The terminator was there.
    Done,
    /// The provider gave up, inside a 200.
    Broken(UpstreamError),
}

/// Takes one answer apart; keeps the state of its stream.
pub trait Decode: Send {
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// A whole answer.
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError>;
    /// One event of a stream.
    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep;
    /// Checks whether the end of the bytes, here, is the end of the answer.
    fn may_end(&self) -> bool;
    fn tokens(&self) -> Option<ReportedUsage>;
}

/// Encodes one response for a client; holds the state of its stream.
pub trait Encode: Send {
    fn whole(&mut self, reply: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes;
    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut);
    /// Ends a stream well.
    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut);
    /// Ends a stream that broke.
    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut);
}

/// Both ends put together.
pub struct Transcoder {
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    deltas: Deltas,
    text_bytes: usize,
    size: SizeTracker,
}

impl Transcoder {
    pub fn new(decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        Self {
            decoder,
            encoder,
            deltas: Deltas::new(),
            text_bytes: 0,
            size: SizeTracker::default(),
        }
    }
}

impl ResponseAdapter for Transcoder {
    fn framing(&self) -> Framing {
        self.decoder.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut deltas = Deltas::new();
        self.decoder.whole(body, &mut deltas)?;
        self.text_bytes += deltas
            .iter()
            .map(|(_, delta)| text_length(delta))
            .sum::<usize>();
        Ok(self
            .encoder
            .whole(ChatResponse::of(deltas), self.decoder.tokens()))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let step = self.decoder.read(event, &mut self.deltas);
        let mut kind = StreamEventKind::NoContent;
        for (choice, delta) in self.deltas.drain(..) {
            self.text_bytes += text_length(&delta);
            if !self.size.take(&delta) {
                return StreamEventKind::Broken(too_large());
            }
            kind = match (&delta, kind) {
                (Delta::End(_), StreamEventKind::NoContent) => StreamEventKind::Finish,
                (Delta::Start { .. } | Delta::End(_), before) => before,
                _ => StreamEventKind::Content,
            };
            self.encoder.write(choice, delta, out);
        }
        match step {
            DecodeStep::More => kind,
            DecodeStep::Done => {
                self.close(out);
                StreamEventKind::Done
            }
            DecodeStep::Broken(error) => StreamEventKind::Broken(error),
        }
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.encoder.end(self.decoder.tokens(), out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.encoder.broken(error, out);
    }

    fn usage(&self) -> Option<Usage> {
        self.decoder.tokens().map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// Bytes of text in a step.
fn text_length(delta: &Delta) -> usize {
    match delta {
        Delta::Text(text)
        | Delta::Reasoning(text)
        | Delta::Refusal(text)
        | Delta::Arguments { text, .. } => text.len(),
        Delta::Call { name, .. } => name.len(),
        _ => 0,
    }
}
