//! Failures of one of several keys in a run, handled as the gateway does.

use super::run::Run;
use crate::domain::failure::Failure;
use crate::domain::index::TargetIdx;
use crate::domain::random::RandomDraw;
use crate::domain::retry::RetryDecision;
use crate::domain::selection::{SelectionReason, TargetScope, select_target};
use crate::domain::units::UnixTime;
use std::time::Duration;

impl Run<'_> {
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
        profile.keys.tried = request.left_keys.as_slice();
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
