use super::budget::RejectionReport;
use serde::{Deserialize, Serialize};

/// `GET /api/monitoring/performance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Performance {
    pub hours: u32,
    /// Oldest record behind the answer, RFC 3339 in UTC.
    pub since: String,
    pub generated_at: String,
    pub totals: Totals,
    pub providers: Vec<ProviderPerformance>,
}

/// All client requests of the window.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Client requests.
    pub requests: u64,
    /// Attempts at providers, those included that were reported without a client request.
    pub attempts: u64,
    /// Attempts that followed the first of a client request.
    #[serde(default)]
    pub retries: u64,
    /// 0..1; `null` with nothing behind it.
    pub success_rate: Option<f64>,
    pub error_rate: Option<f64>,
    /// Mean over successes, from the client's side.
    pub average_latency_ms: Option<f64>,
    /// The same as percentiles.
    pub latency_ms: Percentiles,
    /// `null` while any cost is unknown and none is known.
    pub total_cost_usd: Option<f64>,
    /// How sure that is.
    #[serde(default)]
    pub cost_basis: CostBasisCounts,
    pub total_tokens: u64,
    #[serde(default)]
    pub refused: RejectionReport,
}

/// How many attempts' costs in a sum are sure, how many are reckoned from lengths, and how many are
/// missing in it because the price or the usage is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CostBasisCounts {
    pub exact: u64,
    pub estimated: u64,
    pub unknown: u64,
}

impl CostBasisCounts {
    /// What stands before the sum: `≥` where something is missing in it, `~` where a part of it is
    /// reckoned, else nothing.
    pub fn mark(self) -> Option<char> {
        match self {
            Self { unknown: 1.., .. } => Some('≥'),
            Self { estimated: 1.., .. } => Some('~'),
            _ => None,
        }
    }
}

/// Quantiles of a latency in milliseconds; `null` with nothing behind them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

/// How a provider stands, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    /// Measured and well.
    Ok,
    /// Usable, but its latency is far above its peers'.
    Slow,
    /// It asked us to wait (429).
    Limited,
    /// Usable, but more than a tenth of its latest attempts failed.
    Failing,
    /// The breaker is open: nothing is sent there.
    Open,
    /// The breaker lets one trial request through at a time.
    HalfOpen,
    /// Probes cannot reach it.
    Down,
    /// An operator lets its requests end and sends no new ones.
    Draining,
    /// Disabled, or without its key.
    Off,
    /// Nothing measured yet.
    #[default]
    Unknown,
}

/// One provider over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderPerformance {
    pub provider: String,
    /// Attempts sent there (probes are not counted).
    pub requests: u64,
    /// 0..1; cancellations and client mistakes count in neither rate.
    pub success_rate: Option<f64>,
    pub error_rate: Option<f64>,
    /// Part of the window in which the provider was usable, 0..1.
    pub availability: Option<f64>,
    pub average_latency_ms: Option<f64>,
    pub latency_ms: Percentiles,
    pub time_to_first_token_ms: Percentiles,
    pub total_cost_usd: Option<f64>,
    /// How sure that is.
    #[serde(default)]
    pub cost_basis: CostBasisCounts,
    /// Tokens in and out per attempt that reported them.
    pub average_tokens: Option<f64>,
    /// Members of requests that the provider's protocol has no words for; the log names them at
    /// level debug.
    #[serde(default)]
    pub lost_in_translation: u64,
    pub in_flight: u32,
    pub state: HealthState,
    pub models: Vec<ModelPerformance>,
}

/// One model of one provider over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPerformance {
    pub model: String,
    pub requests: u64,
    pub average_latency_ms: Option<f64>,
    pub success_rate: Option<f64>,
    /// USD per token over all tokens in and out.
    pub cost_per_token: Option<f64>,
    /// What it serves without being named: `chat`, `vision`, `reasoning`, `artifact`, `embedding`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// How it stands now.
    #[serde(default)]
    pub state: HealthState,
    /// Why, in words; empty when all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}
