//! One candidate of a selection with its scores.

use super::exclusion::ExclusionReason;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::score::{Factors, Penalties, Prediction, Risk};

/// Whether a target may be chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Eligibility {
    Eligible,
    /// Half-open, and its one trial may go out.
    HalfOpenProbe,
    Excluded(ExclusionReason),
}

/// One target in one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredCandidate {
    /// Places in the catalogue.
    pub target: TargetIdx,
    pub provider: ProviderIdx,
    pub entry: Eligibility,
    pub bads: Penalties,
    /// 0..1.
    pub priority: f64,
    pub risk: Risk,
    pub predicted: Prediction,
    /// What rate limits and a slow start leave of its odds, 0..1.
    pub headroom: f64,
    pub in_flight: u32,
    /// What the strategy compares; more is better.
    pub utility: f64,
    /// Odds of being drawn, 0..1.
    pub odds: f64,
}

impl ScoredCandidate {
    pub fn factors(&self) -> Factors {
        self.bads.factors(self.priority)
    }

    pub fn is_eligible(&self) -> bool {
        self.entry == Eligibility::Eligible
    }
}
