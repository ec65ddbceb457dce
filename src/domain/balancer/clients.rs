//! Who calls, for users.

use super::BalancerState;
use crate::domain::clients::ClientsSnapshot;
use crate::domain::units::UnixTime;
use std::sync::Arc;

impl BalancerState {
    /// Returns what each client did over a window of `window_seconds`, in sixty columns, and what
    /// it has of its budget.
    pub fn clients(&self, window_seconds: u64, now: UnixTime) -> ClientsSnapshot {
        let budgets = self.projected_budgets(now);
        let budgets = budgets
            .callers()
            .map(|(name, usage)| (Arc::clone(name), *usage))
            .collect();
        self.clients.snapshot(window_seconds, &budgets, now)
    }
}
