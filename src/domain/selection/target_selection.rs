//! Result of a selection.

use super::exclusion::ExclusionReason;
use super::max_usage::MaxUsage;
use crate::domain::ids::KeyIdx;
use crate::domain::index::TargetIdx;
use crate::domain::lease::{Lease, LeaseRequest};
use crate::domain::model_type::RequestClass;
use crate::domain::score::Factors;
use crate::domain::snapshot::RoutingTable;
use crate::domain::units::{Money, UnixTime};
use std::time::Duration;

/// The earliest second attempt, in seconds: a person does not notice a shorter wait.
const MIN_HEDGE_DELAY_S: f64 = 0.1;

/// The selected target; the [`super::CandidateSet`] explains the selection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSelection {
    /// The selected target.
    pub target: TargetIdx,
    /// The key that the attempt uses, where its provider has several.
    pub key: Option<KeyIdx>,
    /// Its score, 0..1.
    pub score: f64,
    /// Factors of the score.
    pub factors: Factors,
    /// Its selection probability, 0..1.
    pub share: f64,
    /// Reason of the selection.
    pub reason: SelectionReason,
    /// True if the request is the probe of a half-open breaker.
    pub trial: bool,
    /// Expected cost in USD; `None` if the price is unknown.
    pub expected_usd: Option<f64>,
    /// Expected latency in seconds.
    pub expected_latency: f64,
    /// Expected seconds to the first token.
    pub expected_first_token: f64,
    /// Expected tokens in and out.
    pub expected_tokens: f64,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    /// Those that its prompt cache is expected to hold.
    pub cached: f64,
    /// Upper bound of tokens and cost.
    pub most: MaxUsage,
    /// True if it exceeds a budget and the policy sends it anyway.
    pub is_over_budget: bool,
    /// Class of the request.
    pub class: RequestClass,
}

/// Score and share of a target that is not excluded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedTarget {
    /// The target.
    pub target: TargetIdx,
    /// Its score, 0..1.
    pub score: f64,
    /// Its selection probability, 0..1.
    pub share: f64,
}

/// Reason for the selection of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionReason {
    /// Best by the criterion of the strategy.
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
    /// Best untried target, after a failure.
    Fallback,
    /// Cheapest eligible target: the budget is used up, and the policy is `cheapest`.
    Cheapest,
    /// All targets are excluded for now, and this one may recover first.
    LastResort,
    /// First eligible target in the strict order of a route.
    RouteOrder,
    /// Drawn by the fixed shares of a route.
    RouteShare,
    /// Best other target, beside an attempt whose first content is late.
    Hedge,
}

impl SelectionReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
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
        Self::RouteOrder,
        Self::RouteShare,
        Self::Hedge,
    ];

    /// Returns the reason as text.
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
            Self::RouteOrder => "first eligible target in the order of its route",
            Self::RouteShare => "drawn by the weights of its route",
            Self::Hedge => "hedge: the first content of another target is late",
        }
    }

    /// Returns true if other weights could have selected another target.
    pub const fn is_weighed(self) -> bool {
        matches!(
            self,
            Self::Best | Self::WeightedRandom | Self::Fallback | Self::Hedge
        )
    }
}

/// Error: no target is eligible.
#[derive(Debug, Clone)]
pub struct NoEligibleTarget {
    /// Excluded targets with their reasons.
    pub rejected: Vec<(TargetIdx, ExclusionReason)>,
    /// Time until the first recovery; `None` if no exclusion ends by itself.
    pub retry_after: Option<Duration>,
}

impl TargetSelection {
    /// Returns the time after which an attempt without content is late
    /// ([`crate::domain::HedgePolicy`]); `None` if it is not hedged: the response is no stream, the
    /// usual times of its target are not known, an operator pinned a provider, or it is the probe of a
    /// half-open breaker, which needs a result of its own.
    pub fn hedge_delay(&self, table: &RoutingTable) -> Option<Duration> {
        if !self.class.is_streamed() || self.trial || table.pinned.is_some() {
            return None;
        }
        let factor = table.candidates[self.target].hedge_factor?;
        let seconds = self.expected_first_token * factor;
        Duration::try_from_secs_f64(seconds.max(MIN_HEDGE_DELAY_S)).ok()
    }

    /// Acquires the lease; `None` if another request took the last permit.
    pub fn acquire_lease(&self, table: &RoutingTable, now: UnixTime) -> Option<Lease> {
        let candidate = &table.candidates[self.target];
        let request = LeaseRequest {
            limit: candidate.max_concurrent,
            own_limit: candidate.own_max_concurrent,
            rates: candidate.rates,
            most_tokens: self.most.tokens,
            trial: self.trial,
            max_trials: candidate.max_trials,
            tokens: self.expected_tokens,
            prompt: self.prompt,
            cached: self.cached,
            expected_first_token: self.expected_first_token,
            class: self.class,
        };
        let lease = Lease::try_acquire(
            &candidate.load_counters,
            &candidate.provider_load_counters,
            request,
            now,
        )?;
        let Some(key) = self.key else {
            return Some(lease);
        };
        let keys = &candidate.keys;
        let counts = (&*keys.keys.get(key.get())?.sent, !keys.shares_quota);
        Some(lease.with_key(key, counts, request.tokens))
    }
}

impl NoEligibleTarget {
    /// Returns the lowest cost over the remaining budget, if targets are excluded by the budget and no
    /// exclusion ends by itself.
    pub fn missing_budget(&self) -> Option<Money> {
        let needed = self.rejected.iter().filter_map(|(_, why)| match why {
            ExclusionReason::OverBudget { needed, .. }
            | ExclusionReason::OverProviderBudget { needed, .. } => Some(*needed),
            _ => None,
        });
        needed.min().filter(|_| self.retry_after.is_none())
    }

    /// Iterates over the targets that their provider's own budget excludes.
    pub fn over_provider_budget(&self) -> impl Iterator<Item = TargetIdx> {
        let over =
            |why: &ExclusionReason| matches!(why, ExclusionReason::OverProviderBudget { .. });
        let rejected = self.rejected.iter();
        rejected
            .filter(move |(_, why)| over(why))
            .map(|(target, _)| *target)
    }
}
