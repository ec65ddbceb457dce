//! An answer on its way from one protocol into another: a decoder takes the upstream's bytes
//! apart, an encoder says them again to the client.

use super::extent::Extent;
use super::reply::{Delta, Deltas, Reply, Tokens};
use crate::domain::Usage;
use crate::protocols::passage::{Framing, Meaning, Passage, too_large};
use crate::protocols::{Event, Told, Upset};
use bytes::{Bytes, BytesMut};

/// Where a decoder is after an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    More,
    /// The terminator was there.
    Done,
    /// The provider gave up, inside a 200.
    Broken(Upset),
}

/// Takes one answer apart; keeps the state of its stream.
pub trait Decode: Send {
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// A whole answer.
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), Upset>;
    /// One event of a stream.
    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> Step;
    /// Whether the end of the bytes, here, is the end of the answer.
    fn may_end(&self) -> bool;
    fn tokens(&self) -> Option<Tokens>;
}

/// Says one answer to a client; keeps the state of its stream.
pub trait Encode: Send {
    fn whole(&mut self, reply: Reply, tokens: Option<Tokens>) -> Bytes;
    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut);
    /// Ends a stream well.
    fn end(&mut self, tokens: Option<Tokens>, out: &mut BytesMut);
    /// Ends a stream that broke.
    fn broken(&mut self, told: &Told, out: &mut BytesMut);
}

/// Both ends put together.
pub struct Translation {
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    deltas: Deltas,
    said: usize,
    extent: Extent,
}

impl Translation {
    pub fn new(decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        Self {
            decoder,
            encoder,
            deltas: Deltas::new(),
            said: 0,
            extent: Extent::default(),
        }
    }
}

impl Passage for Translation {
    fn framing(&self) -> Framing {
        self.decoder.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, Upset> {
        let mut deltas = Deltas::new();
        self.decoder.whole(body, &mut deltas)?;
        self.said += deltas.iter().map(|(_, delta)| weight(delta)).sum::<usize>();
        Ok(self.encoder.whole(Reply::of(deltas), self.decoder.tokens()))
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> Meaning {
        let step = self.decoder.read(event, &mut self.deltas);
        let mut meaning = Meaning::Quiet;
        for (choice, delta) in self.deltas.drain(..) {
            self.said += weight(&delta);
            if !self.extent.take(&delta) {
                return Meaning::Broken(too_large());
            }
            meaning = match (&delta, meaning) {
                (Delta::End(_), Meaning::Quiet) => Meaning::Finish,
                (Delta::Start { .. } | Delta::End(_), before) => before,
                _ => Meaning::Content,
            };
            self.encoder.write(choice, delta, out);
        }
        match step {
            Step::More => meaning,
            Step::Done => {
                self.close(out);
                Meaning::Done
            }
            Step::Broken(upset) => Meaning::Broken(upset),
        }
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.encoder.end(self.decoder.tokens(), out);
    }

    fn broken(&mut self, told: &Told, out: &mut BytesMut) {
        self.encoder.broken(told, out);
    }

    fn usage(&self) -> Option<Usage> {
        self.decoder.tokens().map(Usage::from)
    }

    fn said(&self) -> usize {
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
