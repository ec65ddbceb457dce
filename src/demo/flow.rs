//! TELLING AN ANSWER: the bytes at their times. Nothing runs beside the body: a client that leaves
//! drops it, and with it the work and the slot.

use super::behaviour::{Rupture, Slot, Telling};
use super::lorem;
use super::wire::{Answer, Wire};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How often a stream speaks, in world time at speed 1. Vendors gather tokens like this too, and
/// sixty wake-ups per answer would cost more than the rest of the simulation.
pub const PIECE_EVERY: Duration = Duration::from_millis(30);

/// Everything an answer needs to be told.
#[derive(Debug)]
pub struct Tale {
    pub wire: &'static dyn Wire,
    pub answer: Answer,
    pub telling: Telling,
    /// When the first token is due.
    pub first_token_at: Instant,
    /// Tokens in one piece, at least 1.
    pub tokens_per_piece: u32,
    /// Held until the last byte.
    pub _slot: Option<Slot>,
}

enum Stage {
    Opening,
    Told(u32),
    Over,
}

impl Tale {
    /// The answer in pieces, ended by the vendor's terminator, or broken where its rupture says.
    pub fn in_pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold((self, Stage::Opening), |(tale, stage)| async move {
            let (bytes, next) = match stage {
                Stage::Opening => (Ok(tale.wire.opening(&tale.answer)), Stage::Told(0)),
                Stage::Told(told) if told < tale.telling.tokens => tale.piece(told).await,
                Stage::Told(_) => (Ok(tale.wire.closing(&tale.answer)), Stage::Over),
                Stage::Over => return None,
            };
            Some((bytes, (tale, next)))
        })
    }

    /// The whole answer, once its last token is there.
    pub async fn finished(self) -> Bytes {
        sleep_until(self.due(self.telling.tokens)).await;
        self.whole()
    }

    /// The first half of the whole answer, and then what the rupture says.
    pub fn in_half(self, rupture: Rupture) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold((self, Stage::Opening), move |(tale, stage)| async move {
            match stage {
                Stage::Opening => {
                    sleep_until(tale.due(rupture.after_tokens)).await;
                    let mut bytes = tale.whole();
                    bytes.truncate(bytes.len() / 2);
                    Some((Ok(bytes), (tale, Stage::Told(rupture.after_tokens))))
                }
                Stage::Told(_) => {
                    sleep_until(tale.due(tale.telling.tokens)).await;
                    Some((Err(broken(rupture).await), (tale, Stage::Over)))
                }
                Stage::Over => None,
            }
        })
    }

    /// The next piece after `told` tokens: the first token alone, then as many as belong together.
    async fn piece(&self, told: u32) -> (io::Result<Bytes>, Stage) {
        let step = if told == 0 { 1 } else { self.tokens_per_piece };
        let end = told.saturating_add(step).min(self.telling.tokens);
        sleep_until(self.due(end)).await;

        match self.telling.rupture {
            Some(rupture) if rupture.after_tokens < end => {
                (Err(broken(rupture).await), Stage::Over)
            }
            _ => {
                let text = lorem::words(self.answer.offset, told, end);
                (Ok(self.wire.piece(&self.answer, &text)), Stage::Told(end))
            }
        }
    }

    fn whole(&self) -> Bytes {
        let text = lorem::words(self.answer.offset, 0, self.telling.tokens);
        self.wire.whole(&self.answer, &text)
    }

    /// When token number `count` (from 1) is there.
    fn due(&self, count: u32) -> Instant {
        self.first_token_at + self.telling.per_token * count.saturating_sub(1)
    }
}

/// The end of a broken answer: an error that makes the server cut the connection, or silence until
/// the client leaves.
async fn broken(rupture: Rupture) -> io::Error {
    if rupture.is_stall {
        std::future::pending::<()>().await;
    }
    io::Error::from(io::ErrorKind::ConnectionReset)
}
