//! A stream up to where the client gets the first of it: its first content, or its end where the
//! whole answer is held back.

use super::{DecodedChunk, StreamEnd, StreamRelay};
use crate::domain::{Failure, Outcome};
use crate::gateway::attempt::{Attempt, AttemptFailure, AttemptUsage};
use crate::gateway::upstream_call::failed;
use crate::protocols::UpstreamError;
use futures_util::StreamExt;
use std::future::pending;
use tokio::time::{Instant, timeout_at};

/// What may come before the first content and is held back; more than this is let go as if it
/// were content.
const MAX_HELD_EVENTS: u32 = 64;
const MAX_HELD_BYTES: usize = 256 * 1024;
impl StreamRelay {
    /// Reads up to the first content, or where the answer is held back up to its end. On failure
    /// the attempt is over and the client has seen nothing of it.
    pub async fn until_content(mut self, deadline: Instant) -> Result<Self, AttemptFailure> {
        let mut events = 0;
        loop {
            let stretch = if !self.has_begun() {
                self.first(deadline).await
            } else if let Some(stretch) = self.more().await {
                stretch
            } else {
                // The gateway stops: whoever waits for this is told, and lets go of it.
                pending().await
            };
            events += stretch.events;
            self.held.extend_from_slice(&stretch.out);
            let is_much = events > MAX_HELD_EVENTS || self.held.len() > MAX_HELD_BYTES;
            if stretch.content || (is_much && stretch.end.is_none()) {
                self.begin();
            }
            match stretch.end {
                Some(StreamEnd::Broken(upset)) if self.may_start_again() => {
                    return Err(self.fail(upset));
                }
                Some(StreamEnd::Broken(upset)) => {
                    // Content and break in one read: the content is the client's, the break too.
                    let bytes = self.broken(&upset);
                    self.held.extend_from_slice(&bytes);
                    return Ok(self);
                }
                Some(StreamEnd::Whole) => {
                    self.begin();
                    self.settle(Outcome::Success);
                    return Ok(self);
                }
                None if self.has_begun() && !self.is_held() => return Ok(self),
                None => {}
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::has_first_token)
    }

    fn may_start_again(&self) -> bool {
        self.place.is_some() || !self.has_begun()
    }

    /// Whether what came so far is held back. What is too much for its place is let go, and the
    /// stream goes on live.
    fn is_held(&mut self) -> bool {
        let Some(place) = &mut self.place else {
            return false;
        };
        if place.try_grow(self.held.len()) {
            return true;
        }
        self.place = None;
        if let Some(attempt) = &self.attempt {
            attempt.release_hold();
        }
        false
    }

    /// Ends the attempt as failed, with nothing of it seen by the client.
    fn fail(&mut self, upset: UpstreamError) -> AttemptFailure {
        let had_content = self.has_begun();
        // Where there is no attempt it has been reported, and nothing more is known of it.
        let Some(attempt) = self.attempt.take() else {
            return AttemptFailure {
                upset,
                spent: AttemptUsage::default(),
                had_content,
            };
        };
        if !had_content {
            return failed(attempt, upset);
        }
        let usage = self.metered(false);
        AttemptFailure {
            spent: attempt.finish(Outcome::Failed(upset.failure), usage),
            upset,
            had_content,
        }
    }

    /// The next read before the first content.
    async fn first(&mut self, deadline: Instant) -> DecodedChunk {
        let read = timeout_at(deadline, self.upstream.next()).await;
        let late = || {
            DecodedChunk::broken(UpstreamError::without_response(
                Failure::Timeout,
                "no first token in time",
            ))
        };
        read.map_or_else(|_| late(), |read| self.on_read(read))
    }
}
