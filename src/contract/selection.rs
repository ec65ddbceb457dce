use super::selection_round::SelectionRoundReport;
use serde::{Deserialize, Serialize};

/// The body of `POST /api/load-balancing/select`; the query of `GET /api/load-balancing`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectRequest {
    /// `chat` (default), `vision`, `reasoning`, `artifact` or `embedding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// Any model name that a client may send to /v1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_provider: Option<String>,
    /// USD per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Accepted for the founding document's sake; it changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Whether the answer shall hold every candidate's numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
}

/// The answer: who would serve such a request now, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    pub decision_id: String,
    pub provider: String,
    pub model: String,
    pub model_type: String,
    /// 0..1, more is better.
    pub score: f64,
    pub factors: Factors,
    pub weights: WeightPoints,
    /// `null` where the price is unknown.
    pub estimated_cost_usd: Option<f64>,
    pub estimated_latency_ms: f64,
    /// One sentence.
    pub reason: String,
    /// Best first.
    pub fallbacks: Vec<Fallback>,
    pub rejected: Vec<ExcludedTarget>,
    /// Every candidate with its numbers, and what would have chosen otherwise; for those who ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<SelectionRoundReport>,
}

/// What a score is made of; each 0..1 and 1 is best.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Factors {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
}

/// Points per objective; cost + latency + reliability = 100, load and priority 0..100 beside them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeightPoints {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fallback {
    pub provider: String,
    pub model: String,
    pub score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExcludedTarget {
    pub provider: String,
    pub model: String,
    /// The constraint or state that removed it, for example `breaker open for 12 s more`.
    pub why: String,
}
