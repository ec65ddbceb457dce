//! One candidate of a selection with its scores.

use super::exclusion::ExclusionReason;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::prompt_cache::CacheSaving;
use crate::domain::score::{Factors, Penalties, Prediction, Risk, display_score, linear_score};
use crate::domain::strategy::Strategy;
use crate::domain::weights::Weights;

/// Eligibility of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Eligibility {
    /// May be selected.
    Eligible,
    /// Half-open, and its probe request may be sent.
    HalfOpenProbe,
    /// Must not be selected, for this reason.
    Excluded(ExclusionReason),
}

/// One target with its scores in one selection.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredCandidate {
    /// The target.
    pub target: TargetIdx,
    /// Its provider.
    pub provider: ProviderIdx,
    /// Its eligibility.
    pub entry: Eligibility,
    /// Its penalties.
    pub bads: Penalties,
    /// 0..1.
    pub priority: f64,
    /// Its risks.
    pub risk: Risk,
    /// Its predicted latency.
    pub predicted: Prediction,
    /// Factor on its probability from rate limits and a slow start, 0..1.
    pub headroom: f64,
    /// What its prompt cache is expected to save.
    pub cache: CacheSaving,
    /// Its attempts in flight.
    pub in_flight: u32,
    /// Temperature of the selection if this is the best one ([`temperature`](crate::domain::score::temperature)).
    pub temperature: f64,
    /// Value that the strategy compares; more is better.
    pub utility: f64,
    /// Selection probability, 0..1.
    pub odds: f64,
}

impl ScoredCandidate {
    /// Returns the factors of the score.
    pub fn factors(&self) -> Factors {
        self.bads.factors(self.priority)
    }

    /// Returns its score, 0..1: the linear score, for `adaptive` with the guard. `weights` include its
    /// provider's own.
    pub fn score(&self, strategy: Strategy, weights: &Weights) -> f64 {
        match strategy {
            Strategy::Adaptive => display_score(self.utility, weights),
            _ => linear_score(weights, &self.factors()),
        }
    }

    /// Returns true if it may be selected as a normal target.
    pub fn is_eligible(&self) -> bool {
        self.entry == Eligibility::Eligible
    }
}
