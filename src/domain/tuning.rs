//! The few constants of the balancer that an operator may want to move; the others stand beside
//! the formulae they belong to.

/// How `adaptive` weighs and draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Temperature of the odds, as a part of the whole score: a target that is that much behind
    /// the best has a third of its odds. One point of a hundred follows the weights closely and
    /// still keeps near equals measured.
    pub temperature: f64,
    /// Share of first attempts that go to the target unused for the longest time, 0..1.
    pub exploration: f64,
    /// A first token that takes so many seconds is worth nothing. Fixed, and not the slowest
    /// target's, so that a score does not move because another target left.
    pub first_token_reference: f64,
    /// Seconds per token that are worth nothing.
    pub token_reference: f64,
    /// What is taken off a score for each unit of risk beyond [`GUARD_FREE_RISK`], whatever the weights
    /// say; 0 switches it off.
    pub guard: f64,
}

/// A risk up to here is the weights' business alone.
pub const GUARD_FREE_RISK: f64 = 0.20;

impl Default for Tuning {
    fn default() -> Self {
        Self {
            temperature: 0.010,
            exploration: 0.01,
            first_token_reference: 2.0,
            token_reference: 0.030,
            guard: 1.0,
        }
    }
}

impl Tuning {
    /// Seconds that an answer of so many tokens may take before its latency is worth nothing.
    pub fn reference(&self, tokens: f64) -> f64 {
        self.first_token_reference + self.token_reference * tokens
    }
}
