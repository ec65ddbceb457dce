//! Failures of one of several keys in a run, handled as the gateway does.

use super::run::Run;
use crate::domain::failure::Failure;
use crate::domain::ids::KeyIdx;
use crate::domain::index::TargetIdx;
use crate::domain::random::RandomDraw;
use crate::domain::retry::RetryDecision;
use crate::domain::selection::{SelectionReason, TargetScope, select_target};
use crate::domain::units::UnixTime;
use std::time::Duration;

impl Run<'_> {
    /// Leaves a key out of a request after a failure that says nothing of the target. Returns true if
    /// the target has another key.
    pub(super) fn leave_key(
        &mut self,
        index: usize,
        (target, key): (TargetIdx, Option<KeyIdx>),
        failure: Failure,
    ) -> bool {
        let keys = &self.table.candidates[target].keys;
        let Some(key) = key.filter(|_| failure.is_of_key(keys.shares_quota)) else {
            return false;
        };
        let left = &mut self.requests[index].left_keys;
        left.push((target, key));
        KeyIdx::all(keys.keys.len()).any(|key| !left.contains(&(target, key)))
    }

    /// Tries the same target with another of its keys. Returns false if none is usable.
    pub(super) fn next_key(
        &mut self,
        index: usize,
        (failure, target): (Failure, TargetIdx),
        left: Duration,
        now: UnixTime,
    ) -> bool {
        let request = &mut self.requests[index];
        let decision = request.retries.decide(failure, true, left);
        let (source, only) = (request.source, [target]);
        let mut profile = source.terms.profile(source.class, source.input, &[]);
        profile.scope = TargetScope::Only(&only);
        profile.keys.tried = &request.left_keys;
        let draw = RandomDraw::default();
        let selection = select_target(&self.table, &profile, now, draw, &mut self.field);
        let is_usable = selection.is_ok_and(|it| it.reason != SelectionReason::LastResort);
        let goes_on = decision == RetryDecision::FailOver
            && is_usable
            && self.table.retries.try_withdraw(now);
        if goes_on {
            self.attempt(index, Some(target), now);
        }
        goes_on
    }
}
