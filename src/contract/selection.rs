use super::score::Factors;
use super::selection_round::SelectionRoundReport;
use super::weights::WeightPoints;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /api/load-balancing/select`, and query of `GET /api/load-balancing`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectRequest {
    /// `chat` (default), `vision`, `reasoning`, `artifact` or `embedding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// Model name as a client sends it to /v1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Provider to use where it is eligible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_provider: Option<String>,
    /// Highest accepted price, USD per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// Highest accepted expected latency, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<f64>,
    /// Limit of completion tokens, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Accepted for compatibility; has no effect on the selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Whether the request will stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Whether the answer holds every candidate's numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
}

/// Answer to a selection request: the target for such a request now, and the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// Id under which `GET /api/decisions/{id}` explains the selection; 16 hexadecimal digits.
    pub decision_id: String,
    /// Name of the selected provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// Model type that the selection was made for.
    pub model_type: String,
    /// 0..1, more is better.
    pub score: f64,
    /// Measured values behind the score.
    pub factors: Factors,
    /// Weights that apply to the selected provider.
    pub weights: WeightPoints,
    /// Expected cost of a usual request; `null` where the price is unknown.
    pub estimated_cost_usd: Option<f64>,
    /// Expected latency of a usual request, milliseconds.
    pub estimated_latency_ms: f64,
    /// One sentence.
    pub reason: String,
    /// The other eligible targets, best first.
    pub fallbacks: Vec<Fallback>,
    /// Targets that were not eligible.
    pub rejected: Vec<ExcludedTarget>,
    /// Every candidate with its numbers, and the smallest change of a weight that would have
    /// selected another target; only with `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<SelectionRoundReport>,
}

/// An eligible target that was not selected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fallback {
    /// Name of the provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// 0..1, more is better.
    pub score: f64,
}

/// A target that was not eligible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExcludedTarget {
    /// Name of the provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// Constraint or state that excluded it, for example `breaker open for 12 s more`.
    pub why: String,
}
