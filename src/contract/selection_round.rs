//! One decision, explained: what `GET /api/decisions/{id}` answers, and what `aibal-tui simulate
//! --from` reads back.

use super::change::WeightOverride;
use super::decision::DecisionReport;
use super::selection::{Factors, WeightPoints};
use serde::{Deserialize, Serialize};

/// `GET /api/decisions/{id}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDetail {
    #[serde(flatten)]
    pub summary: DecisionReport,
    /// As the provider counted them, or as `costBasis` says reckoned; `null` where nobody can tell,
    /// or not yet.
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    /// One for each choice, the first attempt's first; empty where the record of them was lost.
    pub rounds: Vec<SelectionRoundReport>,
}

/// One choice, with all that went into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectionRoundReport {
    /// RFC 3339 in UTC.
    pub at: String,
    /// 1 for the first.
    pub attempt: u32,
    pub strategy: String,
    /// Revision of the weights.
    pub revision: u64,
    /// The global weights.
    pub weights: WeightPoints,
    pub tuning: TuningReport,
    pub model_type: String,
    pub stream: bool,
    pub expected_input_tokens: f64,
    pub expected_output_tokens: f64,
    /// The chance it had, two numbers in 0..1: whether to explore, and whom the odds took.
    pub gate: f64,
    pub draw: f64,
    /// Who was chosen; `null` where nobody might serve.
    pub provider: Option<String>,
    pub model: Option<String>,
    pub reason: Option<String>,
    /// In the order of the configuration.
    pub candidates: Vec<CandidateReport>,
    /// How many more there were.
    pub left_out: usize,
    /// All of it in one line.
    pub text: String,
    /// The smallest change of one weight that would have chosen somebody else.
    pub flip: Option<CounterfactualReport>,
}

/// The constants that were in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TuningReport {
    pub temperature_points: f64,
    pub exploration_percent: f64,
    pub first_token_reference_ms: f64,
    pub token_reference_ms: f64,
    pub guard: f64,
}

/// One candidate of a choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateReport {
    pub provider: String,
    pub model: String,
    /// `admitted`, `trial` or `out`.
    pub entry: String,
    /// What kept it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Odds of being drawn, 0..1.
    pub share: f64,
    /// 0..100, and below 0 for what nobody should take; the sum of the contributions and 100.
    pub points: f64,
    pub contributions: Contributions,
    /// Goods, 0..1.
    pub factors: Factors,
    /// What the contributions are made of: 0 is best.
    pub bads: PenaltiesReport,
    pub priority: f64,
    /// What rate limits and a slow start leave of its odds, 0..1.
    pub headroom: f64,
    pub in_flight: u32,
    pub estimated_latency_ms: f64,
    pub first_token_ms: f64,
    pub token_ms: f64,
    /// `null` where the price is unknown.
    pub estimated_cost_usd: Option<f64>,
    pub usd_per_input_token: Option<f64>,
    pub usd_per_output_token: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_weights: Option<WeightOverride>,
}

/// Points gained (above 0) and lost (below).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Contributions {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
    pub guard: f64,
}

/// Expected cost over the dearest, latency over its reference, risk and load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PenaltiesReport {
    pub cost: f64,
    pub latency: f64,
    pub risk: f64,
    pub load: f64,
    /// Parts of the risk.
    pub failure: f64,
    pub limited: f64,
    pub deadline_miss: f64,
}

/// A weight that would have chosen otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualReport {
    pub objective: String,
    pub from: f64,
    pub to: f64,
    pub provider: String,
    pub model: String,
    /// One sentence.
    pub text: String,
}
