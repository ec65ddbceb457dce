//! Immutable snapshots: [`RoutingTable`] for the next selection, [`Snapshot`] and
//! [`PerformanceReport`] for readers.

use super::budget::{BudgetSnapshot, Budgets};
use super::capability::Capabilities;
use super::event::Event;
use super::expected_output::ExpectedOutputs;
use super::failure::Failure;
use super::ids::TargetId;
use super::in_flight::InFlightLimiter;
use super::lease::LoadCounters;
use super::model_type::ModelTypes;
use super::pricing::{CostBasisCounts, Price};
use super::rate_limiter::{RateLimitRemaining, RateLimits};
use super::rejection::RejectionCounts;
use super::retry::RetryBudget;
use super::score::{Estimate, Factors};
use super::target::Catalogue;
use super::tuning::Tuning;
use super::units::{Money, UnixTime};
use super::upstream_quota::UpstreamQuota;
use super::weights::{WeightOverride, Weights};
use crate::domain::index::{PerTarget, ProviderIdx, TargetIdx};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Strategy of the selection among eligible targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Weighted random over current predictions, following the operator's weights closely.
    #[default]
    Adaptive,
    /// Always the best linear score over the last 1000 attempts.
    Best,
    /// Weighted random by the scores of decayed means.
    Weighted,
    /// Each target in turn.
    RoundRobin,
    /// The provider with the fewest requests in flight.
    LeastBusy,
    /// The lowest expected latency; a small share goes to targets unused for long.
    LowestLatency,
    /// The lowest expected cost; free is a price, an unknown price counts as the highest.
    LowestCost,
}

impl Strategy {
    pub const ALL: [Self; 7] = [
        Self::Adaptive,
        Self::Best,
        Self::Weighted,
        Self::RoundRobin,
        Self::LeastBusy,
        Self::LowestLatency,
        Self::LowestCost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Best => "best",
            Self::Weighted => "weighted",
            Self::RoundRobin => "round-robin",
            Self::LeastBusy => "least-busy",
            Self::LowestLatency => "lowest-latency",
            Self::LowestCost => "lowest-cost",
        }
    }

    /// Returns true if the operator's weights decide.
    pub const fn uses_weights(self) -> bool {
        matches!(self, Self::Adaptive | Self::Best | Self::Weighted)
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == word);
        known.ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("{word:?} is not one of {words}")
        })
    }
}

/// What the next choice needs to know; replaced whenever any of it changes.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    pub catalogue: Arc<Catalogue>,
    pub strategy: Strategy,
    pub tuning: Tuning,
    pub weights: Weights,
    /// Revision of weights and providers.
    pub revision: u64,
    /// One for each target of the catalogue, in its order.
    pub candidates: Vec<Candidate>,
    /// Output tokens of a usual answer.
    pub expected_output: f64,
    /// The same for each class of requests, by its index.
    pub outputs: ExpectedOutputs,
    /// Seconds to a usual first token, over all targets.
    pub peers_first_token: f64,
    /// Client requests per second.
    pub request_rate: f64,
    /// The provider that all requests go to while pinned.
    pub pinned: Option<ProviderIdx>,
    /// Retry budget of all requests together.
    pub retries: Arc<RetryBudget>,
    /// Spending budgets.
    pub budgets: Arc<Budgets>,
    /// Running client requests.
    pub crowd: Arc<InFlightLimiter>,
    /// Limit on running client requests.
    pub max_in_flight: Option<u32>,
}

impl RoutingTable {
    /// The candidates with their indices.
    pub fn indexed(&self) -> impl Iterator<Item = (TargetIdx, &Candidate)> {
        TargetIdx::enumerate(&self.candidates)
    }
}

impl PerTarget for Candidate {}

/// State of one target for the selection.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub id: TargetId,
    /// Its provider.
    pub provider: ProviderIdx,
    pub types: ModelTypes,
    pub capabilities: Capabilities,
    pub price: Option<Price>,
    pub standing: RoutingState,
    /// End of the cooldown after a `Retry-After` or a rejected key.
    pub blocked_until: Option<UnixTime>,
    /// The failure behind that.
    pub blocked_by: Option<Failure>,
    /// True if the provider asked for it, so that it holds even as a last resort.
    pub block_binds: bool,
    pub estimate: Estimate,
    /// The same over the last 1000 attempts at all targets, for the strategy `best`.
    pub window: Estimate,
    /// Our shadow of its rate limits.
    pub quota: UpstreamQuota,
    /// When its breaker closed, for a slow start.
    pub slow_from: Option<UnixTime>,
    /// When a request last succeeded there.
    pub succeeded_at: Option<UnixTime>,
    /// 0..1.
    pub priority: f64,
    /// The global weights with its provider's override.
    pub weights: Weights,
    pub own_weights: WeightOverride,
    /// Attempts at once: at its provider, and at itself.
    pub max_concurrent: Option<u32>,
    pub own_max_concurrent: Option<u32>,
    /// What its provider may be sent in a minute.
    pub rates: RateLimits,
    pub load_counters: Arc<LoadCounters>,
    pub provider_load_counters: Arc<LoadCounters>,
}

/// Whether a target may be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingState {
    Usable,
    /// Its breaker is open until then.
    Open(UnixTime),
    /// Its breaker lets one trial through.
    HalfOpen,
    /// Probes cannot reach its provider.
    Down,
    Draining,
    /// Disabled, or why it cannot be used.
    Off(Arc<str>),
}

/// How a provider stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    Ok,
    Slow,
    Limited,
    Failing,
    Open,
    HalfOpen,
    Down,
    Draining,
    Off,
    Unknown,
}

impl HealthState {
    /// Whether requests may go there.
    pub fn is_usable(self) -> bool {
        matches!(
            self,
            Self::Ok | Self::Slow | Self::Failing | Self::HalfOpen | Self::Unknown
        )
    }

    /// Whether an operator should know.
    pub fn needs_attention(self) -> bool {
        !matches!(self, Self::Ok | Self::Unknown | Self::Draining | Self::Off)
    }
}

/// Everything at one moment, over one window.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub at: UnixTime,
    /// Oldest record behind it.
    pub since: UnixTime,
    /// Length of the window.
    pub window: Duration,
    pub revision: u64,
    /// Time and author of that revision; none before the first change.
    pub revised: Option<(UnixTime, String)>,
    pub strategy: Strategy,
    pub weights: Weights,
    pub reverts_at: Option<UnixTime>,
    pub totals: Totals,
    pub requests_per_second: f64,
    pub usd_per_hour: f64,
    /// What was spent of what may be, in the periods at hand.
    pub budget: BudgetSnapshot,
    pub providers: Vec<ProviderSnapshot>,
    /// Client requests over the window, oldest first.
    pub columns: Vec<TimeBucket>,
    /// Width of a column.
    pub column_width: Duration,
    /// Start of the last column.
    pub last_column: UnixTime,
    /// Newest first.
    pub events: Vec<Event>,
}

/// What finished in one column of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TimeBucket {
    pub rated: u64,
    pub failed: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// To the first token of streams: p50, p95, p99.
    pub first_token_ms: [Option<f64>; 3],
    /// Successes by their latency: below each of `SPREAD_MS`, and beyond the last.
    pub spread: [u32; SPREAD_MS.len() + 1],
    pub cost: Money,
}

/// Bounds of the parts of a column's spread, in milliseconds.
pub const SPREAD_MS: [f64; 4] = [500.0, 1_000.0, 2_000.0, 5_000.0];

/// All client requests.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    pub requests: u64,
    pub attempts: u64,
    /// Attempts that followed the first of a request.
    pub retries: u64,
    pub success_rate: Option<f64>,
    pub mean_latency_ms: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub cost: Option<Money>,
    /// Attempts by certainty of their cost.
    pub cost_basis: CostBasisCounts,
    pub tokens: u64,
    /// Requests that were refused, and for want of what.
    pub refused: RejectionCounts,
}

/// One provider: its numbers over the window, and how it stands now.
#[derive(Debug, Clone)]
pub struct ProviderSnapshot {
    pub name: Arc<str>,
    pub kind: Arc<str>,
    pub enabled: bool,
    pub draining: bool,
    /// Everything that it may serve goes there until then.
    pub pinned_until: Option<UnixTime>,
    pub priority: u8,
    pub max_concurrent: Option<u32>,
    /// What it may be sent in a minute, and what is left of that now.
    pub rates: RateLimits,
    pub rates_left: RateLimitRemaining,
    /// Its own weights over the global ones.
    pub weights: WeightOverride,
    pub state: HealthState,
    pub state_since: UnixTime,
    /// Since when it has been in one trouble or another; nothing where it is in none.
    pub trouble_since: Option<UnixTime>,
    /// Why it is in that state; empty when all is well.
    pub why: String,
    pub in_flight: u32,
    /// Selection probability of a chat request, 0..1.
    pub share: f64,
    pub score: Option<f64>,
    pub factors: Option<Factors>,
    pub requests_per_second: f64,
    pub usd_per_hour: Option<f64>,
    pub requests: u64,
    pub success_rate: Option<f64>,
    pub availability: Option<f64>,
    pub mean_latency_ms: Option<f64>,
    /// p50, p95, p99.
    pub latency_ms: [Option<f64>; 3],
    /// p50, p95, p99.
    pub first_token_ms: [Option<f64>; 3],
    pub cost: Option<Money>,
    /// Attempts by certainty of their cost.
    pub cost_basis: CostBasisCounts,
    pub tokens: u64,
    pub mean_tokens: Option<f64>,
    /// Request fields dropped in translation.
    pub dropped_fields: u64,
    pub models: Vec<ModelSnapshot>,
    /// Failures that count in the rates, by their word.
    pub failures: Vec<(&'static str, u64)>,
    /// The client left.
    pub cancelled: u64,
    /// Oldest first; empty if not requested.
    pub columns: Vec<TimeBucket>,
}

/// One model of one provider over the window.
#[derive(Debug, Clone)]
pub struct ModelSnapshot {
    pub model: Arc<str>,
    /// The types of work for which the balancer may choose it by itself.
    pub types: ModelTypes,
    pub requests: u64,
    pub mean_latency_ms: Option<f64>,
    pub success_rate: Option<f64>,
    /// USD per token over all tokens in and out.
    pub usd_per_token: Option<f64>,
    /// State now, and its reason.
    pub state: HealthState,
    pub why: String,
}

/// Figures of the last `hours` hours.
#[derive(Debug, Clone)]
pub struct PerformanceReport {
    pub hours: u32,
    pub at: UnixTime,
    pub since: UnixTime,
    pub totals: Totals,
    pub providers: Vec<ProviderSnapshot>,
}
