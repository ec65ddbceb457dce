//! An answer on its way from one protocol into another: a decoder takes the upstream's bytes
//! apart, an encoder says them again to the client.

use super::chat_response::{ChatResponse, Delta, Deltas, ReportedUsage};
use super::size_tracker::SizeTracker;
use crate::domain::Usage;
use crate::protocols::framing::Framing;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind, too_large};
use crate::protocols::{ErrorBody, Event, UpstreamError};
use bytes::{Bytes, BytesMut};

/// Where a decoder is after an event.
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
    /// Whether the end of the bytes, here, is the end of the answer.
    fn may_end(&self) -> bool;
    fn tokens(&self) -> Option<ReportedUsage>;
}

/// Says one answer to a client; keeps the state of its stream.
pub trait Encode: Send {
    fn whole(&mut self, reply: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes;
    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut);
    /// Ends a stream well.
    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut);
    /// Ends a stream that broke.
    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut);
}

/// Both ends put together.
pub struct Transcoder {
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    deltas: Deltas,
    said: usize,
    extent: SizeTracker,
}

impl Transcoder {
    pub fn new(decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        Self {
            decoder,
            encoder,
            deltas: Deltas::new(),
            said: 0,
            extent: SizeTracker::default(),
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
        self.said += deltas.iter().map(|(_, delta)| weight(delta)).sum::<usize>();
        Ok(self
            .encoder
            .whole(ChatResponse::of(deltas), self.decoder.tokens()))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let step = self.decoder.read(event, &mut self.deltas);
        let mut meaning = StreamEventKind::NoContent;
        for (choice, delta) in self.deltas.drain(..) {
            self.said += weight(&delta);
            if !self.extent.take(&delta) {
                return StreamEventKind::Broken(too_large());
            }
            meaning = match (&delta, meaning) {
                (Delta::End(_), StreamEventKind::NoContent) => StreamEventKind::Finish,
                (Delta::Start { .. } | Delta::End(_), before) => before,
                _ => StreamEventKind::Content,
            };
            self.encoder.write(choice, delta, out);
        }
        match step {
            DecodeStep::More => meaning,
            DecodeStep::Done => {
                self.close(out);
                StreamEventKind::Done
            }
            DecodeStep::Broken(upset) => StreamEventKind::Broken(upset),
        }
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.encoder.end(self.decoder.tokens(), out);
    }

    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut) {
        self.encoder.broken(told, out);
    }

    fn usage(&self) -> Option<Usage> {
        self.decoder.tokens().map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.said
    }
}

/// Bytes of text in a step.
fn weight(delta: &Delta) -> usize {
    match delta {
        Delta::Text(text)
        | Delta::Reasoning(text)
        | Delta::Refusal(text)
        | Delta::Arguments { text, .. } => text.len(),
        Delta::Call { name, .. } => name.len(),
        _ => 0,
    }
}
