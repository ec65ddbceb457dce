//! Failures of one of several keys: the target stays as long as it has another one.

use super::{FailoverLoop, LeasedTarget};
use crate::domain::{
    Failure, RequestProfile, RetryDecision, SelectionReason, TargetIdx, TargetScope,
};
use std::time::Duration;

impl FailoverLoop<'_> {
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
