//! What two attempts know of each other that run beside each other for one request.

use super::attempt_usage::AttemptUsage;
use std::sync::OnceLock;

/// Two attempts, the first of which to begin is the response.
#[derive(Debug, Default)]
pub(super) struct HedgeRace {
    /// Number of the attempt that began first.
    winner: OnceLock<u32>,
    lost: OnceLock<AttemptUsage>,
}

impl HedgeRace {
    /// Records that an attempt began first; the other one is cancelled.
    pub fn win(&self, number: u32) {
        let _first = self.winner.set(number);
    }

    /// Whether another attempt than this one began first.
    pub fn is_lost_by(&self, number: u32) -> bool {
        self.winner.get().is_some_and(|winner| *winner != number)
    }

    /// Records what the lost attempt used.
    pub fn record_lost(&self, spent: AttemptUsage) {
        let _first = self.lost.set(spent);
    }

    /// What the lost attempt used; unknown before it ended.
    pub fn lost(&self) -> AttemptUsage {
        self.lost.get().copied().unwrap_or_default()
    }
}
