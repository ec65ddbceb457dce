//! Constants of the balancer that an operator can configure. Other constants stand beside their
//! formulae.

use super::hedging::HedgePolicy;

/// Parameters of the scores and of the strategy `adaptive`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Softmax temperature in units of the score (0..1): a target this far below the best has `1/e`
    /// of its probability; less where the best is nearly perfect ([`super::score::temperature`]). The
    /// default of 0.010 follows the weights closely and still sends traffic to targets of nearly equal
    /// score.
    pub temperature: f64,
    /// Share of first attempts that go to the target unused for the longest time, 0..1.
    pub exploration: f64,
    /// Time to the first token in seconds at which the latency score is 0. Fixed, and not the
    /// slowest target's, so that a score does not change when another target is removed.
    pub first_token_reference: f64,
    /// Seconds per output token at which the latency score is 0.
    pub token_reference: f64,
    /// Amount subtracted from the score for each unit of risk above [`GUARD_FREE_RISK`], regardless
    /// of the weights; 0 disables it.
    pub guard: f64,
    /// When a second attempt runs beside a late one; `None`: never.
    pub hedge: Option<HedgePolicy>,
}

/// Risk up to which [`Tuning::guard`] has no effect.
pub const GUARD_FREE_RISK: f64 = 0.20;

impl Default for Tuning {
    fn default() -> Self {
        Self {
            temperature: 0.010,
            exploration: 0.01,
            first_token_reference: 2.0,
            token_reference: 0.030,
            guard: 1.0,
            hedge: None,
        }
    }
}

impl Tuning {
    /// Returns the latency in seconds at which a response of `tokens` tokens scores 0.
    pub fn reference(&self, tokens: f64) -> f64 {
        self.first_token_reference + self.token_reference * tokens
    }
}
