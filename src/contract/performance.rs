use super::budget::RejectionReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer to `GET /api/monitoring/performance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Performance {
    /// Length of the window.
    pub hours: u32,
    /// Time of the oldest record, RFC 3339 in UTC.
    pub since: String,
    /// Time of the report, RFC 3339 in UTC.
    pub generated_at: String,
    /// All client requests.
    pub totals: Totals,
    /// In the order of the configuration.
    pub providers: Vec<ProviderPerformance>,
    /// The course, oldest first, where `step` asks for it; steps without a request are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<PerformanceStep>,
}

/// One step of a course.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceStep {
    /// Start, RFC 3339 in UTC.
    pub at: String,
    /// Client requests; attempts where a provider, model, token or tag is asked for.
    pub requests: u64,
    /// Failures that count in the rates.
    pub failed: u64,
    /// Percentiles over successes.
    pub latency_ms: Percentiles,
    /// Percentiles over streams.
    pub time_to_first_token_ms: Percentiles,
    /// `null` where unknown.
    pub total_cost_usd: Option<f64>,
    /// Prompt and completion tokens.
    pub total_tokens: u64,
}

/// All client requests of the window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Client requests.
    pub requests: u64,
    /// Attempts at providers, including reported ones without a client request.
    pub attempts: u64,
    /// Attempts after the first of a client request.
    #[serde(default)]
    pub retries: u64,
    /// 0..1; `null` without data.
    pub success_rate: Option<f64>,
    /// 0..1; `null` without data.
    pub error_rate: Option<f64>,
    /// Mean over successes, from the client's side.
    pub average_latency_ms: Option<f64>,
    /// Percentiles over successes, from the client's side.
    pub latency_ms: Percentiles,
    /// Percentiles over streams, from the client's side.
    #[serde(default)]
    pub time_to_first_token_ms: Percentiles,
    /// `null` while no cost is known and some are unknown.
    pub total_cost_usd: Option<f64>,
    /// Certainty of the costs in the sum.
    #[serde(default)]
    pub cost_basis: CostBasisCounts,
    /// Prompt and completion tokens.
    pub total_tokens: u64,
    /// Requests rejected before an attempt.
    #[serde(default)]
    pub refused: RejectionReport,
}

/// Number of attempts in a sum of costs, by the certainty of their cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CostBasisCounts {
    /// From token counts of the provider.
    pub exact: u64,
    /// From token counts estimated by length.
    pub estimated: u64,
    /// Missing in the sum, because price or usage is unknown.
    pub unknown: u64,
}

impl CostBasisCounts {
    /// Mark in front of the sum: `≥` where costs are missing, `~` where some are estimated.
    pub fn mark(self) -> Option<char> {
        match self {
            Self { unknown: 1.., .. } => Some('≥'),
            Self { estimated: 1.., .. } => Some('~'),
            _ => None,
        }
    }
}

/// Percentiles of a latency in milliseconds; `null` without data.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// Health of a provider or model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// Measured and healthy.
    Ok,
    /// Usable, but much slower than it was in the quarter of an hour before, and than its peers.
    Slow,
    /// Cooling down after a 429, out of quota, or limited three times or more within a minute.
    Limited,
    /// Usable, but more than 10 % of the latest attempts failed, of ten or more.
    Failing,
    /// Circuit breaker open: no request is sent.
    Open,
    /// Circuit breaker half-open: only probe requests.
    HalfOpen,
    /// Probes fail.
    Down,
    /// Running requests end, new ones are not sent.
    Draining,
    /// Disabled, or without an API key.
    Off,
    /// Not measured yet.
    #[default]
    Unknown,
}

/// One provider over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderPerformance {
    /// Name of the provider.
    pub provider: String,
    /// Attempts, without probes.
    pub requests: u64,
    /// 0..1; cancellations and client errors count in neither rate.
    pub success_rate: Option<f64>,
    /// 0..1; `null` without data.
    pub error_rate: Option<f64>,
    /// Share of the window in which the provider could be used and did not fail often, 0..1.
    pub availability: Option<f64>,
    /// Mean over successes.
    pub average_latency_ms: Option<f64>,
    /// Percentiles over successes.
    pub latency_ms: Percentiles,
    /// Percentiles over streams.
    pub time_to_first_token_ms: Percentiles,
    /// `null` where unknown.
    pub total_cost_usd: Option<f64>,
    /// Certainty of the costs in the sum.
    #[serde(default)]
    pub cost_basis: CostBasisCounts,
    /// Mean prompt and completion tokens of the attempts that reported usage.
    pub average_tokens: Option<f64>,
    /// Request fields dropped because the provider's protocol has no equivalent; the log names them at
    /// level debug.
    #[serde(default)]
    pub lost_in_translation: u64,
    /// Requests that run now.
    pub in_flight: u32,
    /// Health now.
    pub state: HealthState,
    /// In the order of the configuration.
    pub models: Vec<ModelPerformance>,
}

/// One model of one provider over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPerformance {
    /// Model id at the provider.
    pub model: String,
    /// Attempts, without probes.
    pub requests: u64,
    /// Mean over successes.
    pub average_latency_ms: Option<f64>,
    /// Percentiles over successes.
    #[serde(default)]
    pub latency_ms: Percentiles,
    /// 0..1; `null` without data.
    pub success_rate: Option<f64>,
    /// `null` where unknown.
    #[serde(default)]
    pub total_cost_usd: Option<f64>,
    /// USD per prompt or completion token.
    pub cost_per_token: Option<f64>,
    /// Part of all attempts of the last 60 s, 0..1.
    #[serde(default)]
    pub share: f64,
    /// Probability that the next usual request for this model goes to this provider, 0..1; those of
    /// all providers of a model sum to 1, or to 0 where none can be used.
    #[serde(default)]
    pub odds: f64,
    /// Its circuit breaker: `closed`, `open` or `half-open`.
    #[serde(default)]
    pub breaker: String,
    /// Model types that it serves without being named: `chat`, `vision`, `reasoning`, `artifact`,
    /// `embedding`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Health now.
    #[serde(default)]
    pub state: HealthState,
    /// Reason for the state, in words; empty when healthy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Whether its breaker is half-open and no request comes to it: it does not judge its provider.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
}
