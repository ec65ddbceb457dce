//! Failures of one of several keys: the target stays as long as it has another one.

use super::{FailoverLoop, LeasedTarget};
use crate::domain::{
    Candidate, Failure, KeyIdx, RequestProfile, RetryDecision, SelectionReason, TargetIdx,
    TargetScope,
};
use std::time::Duration;

impl FailoverLoop<'_> {
    /// Leaves a key out of the request after a failure that says nothing of the target. Returns true
    /// if the target has another key, so that it stays.
    pub(super) fn leave_key(
        &mut self,
        target: TargetIdx,
        key: Option<KeyIdx>,
        failure: Failure,
    ) -> bool {
        let Some(key) = key else { return false };
        let table = self.context.gateway.handle.routing_table();
        let candidate = &table.candidates[target];
        if !failure.is_of_key(candidate.keys.shares_quota) {
            return false;
        }
        let same_account = |(_, other): &(TargetIdx, &Candidate)| {
            failure.is_of_account() && other.provider == candidate.provider
        };
        let all = table.indexed().filter(same_account);
        self.tried_keys.push((target, key));
        self.tried_keys.extend(all.map(|(other, _)| (other, key)));
        let is_tried = |key| self.tried_keys.contains(&(target, key));
        KeyIdx::all(candidate.keys.keys.len()).any(|key| !is_tried(key))
    }

    /// The same target with another of its keys, after the failure of one; `None` if none is usable.
    pub(super) fn next_key(
        &mut self,
        target: TargetIdx,
        failure: Failure,
        left: Duration,
    ) -> Option<LeasedTarget> {
        let decision = self.attempts.decide(failure, true, left);
        let profile = RequestProfile {
            scope: TargetScope::Only(&[target]),
            ..self.profile(&self.tried)
        };
        let is_usable = decision == RetryDecision::FailOver
            && self
                .dry_run_of(&profile)
                .is_ok_and(|selection| selection.reason != SelectionReason::LastResort);
        if is_usable && self.take_retry_token(failure) {
            let leased = self.lease(&profile).ok();
            if leased.is_some() {
                return leased;
            }
        }
        self.tried.push(target);
        None
    }
}
