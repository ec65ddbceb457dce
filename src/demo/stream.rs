//! Sends a response: its bytes at their times. Everything happens in the body, with no task beside
//! it: a client that disconnects drops the body, its work and its slot.

use super::behaviour::{Slot, StreamFault};
use super::simulated_response::SimulatedResponse;
use super::wire::Wire;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Time between two pieces of a stream, in simulated time at speed 1. Real vendors batch tokens as
/// well, and sixty wake-ups per response would cost more than the rest of the simulation.
pub const PIECE_EVERY: Duration = Duration::from_millis(30);

/// A response with its timing.
#[derive(Debug)]
pub struct StreamedResponse {
    pub wire: &'static dyn Wire,
    pub answer: SimulatedResponse,
    /// Where it breaks, if it does.
    pub stream_fault: Option<StreamFault>,
    /// When the first token is due.
    pub first_token_at: Instant,
    /// Time between two tokens.
    pub per_token: Duration,
    /// Tokens in one piece, at least 1.
    pub tokens_per_piece: u32,
    /// Held until the last byte.
    pub _slot: Option<Slot>,
}

enum Stage {
    Opening,
    /// Tokens sent, and slices sent.
    Sent(u32, u32),
    Ended,
}

impl StreamedResponse {
    /// The response as a stream, which ends with the vendor's terminator or breaks at its fault.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold((self, Stage::Opening), |(response, stage)| async move {
            let (text, next) = match stage {
                Stage::Opening => (
                    Ok(response.wire.stream_start(&response.answer)),
                    Stage::Sent(0, 0),
                ),
                Stage::Sent(sent, slices) if sent < response.answer.tokens() => {
                    response.piece(sent, slices).await
                }
                Stage::Sent(_, slices) => (response.end(slices).await, Stage::Ended),
                Stage::Ended => return None,
            };
            Some((text.map(Bytes::from), (response, next)))
        })
    }

    /// The complete response, once its last token is due.
    pub async fn complete(self) -> Bytes {
        sleep_until(self.due(self.answer.tokens())).await;
        self.whole()
    }

    /// The first half of the complete response, then the fault.
    pub fn first_half(
        self,
        stream_fault: StreamFault,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(
            (self, Stage::Opening),
            move |(response, stage)| async move {
                match stage {
                    Stage::Opening => {
                        sleep_until(response.due(stream_fault.after_tokens)).await;
                        let mut bytes = response.whole();
                        bytes.truncate(bytes.len() / 2);
                        Some((
                            Ok(bytes),
                            (response, Stage::Sent(stream_fault.after_tokens, 0)),
                        ))
                    }
                    Stage::Sent(..) => {
                        sleep_until(response.due(response.answer.tokens())).await;
                        Some((Err(break_off(stream_fault).await), (response, Stage::Ended)))
                    }
                    Stage::Ended => None,
                }
            },
        )
    }

    /// The next piece after `sent` tokens: the first token alone, then batches.
    async fn piece(&self, sent: u32, mut slices: u32) -> (io::Result<String>, Stage) {
        let step = if sent == 0 { 1 } else { self.tokens_per_piece };
        let end = sent.saturating_add(step).min(self.answer.tokens());
        sleep_until(self.due(end)).await;

        if let Some(stream_fault) = self.stream_fault
            && stream_fault.after_tokens < end
        {
            return (Err(break_off(stream_fault).await), Stage::Ended);
        }
        let mut text = String::new();
        for slice in self.answer.content.slices(sent, end) {
            text.push_str(&self.wire.stream_delta(&self.answer, &slice, slices));
            slices += 1;
        }
        (Ok(text), Stage::Sent(end, slices))
    }

    /// The end after the last piece. A response of one token can break only here.
    async fn end(&self, slices: u32) -> io::Result<String> {
        match self.stream_fault {
            Some(stream_fault) => Err(break_off(stream_fault).await),
            None => Ok(self.wire.stream_end(&self.answer, slices)),
        }
    }

    fn whole(&self) -> Bytes {
        self.wire.complete_body(&self.answer).to_string().into()
    }

    /// The time of token number `count` (from 1).
    fn due(&self, count: u32) -> Instant {
        self.first_token_at + self.per_token * count.saturating_sub(1)
    }
}

/// The end of a broken response: an error that makes the server cut the connection, or silence
/// until the client disconnects.
async fn break_off(stream_fault: StreamFault) -> io::Error {
    if stream_fault.is_stall {
        std::future::pending::<()>().await;
    }
    // One turn of the scheduler, so that the server sends earlier data first.
    tokio::task::yield_now().await;
    io::Error::from(io::ErrorKind::ConnectionReset)
}
