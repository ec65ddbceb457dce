//! Result of a selection.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use crate::domain::index::TargetIdx;
use crate::domain::lease::{Lease, LeaseRequest};
use crate::domain::model_type::RequestClass;
use crate::domain::score::Factors;
use crate::domain::snapshot::RoutingTable;
use crate::domain::units::{Money, UnixTime};
use std::time::Duration;

/// The selected target; the [`super::CandidateSet`] explains the selection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSelection {
    /// The selected target.
    pub target: TargetIdx,
    pub score: f64,
    pub factors: Factors,
    /// Its selection probability, 0..1.
    pub share: f64,
    pub reason: SelectionReason,
    /// Whether it goes as the one trial of a half-open breaker.
    pub trial: bool,
    /// USD; nothing where the price is unknown.
    pub expected_usd: Option<f64>,
    /// Seconds.
    pub expected_latency: f64,
    /// Tokens in and out.
    pub expected_tokens: f64,
    /// The most it may come to.
    pub most: MaxUsage,
    /// Sent although no budget has room for it, because requests shall go on.
    pub is_over_budget: bool,
    pub class: RequestClass,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedTarget {
    pub target: TargetIdx,
    pub score: f64,
    pub share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionReason {
    /// First by what the strategy compares.
    Best,
    /// Weighted random draw.
    WeightedRandom,
    /// The provider that an operator pinned.
    Pinned,
    /// The provider that the client prefers.
    Preferred,
    /// The only eligible target.
    Only,
    /// Probe of a half-open circuit breaker.
    HalfOpenProbe,
    /// Unused for long: selected to measure it.
    Exploration,
    /// Best of those not tried, after a failure.
    Fallback,
    /// The cheapest that may serve: the budget is used up, and requests go on.
    Cheapest,
    /// All targets are excluded for now, and this one may be back first.
    LastResort,
}

impl SelectionReason {
    pub const ALL: [Self; 10] = [
        Self::Best,
        Self::WeightedRandom,
        Self::Pinned,
        Self::Preferred,
        Self::Only,
        Self::HalfOpenProbe,
        Self::Exploration,
        Self::Fallback,
        Self::Cheapest,
        Self::LastResort,
    ];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Best => "best score",
            Self::WeightedRandom => "drawn by share",
            Self::Pinned => "pinned by an operator",
            Self::Preferred => "preferred provider",
            Self::Only => "only eligible target",
            Self::HalfOpenProbe => "probe of a half-open breaker",
            Self::Exploration => "explored: unused for long",
            Self::Fallback => "fallback after a failure",
            Self::Cheapest => "cheapest eligible: the budget is used up",
            Self::LastResort => "last resort: all targets are excluded, this one may recover first",
        }
    }

    /// Whether other weights could have chosen otherwise.
    pub const fn is_weighed(self) -> bool {
        matches!(self, Self::Best | Self::WeightedRandom | Self::Fallback)
    }
}

/// Error: no target is eligible.
#[derive(Debug, Clone)]
pub struct NoEligibleTarget {
    pub rejected: Vec<(TargetIdx, ExclusionReason)>,
    /// The soonest recovery, where waiting may help.
    pub retry_after: Option<Duration>,
}

impl TargetSelection {
    /// Acquires the lease; none if another request took the last permit.
    pub fn acquire_lease(&self, table: &RoutingTable, now: UnixTime) -> Option<Lease> {
        let candidate = &table.candidates[self.target];
        let terms = LeaseRequest {
            limit: candidate.max_concurrent,
            own_limit: candidate.own_max_concurrent,
            rates: candidate.rates,
            most_tokens: self.most.tokens,
            trial: self.trial,
            tokens: self.expected_tokens,
            class: self.class,
        };
        Lease::try_acquire(
            &candidate.load_counters,
            &candidate.provider_load_counters,
            terms,
            now,
        )
    }
}

impl NoEligibleTarget {
    /// The least that would have been needed, where nothing but money stands in the way and waiting
    /// does not help.
    pub fn missing_budget(&self) -> Option<Money> {
        let needed = self.rejected.iter().filter_map(|(_, why)| match why {
            ExclusionReason::OverBudget { needed, .. } => Some(*needed),
            _ => None,
        });
        needed.min().filter(|_| self.retry_after.is_none())
    }
}
