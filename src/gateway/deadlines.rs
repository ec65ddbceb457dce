//! Time limits of a request and of its attempts.

use super::recovery::StreamRecovery;
use super::request::ParsedRequest;
use super::state::Gateway;
use crate::domain::{RoutingTable, TargetIdx, TargetSelection};
use std::time::Duration;
use tokio::time::Instant;

/// While untried targets are left, the share of the remaining time that one attempt gets, so that
/// the last target has time left even if all others hang.
const ATTEMPT_TIME_SHARE: f64 = 0.6;
/// Time for a response of a stated number of tokens, relative to the time that it should take.
const TIME_PER_TOKEN_FACTOR: f64 = 1.5;
/// Time after the limit on the first token at which a waiting client gets headers: the first attempt
/// may fail by then, and the second one has begun.
const EARLY_HEADERS_AFTER: Duration = Duration::from_secs(5);
/// The same for a response that is held back until it is complete, from the first attempt on.
const HELD_HEADERS_AFTER: Duration = Duration::from_secs(10);
/// Bounds of the time for a response of many tokens, relative to the configured limit or to the time
/// of a usual response: a client cannot make a request wait for hours. A target whose speed is not
/// measured has less.
const MAX_MEASURED_FACTOR: u32 = 4;
const MAX_UNMEASURED_FACTOR: u32 = 2;
/// A request that waited longer for the response to an identical one has less time left than a
/// target may take.
const COALESCE_WAIT: Duration = Duration::from_secs(1);

/// The clock of one request, and the limits that apply to it.
pub(super) struct Deadlines<'g> {
    gateway: &'g Gateway,
    request: &'g ParsedRequest,
    /// When the request began to wait for a response.
    pub started: Instant,
    /// When the client began to wait for the first content: again where a response broke that was
    /// held back.
    waiting_since: Instant,
    /// Whether the limit on a stream's first token ended an attempt.
    missed_first_token: bool,
}

/// When an attempt is given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptDeadline {
    pub at: Instant,
    /// Whether it is the limit on the first token.
    pub is_first_token: bool,
}

impl<'g> Deadlines<'g> {
    pub fn new(gateway: &'g Gateway, request: &'g ParsedRequest, started: Instant) -> Self {
        Self {
            gateway,
            request,
            started,
            waiting_since: started,
            missed_first_token: false,
        }
    }

    /// Starts the wait for the first content again: a held response broke.
    pub fn restart(&mut self) {
        self.waiting_since = Instant::now();
    }

    /// Records that the limit on the first token ended an attempt.
    pub fn mark_first_token_missed(&mut self) {
        self.missed_first_token = true;
    }

    /// Whether running out of time says nothing about a target that needs longer: the client set the
    /// limit, or earlier attempts or the wait for an identical request used part of it.
    pub fn is_client_deadline_short(&self, attempts: u32) -> bool {
        let has_waited = self.started.elapsed() >= COALESCE_WAIT;
        self.request.timeout.is_some() || attempts > 1 || has_waited
    }

    /// When a client that has got nothing of its stream gets headers, with the first attempt at
    /// `target`.
    pub fn early_headers_at(&self, target: TargetIdx) -> Instant {
        let config = self.gateway.config.load();
        match config.recovery {
            StreamRecovery::Restart(_) => Instant::now() + HELD_HEADERS_AFTER,
            StreamRecovery::Error => {
                self.started + config.first_token_timeout(target) + EARLY_HEADERS_AFTER
            }
        }
    }

    /// End of the wait for a whole response, or for a stream's first content.
    pub fn deadline(&self, limit: Duration) -> Instant {
        let deadline = self.waiting_since + limit;
        if self.request.stream {
            deadline.min(self.started + self.gateway.config.load().stream_timeout)
        } else {
            deadline
        }
    }

    /// Time that the client leaves for a whole response, in seconds; `None` without a limit of its
    /// own, and for streams.
    pub fn client_time_left(&self) -> Option<f64> {
        let limit = self.request.timeout.filter(|_| !self.request.stream)?;
        Some(limit.saturating_sub(self.started.elapsed()).as_secs_f64())
    }

    /// Time for the whole request, or until a stream's first content; all attempts together.
    pub fn time_limit(&self, table: &RoutingTable, selection: &TargetSelection) -> Duration {
        if let Some(client_limit) = self.request.timeout {
            return client_limit;
        }
        let limit = self.gateway.config.load().timeout(selection.target);
        match self.request.max_tokens {
            Some(_) if !self.request.stream => self.whole_time(table, selection, limit),
            _ => limit,
        }
    }

    /// Time for a whole response: at least `limit`, and the time that the largest response should
    /// take, within a multiple of the time of a usual one.
    fn whole_time(
        &self,
        table: &RoutingTable,
        selection: &TargetSelection,
        limit: Duration,
    ) -> Duration {
        let candidate = &table.candidates[selection.target];
        let usual = table.outputs[selection.class.index()];
        let stated = self
            .request
            .max_tokens
            .map_or(usual, |tokens| tokens as f64);
        let possible = candidate.capabilities.max_output;
        let tokens = possible.map_or(stated, |possible| stated.min(possible as f64));
        let needed = response_time(table, selection, tokens).unwrap_or(Duration::MAX);
        let expected = response_time(table, selection, usual).unwrap_or_default();
        let factor = if candidate.estimate.measured {
            MAX_MEASURED_FACTOR
        } else {
            MAX_UNMEASURED_FACTOR
        };
        needed
            .min(limit.max(expected).saturating_mul(factor))
            .max(limit)
    }

    /// Silence after which a client disconnect counts as upstream slowness: the time for a first
    /// token, or for a whole response where that is longer.
    pub fn silence_limit(&self, table: &RoutingTable, selection: &TargetSelection) -> Duration {
        let config = self.gateway.config.load();
        let limit = config.first_token_timeout(selection.target);
        if self.request.stream {
            return limit;
        }
        self.whole_time(table, selection, limit)
    }

    /// Time that the target should take for this response, or until the first content of a stream, by
    /// its own measurements or those of its peers. Giving up earlier pays for a response that is on
    /// its way.
    fn own_time(&self, selection: &TargetSelection) -> Duration {
        let table = self.gateway.handle.routing_table();
        let mut targets = table.candidates.iter();
        if !targets.any(|target| target.estimate.measured) {
            return Duration::ZERO;
        }
        let usual = table.outputs[selection.class.index()];
        let most = self
            .request
            .max_tokens
            .map_or(usual, |tokens| tokens as f64);
        let tokens = if self.request.stream {
            0.0
        } else {
            usual.min(most)
        };
        response_time(&table, selection, tokens).unwrap_or(Duration::MAX)
    }

    /// The setting to raise where the time was too short.
    pub fn setting(&self, had_content: bool) -> &'static str {
        if had_content {
            "[balancing] idle_timeout_ms or stream_timeout_ms"
        } else if self.missed_first_token {
            "[balancing] first_token_timeout_ms"
        } else {
            "[balancing] timeout_ms or the header x-aibal-timeout-ms"
        }
    }

    /// When an attempt is given up. With `has_more` targets to try, it gets only a part of the time,
    /// but never less than it is known to need.
    pub fn attempt_deadline(
        &self,
        selection: &TargetSelection,
        limit: Duration,
        has_more: bool,
    ) -> AttemptDeadline {
        let now = Instant::now();
        let left = self.deadline(limit).saturating_duration_since(now);
        let part = if has_more {
            let share = left.mul_f64(ATTEMPT_TIME_SHARE);
            share.max(self.own_time(selection)).min(left)
        } else {
            left
        };
        let config = self.gateway.config.load();
        let first_token = config.first_token_timeout(selection.target);
        if self.request.stream && first_token < part {
            AttemptDeadline {
                at: now + first_token,
                is_first_token: true,
            }
        } else {
            AttemptDeadline {
                at: now + part,
                is_first_token: false,
            }
        }
    }
}

/// Time that a response of `tokens` tokens should take, with a margin.
fn response_time(
    table: &RoutingTable,
    selection: &TargetSelection,
    tokens: f64,
) -> Option<Duration> {
    let estimate = &table.candidates[selection.target].estimate;
    let expected = estimate.latency(selection.prompt, tokens);
    Duration::try_from_secs_f64(expected * TIME_PER_TOKEN_FACTOR).ok()
}
