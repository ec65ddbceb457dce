//! How long parts of a request may take: all of it, one attempt, and what a client has to bear.

use super::GatewayError;
use super::attempt::Attempt;
use super::failover::FailoverLoop;
use super::upstream_call::{failed, never_sent};
use crate::domain::{Failure, RoutingTable, TargetSelection};
use crate::protocols::UpstreamError;
use std::time::Duration;
use tokio::time::Instant;

/// While other targets are untried one attempt gets at most this part of the time that is left, so
/// that there is some for the last of them though all before it hang.
const ATTEMPT_TIME_SHARE: f64 = 0.6;
/// A request that states its tokens gets at least that many times what these should take.
const TIME_PER_TOKEN_FACTOR: f64 = 1.5;

/// Who waited for another's answer for longer has less time left than a target may take.
const COALESCE_WAIT: Duration = Duration::from_secs(1);

impl FailoverLoop<'_> {
    /// Whether the time that is left says nothing of a target that needs longer: it is what the
    /// client gave, or what earlier attempts or another's answer left of it.
    pub fn is_client_deadline_short(&self) -> bool {
        let is_held_up = self.started.elapsed() >= COALESCE_WAIT;
        self.admission.timeout.is_some() || self.attempts.count() > 1 || is_held_up
    }

    /// The time went by while another's answer was waited for, so that nobody is asked.
    pub fn too_late(&mut self, mut attempt: Attempt) -> GatewayError {
        attempt.mark_client_deadline();
        let upset = UpstreamError::without_response(Failure::Timeout, "no answer in time");
        let setback = failed(attempt, never_sent(upset));
        self.give_up(&setback)
    }

    /// When the client's waiting for a whole answer, or for a stream's first content, is over.
    pub fn deadline(&self, limit: Duration) -> Instant {
        let deadline = self.since + limit;
        if self.admission.stream {
            deadline.min(self.started + self.gateway.limits.load().stream_timeout)
        } else {
            deadline
        }
    }

    /// Time for the whole request, or until a stream's first content; all attempts together.
    pub fn time_limit(&self, table: &RoutingTable, choice: &TargetSelection) -> Duration {
        if let Some(own) = self.admission.timeout {
            return own;
        }
        let limit = self.gateway.limits.load().timeout(choice.target);
        match self.admission.max_tokens {
            Some(tokens) if !self.admission.stream => {
                limit.max(whole_answer(table, choice, tokens as f64).unwrap_or(limit))
            }
            _ => limit,
        }
    }

    /// How long a target may say nothing before a client that leaves has left it for that: the time
    /// for a first token, or what a whole answer should take where that is longer.
    pub fn silence_limit(&self, table: &RoutingTable, choice: &TargetSelection) -> Duration {
        let limit = self
            .gateway
            .limits
            .load()
            .first_token_timeout(choice.target);
        if self.admission.stream {
            return limit;
        }
        let stated = self.admission.max_tokens.map(|tokens| tokens as f64);
        let tokens = stated.unwrap_or(table.outputs[choice.class.index()]);
        limit.max(whole_answer(table, choice, tokens).unwrap_or(limit))
    }

    /// What to raise where the time was too short.
    pub fn setting(&self, had_content: bool) -> &'static str {
        if had_content {
            "[balancing] idle_timeout_ms or stream_timeout_ms"
        } else if self.missed_first_token {
            "[balancing] first_token_timeout_ms"
        } else {
            "[balancing] timeout_ms or the header x-aibal-timeout-ms"
        }
    }

    /// When an attempt is given up, and whether it is the limit on a first token that says so.
    pub fn attempt_deadline(&self, choice: &TargetSelection, limit: Duration) -> (Instant, bool) {
        let mut tried = self.tried.clone();
        tried.push(choice.target);
        let others = self.has_welcome_target(&tried);
        let more_allowed = self.attempts.count() <= self.gateway.limits.load().max_retries;
        let now = Instant::now();
        let left = self.deadline(limit).saturating_duration_since(now);
        let part = if others && more_allowed {
            left.mul_f64(ATTEMPT_TIME_SHARE)
        } else {
            left
        };
        let limits = self.gateway.limits.load();
        let first_token = limits.first_token_timeout(choice.target);
        if self.admission.stream && first_token < part {
            (now + first_token, true)
        } else {
            (now + part, false)
        }
    }
}

/// What an answer of so many tokens should take, with some patience.
fn whole_answer(table: &RoutingTable, choice: &TargetSelection, tokens: f64) -> Option<Duration> {
    let expected = table.candidates[choice.target]
        .estimate
        .latency(choice.prompt, tokens);
    Duration::try_from_secs_f64(expected * TIME_PER_TOKEN_FACTOR).ok()
}
