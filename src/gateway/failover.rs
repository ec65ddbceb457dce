//! Failover: selects a target, makes an attempt, and on failure goes on to the next one, within one
//! limit on attempts and one on time.

mod hedge;
mod leasing;
mod next_key;

use super::attempt::{Attempt, AttemptFailure};
use super::attempt_usage::AttemptUsage;
use super::deadlines::{AttemptDeadline, Deadlines};
use super::early_headers::{EarlyHeaders, EarlyResponse};
use super::error::{GatewayError, UpstreamFailure};
use super::request_context::RequestContext;
use super::request_recorder::RequestRecorder;
use super::response_headers::set_stream_headers;
use super::upstream_call::UpstreamCall;
use super::upstream_response::UpstreamResponse;
use crate::clock;
use crate::domain::{
    CachedPrompt, Failure, LeftKeys, NoEligibleTarget, ProviderIdx, RejectionReason,
    RequestOutcome, RetryDecision, RetryState, TargetId, TargetIdx, TargetSelection,
    backoff_estimate, soonest_recovery,
};
use crate::protocols::{DroppedFields, UpstreamError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// `Retry-After` when it gave up for that reason.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A selected target with a lease. It holds nothing of the routing table: a request may last for
/// minutes, and a new table is published every few milliseconds.
struct LeasedTarget {
    selection: TargetSelection,
    attempt: Attempt,
    id: TargetId,
    provider: ProviderIdx,
}

/// An attempt that is about to be sent, with the time that it has.
struct StartedAttempt {
    selection: TargetSelection,
    attempt: Attempt,
    id: TargetId,
    provider: ProviderIdx,
    until: AttemptDeadline,
}

/// A result, and the attempt that it is of.
struct AttemptResult {
    selection: TargetSelection,
    /// Whether the time for it was the limit on the first token.
    is_first_token: bool,
    result: Result<UpstreamResponse, AttemptFailure>,
}

/// Reasons for which no target could be leased.
enum LeaseError {
    /// Every target is excluded.
    NoTarget(NoEligibleTarget),
    /// Other requests were faster, several times.
    Busy,
}

impl StartedAttempt {
    async fn send(self, call: &UpstreamCall<'_>, dropped: &mut DroppedFields) -> AttemptResult {
        let target = (&self.id, self.provider);
        let result = call.try_once(target, self.attempt, self.until.at, dropped);
        AttemptResult {
            selection: self.selection,
            is_first_token: self.until.is_first_token,
            result: result.await,
        }
    }

    /// The same with a list of dropped fields of its own.
    async fn send_apart(self, call: &UpstreamCall<'_>) -> (AttemptResult, DroppedFields) {
        let mut dropped = DroppedFields::default();
        let result = self.send(call, &mut dropped).await;
        (result, dropped)
    }
}

impl AttemptResult {
    fn is_ok(&self) -> bool {
        self.result.is_ok()
    }
}

/// One request and its attempts so far.
struct FailoverLoop<'g> {
    context: &'g RequestContext<'g>,
    recorder: &'g mut RequestRecorder,
    deadlines: Deadlines<'g>,
    attempts: RetryState,
    /// Targets that failed.
    tried: Vec<TargetIdx>,
    /// Keys that failed at a target, of providers with several.
    left_keys: LeftKeys,
    /// The last of them that may succeed when it is tried again, and its failure.
    repeatable: Option<(TargetIdx, Failure)>,
    /// Targets for which the prompt was too long: none with a smaller context is tried.
    context_exceeded: Vec<TargetIdx>,
    /// Usage of the attempts that failed before their first content.
    spent: AttemptUsage,
    early_headers: Option<EarlyHeaders>,
    /// What prompt caches are expected to hold of the prompt.
    cached: Vec<CachedPrompt>,
}

/// Tries targets until one responds. `early_headers` is for a client that may wait long for a stream.
pub(super) async fn run(
    context: &RequestContext<'_>,
    recorder: &mut RequestRecorder,
    early_headers: Option<EarlyHeaders>,
) -> Result<UpstreamResponse, GatewayError> {
    let failover = FailoverLoop {
        context,
        attempts: RetryState::new(context.gateway.config.load().max_retries),
        recorder,
        deadlines: Deadlines::new(context.gateway, context.request, context.started),
        tried: Vec::new(),
        left_keys: LeftKeys::default(),
        repeatable: None,
        context_exceeded: Vec::new(),
        spent: AttemptUsage::ZERO,
        early_headers: early_headers.filter(|_| context.request.stream),
        cached: context.cached(),
    };
    failover.run().await
}

impl FailoverLoop<'_> {
    async fn run(mut self) -> Result<UpstreamResponse, GatewayError> {
        let (mut leased, limit) = self.first()?;
        let mut deadline = self.deadlines.deadline(limit);
        if Instant::now() >= deadline {
            return Err(self.too_late(leased.attempt));
        }
        loop {
            let AttemptResult {
                selection,
                is_first_token,
                result,
            } = self.try_target(leased, (limit, deadline)).await;
            let mut failure = match result {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            if let Some(error) = failure.own.take() {
                let outcome = RequestOutcome::Rejected(RejectionReason::Overloaded);
                self.recorder.end(outcome, self.spent.plus(failure.spent));
                return Err(error);
            }
            let has_key = self.on_failure(&selection, &failure, is_first_token);
            if failure.had_content {
                deadline = self.deadlines.deadline(limit);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (target, failure_class) = (selection.target, failure.error.failure);
            let mut next = has_key
                .then(|| self.next_key(target, failure_class, left))
                .flatten();
            if next.is_none() {
                next = self.next(target, failure_class, (left, deadline)).await;
            }
            let Some(next) = next else {
                return Err(self.give_up(&failure));
            };
            leased = next;
            self.recorder.on_selected(&leased.selection, &leased.id);
        }
    }

    /// Makes an attempt, and another one beside it where it is late.
    async fn try_target(
        &mut self,
        leased: LeasedTarget,
        limits: (Duration, Instant),
    ) -> AttemptResult {
        let started = self.start(leased, limits, None);
        started.attempt.covered().await;
        let call = UpstreamCall::new(self.context);
        let begun = Instant::now();
        // Boxed, so that the futures around it stay small.
        let ended = match self.hedge_delay(&started.selection) {
            Some(delay) => Box::pin(self.race(&call, started, delay, limits)).await,
            None => Box::pin(started.send(&call, &mut self.recorder.dropped)).await,
        };
        let waited = begun.elapsed().saturating_sub(call.own_time());
        self.recorder.add_upstream_time(waited);
        ended
    }

    /// Counts an attempt, and sets the time that it has; `beside` is the target of one that runs already.
    fn start(
        &mut self,
        leased: LeasedTarget,
        (limit, deadline): (Duration, Instant),
        beside: Option<TargetIdx>,
    ) -> StartedAttempt {
        self.attempts.begin();
        self.recorder.attempts = self.attempts.count();
        self.send_early_headers(leased.selection.target);
        let LeasedTarget {
            selection,
            mut attempt,
            id,
            provider,
        } = leased;
        let in_use: Vec<TargetIdx> = beside.into_iter().chain([selection.target]).collect();
        let has_more = self.has_more_targets(&in_use);
        let until = self.deadlines.attempt_deadline(&selection, limit, has_more);
        let attempts = self.attempts.count();
        if until.at >= deadline && self.deadlines.is_client_deadline_short(attempts) {
            attempt.mark_client_deadline();
        }
        StartedAttempt {
            selection,
            attempt,
            id,
            provider,
            until,
        }
    }

    /// Notes a failure. Returns true if the target has another key.
    fn on_failure(
        &mut self,
        selection: &TargetSelection,
        failure: &AttemptFailure,
        is_first_token: bool,
    ) -> bool {
        let target = selection.target;
        let table = self.context.gateway.handle.routing_table();
        let place = (target, selection.key);
        let has_key = self.left_keys.leave(&table, place, failure.error.failure);
        if !has_key && !self.tried.contains(&target) {
            self.tried.push(target);
        }
        if !has_key && failure.error.failure == Failure::Auth {
            // The others have the same key.
            let provider = table.candidates[target].provider;
            let same = table
                .indexed()
                .filter(|(_, other)| other.provider == provider);
            self.tried.extend(same.map(|(other, _)| other));
        }
        if failure.had_content {
            self.recorder.add_unused(failure.spent);
            self.deadlines.restart();
        } else {
            self.spent = self.spent.plus(failure.spent);
        }
        if is_first_token && failure.error.failure == Failure::Timeout {
            self.deadlines.mark_first_token_missed();
        }
        if failure.error.failure == Failure::ContextLength {
            self.context_exceeded.push(target);
        }
        has_key
    }

    /// The next target after a failure of `target`; `None` to give up.
    async fn next(
        &mut self,
        target: TargetIdx,
        failure: Failure,
        (left, deadline): (Duration, Instant),
    ) -> Option<LeasedTarget> {
        let (decision, target, failure) = self.decide(target, failure, left);
        match decision {
            RetryDecision::GiveUp => None,
            _ if !self.take_retry_token(failure) => None,
            RetryDecision::FailOver => self.lease(&self.profile(&self.tried)).ok(),
            RetryDecision::Retry(pause) => self.lease_again(target, pause, deadline).await,
        }
    }

    /// The decision after a failure, with the target and the failure that it is based on. If the
    /// last target can only fail again, an earlier one may still succeed.
    fn decide(
        &mut self,
        target: TargetIdx,
        failure: Failure,
        left: Duration,
    ) -> (RetryDecision, TargetIdx, Failure) {
        let untried = self.has_healthy_target(&self.tried) || self.has_any_target(failure);
        let decision = self.attempts.decide(failure, untried, left);
        if failure.is_retryable() {
            self.repeatable = Some((target, failure));
        } else if let (RetryDecision::GiveUp, true, Some((earlier, failure))) =
            (decision, failure.can_fail_over(), self.repeatable)
        {
            return (self.attempts.decide(failure, false, left), earlier, failure);
        }
        (decision, target, failure)
    }

    /// The first target, and the time for all attempts.
    fn first(&mut self) -> Result<(LeasedTarget, Duration), GatewayError> {
        let table = self.context.gateway.handle.routing_table();
        let now = clock::now();
        table.retries.deposit(table.request_rate, now);
        if table.tuning.hedge.is_some() && self.context.request.stream {
            table.hedges.deposit(table.request_rate, now);
        }
        match self.lease(&self.profile(&[])) {
            Ok(leased) => {
                self.recorder.on_selected(&leased.selection, &leased.id);
                let limit = self.deadlines.time_limit(&table, &leased.selection);
                Ok((leased, limit))
            }
            Err(error) => Err(self.reject(error)),
        }
    }

    /// The error of a request that no target may serve.
    fn reject(&mut self, error: LeaseError) -> GatewayError {
        let (table, now) = (self.context.gateway.handle.routing_table(), clock::now());
        let budget_scope = self.context.budget_scope;
        let none = match error {
            LeaseError::NoTarget(none) => none,
            LeaseError::Busy => {
                self.recorder.on_rejected(RejectionReason::NoTarget);
                return GatewayError::TargetsBusy {
                    retry_after: BUSY_RETRY_AFTER,
                };
            }
        };
        let providers: Vec<Arc<str>> = none
            .over_provider_budget()
            .map(|target| Arc::clone(&table.candidates[target].id.provider))
            .collect();
        if let Some(needed) = none.missing_budget()
            && let Some(exceeded) = budget_scope.check_budget(needed, &providers, now)
        {
            budget_scope.count_rejected(needed, &providers, now);
            self.recorder.on_rejected(RejectionReason::BudgetExceeded);
            return GatewayError::OverBudget(exceeded);
        }
        self.recorder.on_rejected(RejectionReason::NoTarget);
        let excluded = none.rejected.into_iter();
        GatewayError::NoTarget {
            excluded: excluded
                .map(|(target, reason)| (table.candidates[target].id.clone(), reason))
                .collect(),
            at: now,
            retry_after: none.retry_after,
        }
    }

    /// Publishes the beginning of a response for a client that may wait long: the headers of the first
    /// attempt, with the number of attempts so far.
    fn send_early_headers(&self, target: TargetIdx) {
        let Some(early_headers) = &self.early_headers else {
            return;
        };
        early_headers.send_modify(|early| {
            if let Some(early) = early {
                return self.recorder.set_attempts_header(&mut early.headers);
            }
            let Some(keep_alive) = self.context.early_keep_alive() else {
                return;
            };
            let mut headers = self.context.stream_type();
            self.recorder.set_headers(&mut headers);
            set_stream_headers(&mut headers);
            *early = Some(EarlyResponse {
                headers,
                at: self.deadlines.early_headers_at(target),
                keep_alive,
            });
        });
    }

    /// Takes one retry from the budget that all requests share. A request that is too large for one
    /// target, or that its protocol cannot represent, is no outage and needs none.
    fn take_retry_token(&self, failure: Failure) -> bool {
        let table = || self.context.gateway.handle.routing_table();
        failure.is_client_error() || table().retries.try_withdraw(clock::now())
    }

    /// The wait for an identical request used up all the time, so no target is tried.
    fn too_late(&mut self, mut attempt: Attempt) -> GatewayError {
        attempt.mark_client_deadline();
        let error = UpstreamError::without_response(Failure::Timeout, "no response in time");
        let failure = attempt.fail(error.never_sent());
        self.give_up(&failure)
    }

    fn give_up(&mut self, failure: &AttemptFailure) -> GatewayError {
        let outcome = RequestOutcome::Error(failure.error.failure);
        self.recorder.end(outcome, self.spent);
        GatewayError::from(UpstreamFailure {
            error: failure.error.clone(),
            provider: self.recorder.provider().to_owned(),
            setting: self.deadlines.setting(failure.had_content),
            retry_after: self.recovery_estimate(failure.error.failure),
        })
    }

    /// When such a request may succeed: the soonest recovery of a target, or an estimate where one
    /// may be used at once. `None` where a repetition cannot help. An outage of some targets is one
    /// even if the last one failed for another reason.
    fn recovery_estimate(&self, failure: Failure) -> Option<Duration> {
        let is_outage = self.repeatable.is_some() && !failure.is_client_error();
        if !(failure.is_retryable() || is_outage) {
            return None;
        }
        let table = self.context.gateway.handle.routing_table();
        let soonest = soonest_recovery(&table, &self.profile(&[]), clock::now());
        Some(soonest.unwrap_or_else(|| backoff_estimate(self.attempts.count())))
    }
}
