//! Memory of all answers together: those that are read as a whole, events that are read until their
//! end, what is held back, and what clients have not taken yet. Each client has a fair share. Where
//! there is no room, the provider is not read for a while, and then the answer ends with an error.

use super::fair_budget::{ClientShare, FairBudget, FairReservation};
use crate::foreign::BodyError;
use crate::protocols::UpstreamError;
use bytes::{Bytes, BytesMut};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Bytes of all answers that are held at once.
const MAX_TOTAL_BYTES: usize = 384 * 1024 * 1024;
/// Smaller pieces do not count: those of usual streams. A connection holds 16 of them at most.
const MIN_COUNTED_PIECE: usize = 1024;
/// Smaller buffers of a reader do not count.
const MIN_COUNTED_BUFFER: usize = 16 * 1024;
/// Time to wait for room, in which the provider is not read.
const MAX_WAIT: Duration = Duration::from_secs(5);
const WAIT_STEP: Duration = Duration::from_millis(25);

/// Memory of all answers; clones share it.
#[derive(Debug, Clone)]
pub struct AnswerMemory(FairBudget);

impl Default for AnswerMemory {
    fn default() -> Self {
        Self::with_max_total(MAX_TOTAL_BYTES)
    }
}

/// All answers together take too much memory, or those of this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoAnswerMemory;

/// An answer that could not be read.
#[derive(Debug)]
pub(super) enum AnswerError {
    Upstream(UpstreamError),
    NoMemory(NoAnswerMemory),
}

impl From<BodyError> for AnswerError {
    fn from(error: BodyError) -> Self {
        Self::Upstream(error.into())
    }
}

impl From<UpstreamError> for AnswerError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

impl From<NoAnswerMemory> for AnswerError {
    fn from(error: NoAnswerMemory) -> Self {
        Self::NoMemory(error)
    }
}

impl AnswerMemory {
    /// Limits the bytes of all answers.
    pub fn with_max_total(max_bytes: usize) -> Self {
        Self(FairBudget::new(max_bytes))
    }

    /// The share of a client.
    pub(super) fn of(&self, token: &Arc<str>, address: Option<IpAddr>) -> ClientMemory {
        ClientMemory(self.0.share(token, address))
    }
}

/// The share of one request's client.
#[derive(Debug, Clone)]
pub(super) struct ClientMemory(ClientShare);

impl ClientMemory {
    /// Counts a piece until the client has taken it; waits for room.
    pub async fn hold(&self, piece: Bytes) -> Result<Bytes, NoAnswerMemory> {
        if piece.len() < MIN_COUNTED_PIECE {
            return Ok(piece);
        }
        let mut buffer = self.buffer();
        buffer.set_counted(piece.len()).await?;
        Ok(buffer.hold(piece))
    }

    /// A buffer without bytes.
    pub fn buffer(&self) -> AnswerBuffer {
        AnswerBuffer {
            share: self.0.clone(),
            reservation: None,
        }
    }

    /// Reads the whole body, at most `max_bytes` after decompression. A stated length is reserved before
    /// anything is read.
    pub async fn read(
        &self,
        mut response: reqwest::Response,
        max_bytes: usize,
        buffer: &mut AnswerBuffer,
    ) -> Result<Bytes, AnswerError> {
        let length = response.content_length().unwrap_or(0);
        if length > max_bytes as u64 {
            return Err(BodyError::TooLarge.into());
        }
        let length = usize::try_from(length).unwrap_or(0);
        buffer.set(length).await?;
        let body = BytesMut::with_capacity(length);
        buffer.read_rest(body, &mut response, max_bytes).await
    }
}

/// Bytes of one answer that are being read.
#[derive(Debug)]
pub(super) struct AnswerBuffer {
    share: ClientShare,
    /// `None` while the buffer is short.
    reservation: Option<FairReservation>,
}

impl AnswerBuffer {
    /// Counts the buffer with `bytes`; waits for room. A short one does not count.
    pub async fn set(&mut self, bytes: usize) -> Result<(), NoAnswerMemory> {
        if bytes < MIN_COUNTED_BUFFER {
            self.reservation = None;
            return Ok(());
        }
        self.set_counted(bytes).await
    }

    async fn set_counted(&mut self, bytes: usize) -> Result<(), NoAnswerMemory> {
        let share = &self.share;
        let reservation = self.reservation.get_or_insert_with(|| share.reservation());
        if reservation.try_grow(bytes) {
            return Ok(());
        }
        let give_up_at = Instant::now() + MAX_WAIT;
        while Instant::now() < give_up_at {
            sleep(WAIT_STEP).await;
            if reservation.try_grow(bytes) {
                return Ok(());
            }
        }
        Err(NoAnswerMemory)
    }

    /// Reads the rest of a body after what was read of it.
    pub async fn read_rest(
        &mut self,
        mut body: BytesMut,
        response: &mut reqwest::Response,
        max_bytes: usize,
    ) -> Result<Bytes, AnswerError> {
        let interrupted = |error: reqwest::Error| BodyError::Interrupted(error.without_url());
        while let Some(chunk) = response.chunk().await.map_err(interrupted)? {
            let bytes = body.len() + chunk.len();
            if bytes > max_bytes {
                return Err(BodyError::TooLarge.into());
            }
            self.set(bytes.max(body.capacity())).await?;
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Counts what was made of the buffer until the client has taken it; waits for room.
    pub async fn into_held(mut self, made: Bytes) -> Result<Bytes, NoAnswerMemory> {
        if made.len() < MIN_COUNTED_PIECE {
            return Ok(made);
        }
        self.set_counted(made.len()).await?;
        Ok(self.hold(made))
    }

    fn hold(self, piece: Bytes) -> Bytes {
        match self.reservation {
            Some(reservation) => reservation.hold(piece),
            None => piece,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = 100 * 1024;

    fn response(bytes: usize) -> reqwest::Response {
        http::Response::new(vec![b'x'; bytes]).into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_room_and_then_ends() {
        let memory = AnswerMemory::with_max_total(4 * PIECE);
        let client = memory.of(&"a".into(), None);
        let held = client.hold(vec![0; 2 * PIECE].into()).await.unwrap();
        assert_eq!(held.len(), 2 * PIECE);
        let small = client.hold(vec![0; MIN_COUNTED_PIECE - 1].into()).await;
        assert!(small.is_ok(), "small pieces never wait");

        let begun = Instant::now();
        let refused = client.hold(vec![0; PIECE].into()).await;
        assert_eq!(refused, Err(NoAnswerMemory));
        assert!(begun.elapsed() >= MAX_WAIT);
        let other = memory.of(&"b".into(), "192.0.2.1".parse().ok());
        assert!(other.hold(vec![0; PIECE].into()).await.is_ok());

        let waiting = client.hold(vec![0; PIECE].into());
        let release = async {
            sleep(Duration::from_secs(1)).await;
            drop(held);
        };
        let (waited, ()) = tokio::join!(waiting, release);
        assert!(waited.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_answer_counts_while_it_is_read_and_until_it_is_taken() {
        let memory = AnswerMemory::with_max_total(4 * PIECE);
        let client = memory.of(&"a".into(), None);
        let mut buffer = client.buffer();
        let read = client.read(response(PIECE), 2 * PIECE, &mut buffer).await;
        let taken = buffer.into_held(read.unwrap()).await.unwrap();

        let read = async |bytes: usize, most: usize| {
            let mut buffer = client.buffer();
            client.read(response(bytes), most, &mut buffer).await
        };
        let too_much = read(2 * PIECE, 3 * PIECE).await;
        assert!(matches!(too_much, Err(AnswerError::NoMemory(_))));
        drop(taken);
        assert!(read(2 * PIECE, 3 * PIECE).await.is_ok());
        let too_large = read(2 * PIECE, PIECE).await;
        assert!(matches!(too_large, Err(AnswerError::Upstream(_))));
    }
}
