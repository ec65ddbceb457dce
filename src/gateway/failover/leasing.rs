//! Which targets are left for a request, and the lease of one of them.

use super::{BUSY_RETRY_AFTER, FailoverLoop, LeaseError, LeasedTarget};
use crate::clock;
use crate::domain::{
    CandidateSet, Failure, KeyScope, MIN_TIME_LEFT, NoEligibleTarget, RandomDraw, RequestProfile,
    SelectionReason, TargetIdx, TargetScope, TargetSelection, select_target,
};
use crate::gateway::attempt::Attempt;
use std::time::Duration;
use tokio::time::Instant;

/// Selections that other requests may invalidate before this one gives up. Every loss means that
/// another request got in, so a request that loses this often came with dozens of others.
const MAX_LOST_RACES: u32 = 32;
/// The shortest pause before an excluded target is checked again.
const MIN_RECHECK: Duration = Duration::from_millis(50);

impl FailoverLoop<'_> {
    /// Whether a healthy target is left after those in use, and an attempt at it.
    pub(super) fn has_more_targets(&self, in_use: &[TargetIdx]) -> bool {
        let mut tried = self.tried.clone();
        tried.extend(in_use);
        let max_retries = self.context.gateway.config.load().max_retries;
        self.has_healthy_target(&tried) && self.attempts.count() <= max_retries
    }

    /// Whether another target is eligible that is not known to be unhealthy.
    pub(super) fn has_healthy_target(&self, tried: &[TargetIdx]) -> bool {
        let other = self.dry_run(tried);
        other.is_ok_and(|selection| selection.reason != SelectionReason::LastResort)
    }

    /// Whether any other target is eligible, healthy or not, where the failed one would fail again.
    pub(super) fn has_any_target(&self, failure: Failure) -> bool {
        !failure.is_retryable() && self.dry_run(&self.tried).is_ok()
    }

    /// A selection that is neither recorded nor leased.
    pub(super) fn dry_run(&self, tried: &[TargetIdx]) -> Result<TargetSelection, NoEligibleTarget> {
        self.dry_run_of(&self.profile(tried))
    }

    pub(super) fn dry_run_of(
        &self,
        profile: &RequestProfile<'_>,
    ) -> Result<TargetSelection, NoEligibleTarget> {
        let table = self.context.gateway.handle.routing_table();
        let (now, draw) = (clock::now(), RandomDraw::default());
        let mut candidates = CandidateSet::default();
        select_target(&table, profile, now, draw, &mut candidates)
    }

    /// The request's profile, with the time that the client leaves for a whole response.
    pub(super) fn profile<'t>(&'t self, tried: &'t [TargetIdx]) -> RequestProfile<'t> {
        let request = self.context.request;
        let base = request.selection_profile(tried, &self.context_exceeded);
        RequestProfile {
            remaining: self.deadlines.client_time_left(),
            means: self.context.budget_scope.headroom(clock::now()),
            keys: KeyScope {
                tried: self.left_keys.as_slice(),
                ..base.keys
            },
            cached: &self.cached,
            ..base
        }
    }

    /// The same target once more after a pause. If it is excluded by then, for example because
    /// another request got a 429 there, this one waits for its recovery within its own time.
    pub(super) async fn lease_again(
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
    pub(super) fn lease(&self, profile: &RequestProfile<'_>) -> Result<LeasedTarget, LeaseError> {
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
}
