//! Usage and cost of attempts.

use crate::domain::{MeasuredUsage, Money};

/// Usage and cost of one or several attempts; `None` is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AttemptUsage {
    pub usage: Option<MeasuredUsage>,
    pub cost: Option<Money>,
}

impl AttemptUsage {
    /// No provider was called, or each one rejected the request.
    pub const ZERO: Self = Self {
        usage: Some(MeasuredUsage::ZERO),
        cost: Some(Money::ZERO),
    };

    /// The sum; unknown where one of the two is.
    pub fn plus(self, other: Self) -> Self {
        let usage = self.usage.zip(other.usage);
        let cost = self.cost.zip(other.cost);
        Self {
            usage: usage.map(|(one, other)| one.plus(other)),
            cost: cost.map(|(one, other)| one + other),
        }
    }
}
