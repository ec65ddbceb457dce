//! Failover: selects a target, makes an attempt, and on failure goes on to the next one, within one
//! limit on attempts and one on time.

mod next_key;

use super::attempt::{Attempt, AttemptFailure, AttemptUsage};
use super::deadlines::Deadlines;
use super::early_headers::{EarlyHeaders, EarlyResponse};
use super::error::{GatewayError, UpstreamFailure};
use super::request_context::RequestContext;
use super::request_recorder::RequestRecorder;
use super::response_headers::set_stream_headers;
use super::upstream_call::UpstreamCall;
use super::upstream_response::UpstreamResponse;
use crate::clock;
use crate::domain::{
    CachedPrompt, CandidateSet, Failure, KeyIdx, KeyScope, MIN_TIME_LEFT, NoEligibleTarget,
    ProviderIdx, RandomDraw, RejectionReason, RequestOutcome, RequestProfile, RetryDecision,
    RetryState, SelectionReason, TargetId, TargetIdx, TargetScope, TargetSelection,
    backoff_estimate, select_target, soonest_recovery,
};
use crate::protocols::UpstreamError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Selections that other requests may invalidate before this one gives up. Every loss means that
/// another request got in, so a request that loses this often came with dozens of others.
const MAX_LOST_RACES: u32 = 32;
/// The shortest pause before an excluded target is checked again.
const MIN_RECHECK: Duration = Duration::from_millis(50);
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

/// Reasons for which no target could be leased.
enum LeaseError {
    /// Every target is excluded.
    NoTarget(NoEligibleTarget),
    /// Other requests were faster, several times.
    Busy,
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
    tried_keys: Vec<(TargetIdx, KeyIdx)>,
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
        tried_keys: Vec::new(),
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
            self.attempts.begin();
            self.recorder.attempts = self.attempts.count();
            self.send_early_headers(leased.selection.target);
            let LeasedTarget {
                selection,
                mut attempt,
                id,
                provider,
            } = leased;
            let (target, key) = (selection.target, selection.key);
            let has_more = self.has_more_targets(target);
            let until = self.deadlines.attempt_deadline(&selection, limit, has_more);
            let attempts = self.attempts.count();
            if until.at >= deadline && self.deadlines.is_client_deadline_short(attempts) {
                attempt.mark_client_deadline();
            }
            attempt.covered().await;
            let call = UpstreamCall::new(self.context);
            let dropped = &mut self.recorder.dropped;
            let begun = Instant::now();
            let response = call.try_once((&id, provider), attempt, until.at, dropped);
            // Boxed, so that the futures around it stay small.
            let response = Box::pin(response).await;
            let waited = begun.elapsed().saturating_sub(call.own_time());
            self.recorder.add_upstream_time(waited);
            let mut failure = match response {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            if let Some(error) = failure.own.take() {
                let outcome = RequestOutcome::Rejected(RejectionReason::Overloaded);
                self.recorder.end(outcome, self.spent.plus(failure.spent));
                return Err(error);
            }
            let has_key = self.leave_key(target, key, failure.error.failure);
            self.on_failure(target, &failure, (until.is_first_token, has_key));
            if failure.had_content {
                deadline = self.deadlines.deadline(limit);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let failure_class = failure.error.failure;
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

    fn on_failure(
        &mut self,
        target: TargetIdx,
        failure: &AttemptFailure,
        (is_first_token, has_key): (bool, bool),
    ) {
        if !has_key && !self.tried.contains(&target) {
            self.tried.push(target);
        }
        if !has_key && failure.error.failure == Failure::Auth {
            // The others have the same key.
            let table = self.context.gateway.handle.routing_table();
            let provider = table.candidates[target].provider;
            let same = table
                .indexed()
                .filter(|(_, other)| other.provider == provider);
            self.tried.extend(same.map(|(other, _)| other));
        }
        if failure.had_content {
            self.recorder.on_stream_restart(failure.spent);
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
        table.retries.deposit(table.request_rate, clock::now());
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

    /// Whether a healthy target is left after `target`, and an attempt at it.
    fn has_more_targets(&self, target: TargetIdx) -> bool {
        let mut tried = self.tried.clone();
        tried.push(target);
        let max_retries = self.context.gateway.config.load().max_retries;
        self.has_healthy_target(&tried) && self.attempts.count() <= max_retries
    }

    /// Whether another target is eligible that is not known to be unhealthy.
    fn has_healthy_target(&self, tried: &[TargetIdx]) -> bool {
        let other = self.dry_run(tried);
        other.is_ok_and(|selection| selection.reason != SelectionReason::LastResort)
    }

    /// Whether any other target is eligible, healthy or not, where the failed one would fail again.
    fn has_any_target(&self, failure: Failure) -> bool {
        !failure.is_retryable() && self.dry_run(&self.tried).is_ok()
    }

    /// A selection that is neither recorded nor leased.
    fn dry_run(&self, tried: &[TargetIdx]) -> Result<TargetSelection, NoEligibleTarget> {
        self.dry_run_of(&self.profile(tried))
    }

    fn dry_run_of(
        &self,
        profile: &RequestProfile<'_>,
    ) -> Result<TargetSelection, NoEligibleTarget> {
        let table = self.context.gateway.handle.routing_table();
        let (now, draw) = (clock::now(), RandomDraw::default());
        let mut candidates = CandidateSet::default();
        select_target(&table, profile, now, draw, &mut candidates)
    }

    /// The request's profile, with the time that the client leaves for a whole response.
    fn profile<'t>(&'t self, tried: &'t [TargetIdx]) -> RequestProfile<'t> {
        let request = self.context.request;
        let base = request.selection_profile(tried, &self.context_exceeded);
        RequestProfile {
            remaining: self.deadlines.client_time_left(),
            means: self.context.budget_scope.headroom(clock::now()),
            keys: KeyScope {
                tried: &self.tried_keys,
                ..base.keys
            },
            cached: &self.cached,
            ..base
        }
    }

    /// The same target once more after a pause. If it is excluded by then, for example because
    /// another request got a 429 there, this one waits for its recovery within its own time.
    async fn lease_again(
        &self,
        target: TargetIdx,
        pause: Duration,
        deadline: Instant,
    ) -> Option<LeasedTarget> {
        let mut wait = pause;
        loop {
            tokio::time::sleep(wait).await;
            let profile = RequestProfile {
                scope: TargetScope::Only(&[target]),
                keys: KeyScope::default(),
                ..self.profile(&[])
            };
            let recovery = match self.lease(&profile) {
                Ok(leased) => return Some(leased),
                Err(LeaseError::NoTarget(none)) => none.retry_after?,
                Err(LeaseError::Busy) => BUSY_RETRY_AFTER,
            };
            wait = recovery.max(MIN_RECHECK);
            let left = deadline.saturating_duration_since(Instant::now());
            if wait + MIN_TIME_LEFT > left {
                return None;
            }
        }
    }

    /// Selects a target and acquires its lease. If another request takes the last permit between the
    /// two, the next selection sees that.
    fn lease(&self, profile: &RequestProfile<'_>) -> Result<LeasedTarget, LeaseError> {
        let gateway = self.context.gateway;
        let (handle, upstreams) = (&gateway.handle, &gateway.upstreams);
        let mut candidates = CandidateSet::default();
        for _ in 0..MAX_LOST_RACES {
            let table = handle.routing_table();
            let (now, draw) = (clock::now(), handle.random_draw());
            let result = select_target(&table, profile, now, draw, &mut candidates);
            let attempt = result.as_ref().ok().and_then(|selection| {
                let is_stream = self.context.request.stream;
                let scope = self.context.budget_scope;
                let identity = self.recorder.identity();
                let attempt = Attempt::begin(
                    (handle, upstreams),
                    &table,
                    selection,
                    is_stream,
                    identity,
                    scope,
                )?;
                let limit = self.deadlines.silence_limit(&table, selection);
                let trace = self.recorder.trace.as_deref();
                let id = &table.candidates[selection.target].id;
                let served = self.context.served(selection.target);
                let attempt = attempt.with_session(served);
                Some(attempt.with_silence_limit(limit).with_trace(trace, id))
            });
            if attempt.is_some() || result.is_err() {
                let selected = result.as_ref().ok();
                self.recorder
                    .on_round(&table, &candidates, selected, (profile, draw, now));
            }
            let selection = result.map_err(LeaseError::NoTarget)?;
            if let Some(attempt) = attempt {
                let candidate = &table.candidates[selection.target];
                return Ok(LeasedTarget {
                    id: candidate.id.clone(),
                    provider: candidate.provider,
                    selection,
                    attempt,
                });
            }
        }
        Err(LeaseError::Busy)
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
