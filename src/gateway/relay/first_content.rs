//! Reads a stream up to where the client gets the first of it: its first content, or its end where the
//! whole response is held back.

use super::{DecodedChunk, StreamEnd, StreamRelay};
use crate::domain::{Failure, Outcome};
use crate::gateway::attempt::{Attempt, AttemptFailure};
use crate::gateway::attempt_usage::AttemptUsage;
use crate::gateway::error::GatewayError;
use crate::protocols::UpstreamError;
use futures_util::StreamExt;
use std::future::pending;
use tokio::time::{Instant, timeout_at};

/// Events before the first content that are held back; more count as content.
const MAX_HELD_EVENTS: u32 = 64;
/// Bytes before the first content that are held back; more count as content.
const MAX_HELD_BYTES: usize = 256 * 1024;

impl StreamRelay {
    /// Reads up to the first content, or to the end where the response is held back. On failure the
    /// attempt is over and the client has seen nothing of it.
    pub async fn until_content(mut self, deadline: Instant) -> Result<Self, AttemptFailure> {
        let mut events = 0;
        loop {
            let chunk = if !self.has_content() {
                self.first_chunk(deadline).await
            } else if let Some(chunk) = self.next_chunk(None).await {
                chunk
            } else {
                // The handler observes the shutdown too, and drops this.
                pending().await
            };
            events += chunk.events;
            self.held.extend_from_slice(&chunk.out);
            let is_much = events > MAX_HELD_EVENTS || self.held.len() > MAX_HELD_BYTES;
            if chunk.content || (is_much && chunk.end.is_none()) {
                self.on_first_content();
            }
            match chunk.end {
                Some(StreamEnd::Broken(error)) if self.can_fail_over() => {
                    return Err(self.fail(error));
                }
                Some(StreamEnd::Broken(error)) => {
                    // Content and failure in one read: the client gets both.
                    let bytes = self.fail_after_content(&error);
                    self.held.extend_from_slice(&bytes);
                    return Ok(self);
                }
                Some(StreamEnd::NoMemory) => return Err(self.fail_without_memory()),
                Some(StreamEnd::Whole) => {
                    self.on_first_content();
                    self.settle(Outcome::Success);
                    return Ok(self);
                }
                None if self.has_content() && !self.is_held() => return Ok(self),
                None => {}
            }
        }
    }

    fn has_content(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::has_first_token)
    }

    fn can_fail_over(&self) -> bool {
        self.hold.is_some() || !self.has_content()
    }

    /// Whether the response is still held back. One that is too large for its reservation is sent, and
    /// continues live.
    fn is_held(&mut self) -> bool {
        let Some(reservation) = &mut self.hold else {
            return false;
        };
        if reservation.try_grow(self.held.len()) {
            return true;
        }
        self.hold = None;
        if let Some(attempt) = &self.attempt {
            attempt.count_unbuffered();
        }
        false
    }

    /// Ends the attempt as failed; the client has seen nothing of it.
    fn fail(&mut self, mut error: UpstreamError) -> AttemptFailure {
        let had_content = self.has_content();
        // Without an attempt it is reported already, and its usage is unknown here.
        let Some(attempt) = self.attempt.take() else {
            return AttemptFailure {
                error,
                spent: AttemptUsage::default(),
                had_content,
                own: None,
            };
        };
        if !had_content {
            return attempt.fail(error);
        }
        let usage = self.measured_usage(false);
        AttemptFailure {
            spent: attempt.finish_failed(&mut error, usage),
            error,
            had_content,
            own: None,
        }
    }

    /// Ends the attempt because there is no memory for its response.
    fn fail_without_memory(&mut self) -> AttemptFailure {
        let had_content = self.has_content();
        let usage = self.measured_usage(false);
        match self.attempt.take() {
            Some(attempt) => attempt.fail_without_memory(usage, had_content),
            None => AttemptFailure {
                error: UpstreamError::without_response(Failure::Overloaded(None), "no memory"),
                spent: AttemptUsage::default(),
                had_content,
                own: Some(GatewayError::AnswerMemoryExhausted),
            },
        }
    }

    /// The next read before the first content.
    async fn first_chunk(&mut self, deadline: Instant) -> DecodedChunk {
        let read = timeout_at(deadline, self.upstream.next()).await;
        let late = || {
            DecodedChunk::failed(UpstreamError::without_response(
                Failure::Timeout,
                "no first token in time",
            ))
        };
        match read {
            Ok(read) => self.on_counted_read(read).await,
            Err(_) => late(),
        }
    }
}
