//! TELLING AN ANSWER: the bytes at their times. Nothing runs beside the body: a client that leaves
//! drops it, and with it the work and the slot.

use super::answer::SimulatedResponse;
use super::vendor_behaviour::{Slot, StreamFault};
use super::wire::Wire;
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
pub struct StreamedResponse {
    pub wire: &'static dyn Wire,
    pub answer: SimulatedResponse,
    /// Where it breaks, if it does.
    pub rupture: Option<StreamFault>,
    /// When the first token is due.
    pub first_token_at: Instant,
    /// Between two tokens.
    pub per_token: Duration,
    /// Tokens in one piece, at least 1.
    pub tokens_per_piece: u32,
    /// Held until the last byte.
    pub _slot: Option<Slot>,
}

enum Stage {
    Opening,
    /// So many tokens were told, in so many slices.
    Told(u32, u32),
    Over,
}

impl StreamedResponse {
    /// The answer in pieces, ended by the vendor's terminator, or broken where its rupture says.
    pub fn in_pieces(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold((self, Stage::Opening), |(tale, stage)| async move {
            let (text, next) = match stage {
                Stage::Opening => (Ok(tale.wire.opening(&tale.answer)), Stage::Told(0, 0)),
                Stage::Told(told, slices) if told < tale.answer.tokens() => {
                    tale.piece(told, slices).await
                }
                Stage::Told(_, slices) => (tale.end(slices).await, Stage::Over),
                Stage::Over => return None,
            };
            Some((text.map(Bytes::from), (tale, next)))
        })
    }

    /// The whole answer, once its last token is there.
    pub async fn finished(self) -> Bytes {
        sleep_until(self.due(self.answer.tokens())).await;
        self.whole()
    }

    /// The first half of the whole answer, and then what the rupture says.
    pub fn in_half(self, rupture: StreamFault) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold((self, Stage::Opening), move |(tale, stage)| async move {
            match stage {
                Stage::Opening => {
                    sleep_until(tale.due(rupture.after_tokens)).await;
                    let mut bytes = tale.whole();
                    bytes.truncate(bytes.len() / 2);
                    Some((Ok(bytes), (tale, Stage::Told(rupture.after_tokens, 0))))
                }
                Stage::Told(..) => {
                    sleep_until(tale.due(tale.answer.tokens())).await;
                    Some((Err(broken(rupture).await), (tale, Stage::Over)))
                }
                Stage::Over => None,
            }
        })
    }

    /// The next piece after `told` tokens: the first token alone, then as many as belong together.
    async fn piece(&self, told: u32, mut slices: u32) -> (io::Result<String>, Stage) {
        let step = if told == 0 { 1 } else { self.tokens_per_piece };
        let end = told.saturating_add(step).min(self.answer.tokens());
        sleep_until(self.due(end)).await;

        if let Some(rupture) = self.rupture
            && rupture.after_tokens < end
        {
            return (Err(broken(rupture).await), Stage::Over);
        }
        let mut text = String::new();
        for slice in self.answer.content.slices(told, end) {
            text.push_str(&self.wire.piece(&self.answer, &slice, slices));
            slices += 1;
        }
        (Ok(text), Stage::Told(end, slices))
    }

    /// What comes after the last piece: an answer of one token has no other place to break.
    async fn end(&self, slices: u32) -> io::Result<String> {
        match self.rupture {
            Some(rupture) => Err(broken(rupture).await),
            None => Ok(self.wire.closing(&self.answer, slices)),
        }
    }

    fn whole(&self) -> Bytes {
        self.wire.whole(&self.answer).to_string().into()
    }

    /// When token number `count` (from 1) is there.
    fn due(&self, count: u32) -> Instant {
        self.first_token_at + self.per_token * count.saturating_sub(1)
    }
}

/// The end of a broken answer: an error that makes the server cut the connection, or silence until
/// the client leaves.
async fn broken(rupture: StreamFault) -> io::Error {
    if rupture.is_stall {
        std::future::pending::<()>().await;
    }
    // Once round the scheduler, so that the server sends what was told before.
    tokio::task::yield_now().await;
    io::Error::from(io::ErrorKind::ConnectionReset)
}
