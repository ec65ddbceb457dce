//! Immutable snapshots: [`RoutingTable`] for the next selection, [`Snapshot`] and
//! [`PerformanceReport`] for readers.

use super::alerts::Alert;
use super::budget::{BudgetSnapshot, Budgets};
use super::capability::Capabilities;
use super::change_effect::EffectFigures;
use super::circuit_breaker::BreakerState;
use super::client_limits::ClientLimits;
use super::event::Event;
use super::expected_output::ExpectedOutputs;
use super::failure::Failure;
use super::global_settings::GlobalSettings;
use super::health_state::HealthState;
use super::hedging::{HedgeBudget, HedgePolicy};
use super::ids::TargetId;
use super::in_flight::InFlightLimiter;
use super::key_pool::CandidateKeys;
use super::lease::LoadCounters;
use super::model_type::ModelTypes;
use super::pricing::{CostBasisCounts, Price};
use super::rate_limiter::{RateLimitRemaining, RateLimits};
use super::rejection::RejectionCounts;
use super::retry::AttemptBudget;
use super::route_snapshot::RouteSnapshot;
use super::score::{Estimate, Factors};
use super::strategy::Strategy;
use super::target::Catalogue;
use super::tuning::Tuning;
use super::units::{Money, UnixTime};
use super::upstream_quota::UpstreamQuota;
use super::weights::{WeightOverride, Weights};
use crate::domain::index::{PerTarget, ProviderIdx, TargetIdx};
use std::sync::Arc;
use std::time::Duration;

/// Input of the next selection; replaced when any part changes.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    /// Providers, targets and routes.
    pub catalogue: Arc<Catalogue>,
    /// Strategy of the selection.
    pub strategy: Strategy,
    /// Parameters of the scores.
    pub tuning: Tuning,
    /// Global weights.
    pub weights: Weights,
    /// Revision of weights and providers.
    pub revision: u64,
    /// States of all targets, by index.
    pub candidates: Vec<Candidate>,
    /// Expected output tokens of a response.
    pub expected_output: f64,
    /// Expected output tokens by class of request.
    pub outputs: ExpectedOutputs,
    /// Mean seconds to the first token, over all targets.
    pub peers_first_token: f64,
    /// Client requests per second.
    pub request_rate: f64,
    /// Pinned provider, which serves all requests that it can serve.
    pub pinned: Option<ProviderIdx>,
    /// Retry budget of all requests together.
    pub retries: Arc<AttemptBudget>,
    /// What hedges of all requests together may still do.
    pub hedges: Arc<HedgeBudget>,
    /// Spending budgets.
    pub budgets: Arc<Budgets>,
    /// Limits per minute of client tokens and groups.
    pub client_limits: Arc<ClientLimits>,
    /// Running client requests.
    pub crowd: Arc<InFlightLimiter>,
    /// Limit on running client requests.
    pub max_in_flight: Option<u32>,
}

impl RoutingTable {
    /// Iterates over the candidates with their indices.
    pub fn indexed(&self) -> impl Iterator<Item = (TargetIdx, &Candidate)> {
        TargetIdx::enumerate(&self.candidates)
    }
}

impl PerTarget for Candidate {}

/// State of one target for the selection.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Id, `provider/model`.
    pub id: TargetId,
    /// Its provider.
    pub provider: ProviderIdx,
    /// Types of work for which it may be selected.
    pub types: ModelTypes,
    /// Stated capabilities of the model.
    pub capabilities: Capabilities,
    /// Price; `None` if unknown.
    pub price: Option<Price>,
    /// State for the selection.
    pub standing: RoutingState,
    /// True if its breaker has been half-open for some time and no request came.
    pub awaits_trial: bool,
    /// Maximum number of probe requests at once while it is half-open.
    pub max_trials: u32,
    /// End of the cooldown after a `Retry-After` or a rejected key.
    pub blocked_until: Option<UnixTime>,
    /// Failure that caused the cooldown.
    pub blocked_by: Option<Failure>,
    /// True if the provider asked for the cooldown, so that it holds even as a last resort.
    pub block_binds: bool,
    /// Estimates from decayed means.
    pub estimate: Estimate,
    /// Times the expected seconds to the first token after which a stream is hedged; `None` without
    /// hedging, or with too few measurements.
    pub hedge_factor: Option<f64>,
    /// Estimates over the last 1000 attempts at all targets, for the strategy `best`.
    pub window: Estimate,
    /// Estimated remaining quota at the provider.
    pub quota: UpstreamQuota,
    /// Its keys, where its provider has several; cooldowns and quotas above are of all together.
    pub keys: CandidateKeys,
    /// Time at which its breaker closed, for the slow start.
    pub slow_from: Option<UnixTime>,
    /// Duration of the slow start, in seconds.
    pub slow_start_s: f64,
    /// Time of its last success.
    pub succeeded_at: Option<UnixTime>,
    /// Priority, 0..1.
    pub priority: f64,
    /// Global weights with the override of its provider.
    pub weights: Weights,
    /// Override of its provider.
    pub own_weights: WeightOverride,
    /// Limit on concurrent attempts at its provider.
    pub max_concurrent: Option<u32>,
    /// Limit on concurrent attempts at the target itself.
    pub own_max_concurrent: Option<u32>,
    /// Limits per minute of its provider.
    pub rates: RateLimits,
    /// Load of the target.
    pub load_counters: Arc<LoadCounters>,
    /// Load of its provider.
    pub provider_load_counters: Arc<LoadCounters>,
}

/// Availability of a target for the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingState {
    /// Available.
    Usable,
    /// Its breaker is open until then.
    Open(UnixTime),
    /// Its breaker admits probe requests, at most [`Candidate::max_trials`] at once.
    HalfOpen,
    /// Probes do not reach its provider.
    Down,
    /// Its provider gets no new requests.
    Draining,
    /// Disabled or unusable, with the reason.
    Off(Arc<str>),
}

/// State and statistics at one time, over one window.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Time of the snapshot.
    pub at: UnixTime,
    /// Time of the oldest record in it.
    pub since: UnixTime,
    /// Length of the window.
    pub window: Duration,
    /// Revision of weights and providers.
    pub revision: u64,
    /// Time and author of that revision; `None` before the first change.
    pub revised: Option<(UnixTime, String)>,
    /// Strategy, budgets and breakers.
    pub settings: GlobalSettings,
    /// Global weights.
    pub weights: Weights,
    /// Time at which unconfirmed changes revert.
    pub reverts_at: Option<UnixTime>,
    /// Figures of all client requests.
    pub totals: Totals,
    /// Client requests of the last minute, or of the last quarter of an hour if those are few.
    pub latest: LatestRequests,
    /// Client requests of the last minute; the money is that of all attempts.
    pub last_minute: EffectFigures,
    /// Client requests per second.
    pub requests_per_second: f64,
    /// Cost per hour over the last minutes, USD; 0 if no cost is known.
    pub usd_per_hour: f64,
    /// Configured routes.
    pub routes: Vec<RouteSnapshot>,
    /// Usage of the budgets in the current periods.
    pub budget: BudgetSnapshot,
    /// Second attempts beside late ones, where there may be some.
    pub hedging: Option<HedgingSnapshot>,
    /// Configured providers.
    pub providers: Vec<ProviderSnapshot>,
    /// Client requests over the window, oldest first.
    pub columns: Vec<TimeBucket>,
    /// Width of a column.
    pub column_width: Duration,
    /// Start of the last column.
    pub last_column: UnixTime,
    /// Mean number of client requests in flight to expect in this hour and the next.
    pub expected_in_flight: f64,
    /// Active alerts, the most severe and oldest first.
    pub alerts: Vec<Alert>,
    /// Latest events, newest first.
    pub events: Vec<Event>,
}

/// Second attempts beside late ones, since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgingSnapshot {
    /// When a stream is late, and what the attempts that lost may cost within an hour.
    pub policy: HedgePolicy,
    /// Number of second attempts.
    pub hedges: u64,
    /// Those that began first.
    pub won: u64,
    /// Late streams without a second attempt, because too many were late.
    pub too_many: u64,
    /// The same because of the cost.
    pub over_spending: u64,
    /// What attempts that lost did cost within the last hour.
    pub spent_last_hour: Money,
}

/// Requests that ended in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TimeBucket {
    /// Requests that count in the success rate.
    pub rated: u64,
    /// Failures among them.
    pub failed: u64,
    /// Median latency, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency, milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the latency, milliseconds.
    pub p99_ms: Option<f64>,
    /// Time to the first token of streams, milliseconds: p50, p95, p99.
    pub first_token_ms: [Option<f64>; 3],
    /// Successes by latency: between the bounds `SPREAD_MS`.
    pub spread: [u32; SPREAD_MS.len() + 1],
    /// Known cost.
    pub cost: Money,
}

/// Bounds of [`TimeBucket::spread`] in milliseconds.
pub const SPREAD_MS: [f64; 4] = [500.0, 1_000.0, 2_000.0, 5_000.0];

/// Success of the latest client requests, whatever window is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatestRequests {
    /// Requests that count in the success rate.
    pub rated: u64,
    /// Failures among them.
    pub failed: u64,
    /// Seconds over which they are counted.
    pub seconds: u64,
}

/// Figures of all client requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Client requests.
    pub requests: u64,
    /// Attempts at targets.
    pub attempts: u64,
    /// Attempts after the first of a request.
    pub retries: u64,
    /// Share of successes, 0..1.
    pub success_rate: Option<f64>,
    /// Mean latency of successes, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Median latency, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency, milliseconds.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the latency, milliseconds.
    pub p99_ms: Option<f64>,
    /// Time to the first token of streams, milliseconds: p50, p95, p99.
    pub first_token_ms: [Option<f64>; 3],
    /// Known cost.
    pub cost: Option<Money>,
    /// Attempts by basis of their cost.
    pub cost_basis: CostBasisCounts,
    /// Tokens in and out.
    pub tokens: u64,
    /// Rejected requests by reason.
    pub refused: RejectionCounts,
}

/// Settings, state and figures of one provider over the window.
#[derive(Debug, Clone)]
pub struct ProviderSnapshot {
    /// Name.
    pub name: Arc<str>,
    /// Name of its protocol.
    pub kind: Arc<str>,
    /// False if an operator disabled it.
    pub enabled: bool,
    /// True while it gets no new requests.
    pub draining: bool,
    /// End of the drain, if it has one.
    pub drains_until: Option<UnixTime>,
    /// End of its pin.
    pub pinned_until: Option<UnixTime>,
    /// Priority, 0..100.
    pub priority: u8,
    /// Limit on concurrent requests.
    pub max_concurrent: Option<u32>,
    /// Limits per minute.
    pub rates: RateLimits,
    /// Remaining requests and tokens of these limits.
    pub rates_left: RateLimitRemaining,
    /// Weight override.
    pub weights: WeightOverride,
    /// Health.
    pub state: HealthState,
    /// Time at which the state began.
    pub state_since: UnixTime,
    /// Time since which it needs attention; `None` if it does not.
    pub trouble_since: Option<UnixTime>,
    /// Reason of the state; empty if there is no problem.
    pub why: String,
    /// True if it takes requests.
    pub is_usable: bool,
    /// Requests in flight.
    pub in_flight: u32,
    /// Part of all attempts of the last minute, 0..1.
    pub share: f64,
    /// Selection probability of the next typical chat request, 0..1.
    pub odds: f64,
    /// Score of its best target, 0..1.
    pub score: Option<f64>,
    /// Factors of that score.
    pub factors: Option<Factors>,
    /// Attempts per second.
    pub requests_per_second: f64,
    /// Cost per hour over the last minutes, USD; `None` if unknown.
    pub usd_per_hour: Option<f64>,
    /// Attempts.
    pub requests: u64,
    /// Share of successes, 0..1.
    pub success_rate: Option<f64>,
    /// Share of the time in which it was usable, 0..1.
    pub availability: Option<f64>,
    /// Mean latency of successes, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Latency in milliseconds: p50, p95, p99.
    pub latency_ms: [Option<f64>; 3],
    /// Time to the first token in milliseconds: p50, p95, p99.
    pub first_token_ms: [Option<f64>; 3],
    /// Known cost.
    pub cost: Option<Money>,
    /// Attempts by basis of their cost.
    pub cost_basis: CostBasisCounts,
    /// Tokens in and out.
    pub tokens: u64,
    /// Mean tokens of an attempt with known usage.
    pub mean_tokens: Option<f64>,
    /// Request fields dropped in translation.
    pub dropped_fields: u64,
    /// Its keys, where it has several.
    pub keys: Vec<KeySnapshot>,
    /// Its configured models.
    pub models: Vec<ModelSnapshot>,
    /// Failures that count in the rates, by code.
    pub failures: Vec<(&'static str, u64)>,
    /// Attempts that clients cancelled.
    pub cancelled: u64,
    /// Attempts over the window, oldest first; empty if not requested.
    pub columns: Vec<TimeBucket>,
}

/// State of one of several keys of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct KeySnapshot {
    /// Where it comes from, for example `env:OPENAI_A`; never the key.
    pub name: Arc<str>,
    /// Its weight.
    pub weight: f64,
    /// End and reason of its cooldown, if no model can be used with it.
    pub blocked: Option<(UnixTime, Failure)>,
    /// Requests and tokens left of its rate limits, of the model that has the least.
    pub left: [Option<f64>; 2],
    /// Attempts with it since the start, or since the keys changed.
    pub attempts: u64,
}

/// State and figures of one model of a provider over the window.
#[derive(Debug, Clone)]
pub struct ModelSnapshot {
    /// Model id.
    pub model: Arc<str>,
    /// Types of work for which the balancer may select it.
    pub types: ModelTypes,
    /// Attempts.
    pub requests: u64,
    /// Mean latency of successes, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Latency in milliseconds: p50, p95, p99.
    pub latency_ms: [Option<f64>; 3],
    /// Share of successes, 0..1.
    pub success_rate: Option<f64>,
    /// Known cost.
    pub cost: Option<Money>,
    /// Mean cost in USD of a token, in and out.
    pub usd_per_token: Option<f64>,
    /// Part of all attempts of the last minute, 0..1.
    pub share: f64,
    /// Probability that the next usual request for this model goes there, 0..1.
    pub odds: f64,
    /// Its circuit breaker.
    pub breaker: BreakerState,
    /// Health.
    pub state: HealthState,
    /// Reason of the state; empty if there is no problem.
    pub why: String,
    /// True if its breaker is half-open and no request comes to it: it does not judge its provider.
    pub is_idle: bool,
}

/// Figures of the last `hours` hours.
#[derive(Debug, Clone)]
pub struct PerformanceReport {
    /// Length of the report in hours.
    pub hours: u32,
    /// Time of the report.
    pub at: UnixTime,
    /// Time of the oldest record in it.
    pub since: UnixTime,
    /// Figures of all client requests.
    pub totals: Totals,
    /// Configured providers.
    pub providers: Vec<ProviderSnapshot>,
}
