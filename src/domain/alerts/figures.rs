//! What the rules look at.

use crate::domain::budget::{BudgetUsage, Period};
use crate::domain::units::Money;
use std::sync::Arc;

/// Window of rates and means, in seconds.
pub const WINDOW_S: u64 = 300;
/// Window in which openings of a breaker count, in seconds.
pub const FLAPPING_WINDOW_S: u64 = 600;

/// Whether a provider can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Usable,
    /// It cannot.
    Unusable,
    /// It is being tried, or was not measured lately.
    Unclear,
    /// An operator took it out of service.
    OutOfService,
}

/// Figures of one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderFigures {
    /// Name.
    pub name: Arc<str>,
    /// Whether it can be used.
    pub availability: Availability,
    /// Reason of its state.
    pub why: String,
    /// Attempts in the window that count in the rates, and failures among them. The window begins
    /// when it was last unusable, so that an outage is not told twice.
    pub rated: u64,
    /// Failures among them.
    pub failed: u64,
    /// Sum of the latencies of the successes among them, milliseconds.
    pub latency_sum_ms: f64,
    /// How often the breaker of one of its targets opened lately.
    pub openings: usize,
    /// Consecutive failed probes.
    pub failed_probes: u32,
    /// Detail of the last probe.
    pub probe_detail: String,
}

/// Figures of one budget.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetFigures {
    /// Name in messages.
    pub name: String,
    /// Its period.
    pub period: Period,
    /// Its usage.
    pub usage: BudgetUsage,
    /// What happens to requests when it is used up, as the end of a sentence.
    pub consequence: &'static str,
    /// Expected cost from now to the end of the period, where a forecast exists.
    pub expected: Option<Money>,
}

/// Data that bounded queues dropped since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LossCounts {
    /// Observations.
    pub observations: u64,
    /// Rows of the store.
    pub store_rows: u64,
    /// Deliveries to webhooks.
    pub deliveries: u64,
}

impl LossCounts {
    /// Returns the sum.
    pub fn total(self) -> u64 {
        self.observations + self.store_rows + self.deliveries
    }

    /// Returns what was lost since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            observations: self.observations.saturating_sub(earlier.observations),
            store_rows: self.store_rows.saturating_sub(earlier.store_rows),
            deliveries: self.deliveries.saturating_sub(earlier.deliveries),
        }
    }
}

/// All figures at one time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertFigures {
    /// Configured providers.
    pub providers: Vec<ProviderFigures>,
    /// Budgets.
    pub budgets: Vec<BudgetFigures>,
    /// Losses.
    pub lost: LossCounts,
}
