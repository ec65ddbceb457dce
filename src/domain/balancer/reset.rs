//! An operator knows that a provider is well again, and does not want to wait until we find out.

use super::BalancerState;
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;

impl BalancerState {
    /// Closes the breakers of all targets of a provider and forgets until when they were to be left
    /// alone, the provider's own word included; `what` is told where there was something to forget.
    /// They start slowly, as after any recovery, and what they fail from then on counts as ever.
    pub(super) fn reset(&mut self, at: ProviderIdx, now: UnixTime, what: &mut Vec<String>) {
        let mut is_told = false;
        for target in self.targets_of(at) {
            is_told |= self.targets[target].reset(now);
        }
        if is_told {
            what.push("breakers reset".to_owned());
        }
    }
}
