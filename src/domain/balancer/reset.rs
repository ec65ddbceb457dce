//! Manual reset of breakers and cooldowns, for an operator who knows that a provider has recovered.

use super::BalancerState;
use crate::domain::index::ProviderIdx;
use crate::domain::units::UnixTime;

impl BalancerState {
    /// Closes the breakers and ends the cooldowns of all targets of a provider, including cooldowns
    /// that the provider requested. Describes the change in `what` if there was one. The targets
    /// begin a slow start, as after any recovery.
    pub(super) fn reset(&mut self, at: ProviderIdx, now: UnixTime, what: &mut Vec<String>) {
        let mut was_reset = false;
        for target in self.targets_of(at) {
            was_reset |= self.targets[target].reset(now);
        }
        if was_reset {
            what.push("breakers reset".to_owned());
        }
    }
}
