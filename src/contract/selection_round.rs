//! One explained decision: the answer to `GET /api/decisions/{id}`, which `aibal-tui simulate
//! --from` reads back.

use super::attempt::{AttemptReport, attempts_or_count, summary};
use super::decision::DecisionReport;
use super::score::{Contributions, Factors, PenaltiesReport};
use super::weights::{WeightOverride, WeightPoints};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer to `GET /api/decisions/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDetail {
    /// The request as in `GET /api/decisions`, with `attemptCount` for the number of attempts.
    #[serde(flatten, with = "summary")]
    #[schemars(with = "DecisionReport")]
    pub summary: DecisionReport,
    /// What the client said the request is for.
    #[serde(default)]
    pub tag: Option<String>,
    /// HTTP status of the response; `null` while the request runs or where the client left before.
    #[serde(default)]
    pub status: Option<u16>,
    /// Why the request failed, shortened.
    #[serde(default)]
    pub message: Option<String>,
    /// Finished attempts, oldest first; at most 16.
    #[serde(default, deserialize_with = "attempts_or_count")]
    pub attempts: Vec<AttemptReport>,
    /// Prompt tokens, counted or estimated as `costBasis` says; `null` where unknown.
    pub input_tokens: Option<u64>,
    /// Completion tokens, counted or estimated as `costBasis` says; `null` where unknown.
    pub output_tokens: Option<u64>,
    /// Parts of the request that the target's protocol has no place for, as the client named them;
    /// at most 16 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_fields: Vec<String>,
    /// One for each selection, the first attempt's first; empty where the record was lost.
    pub rounds: Vec<SelectionRoundReport>,
}

/// One selection with all its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectionRoundReport {
    /// RFC 3339 in UTC.
    pub at: String,
    /// Number of the attempt, 1 for the first.
    pub attempt: u32,
    /// Balancing strategy in force.
    pub strategy: String,
    /// Revision of the weights.
    pub revision: u64,
    /// The global weights.
    pub weights: WeightPoints,
    /// Constants of the formulas.
    pub tuning: TuningReport,
    /// Model type of the request.
    pub model_type: String,
    /// Whether the request streams.
    pub stream: bool,
    /// Expected prompt tokens.
    pub expected_input_tokens: f64,
    /// Expected completion tokens.
    pub expected_output_tokens: f64,
    /// Random number in 0..1 that decides whether to explore.
    pub gate: f64,
    /// Random number in 0..1 that draws the target.
    pub draw: f64,
    /// Name of the selected provider; `null` where no target was eligible.
    pub provider: Option<String>,
    /// Model id of the selected target; `null` where no target was eligible.
    pub model: Option<String>,
    /// Reason for the selection, in words.
    pub reason: Option<String>,
    /// Stable code of the reason, for example `weighted_random`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// In the order of the configuration.
    pub candidates: Vec<CandidateReport>,
    /// Number of candidates beyond those listed.
    pub left_out: usize,
    /// The selection in one line.
    pub text: String,
    /// Smallest change of one weight that would have selected another target.
    pub flip: Option<CounterfactualReport>,
}

/// Constants of the formulas that were in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TuningReport {
    /// Distance in points over which the selection probability falls by a factor e.
    pub temperature_points: f64,
    /// Share of requests that may explore, percent.
    pub exploration_percent: f64,
    /// Time to the first token that costs a full latency penalty, milliseconds.
    pub first_token_reference_ms: f64,
    /// Time per token that costs a full latency penalty, milliseconds.
    pub token_reference_ms: f64,
    /// Factor of the penalty for a risk above 20 %.
    pub guard: f64,
}

/// One candidate of a selection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateReport {
    /// Name of the provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// `admitted` (eligible), `trial` (half-open probe) or `out` (excluded).
    pub entry: String,
    /// Reason for an exclusion, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Stable code of an exclusion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusion: Option<Exclusion>,
    /// Selection probability, 0..1; the same as `odds`, by its former name.
    pub share: f64,
    /// Selection probability, 0..1.
    #[serde(default)]
    pub odds: f64,
    /// Score, 0..1, as in the status.
    #[serde(default)]
    pub score: f64,
    /// Points of the score, of 100, that each objective costs.
    #[serde(default)]
    pub losses: Contributions,
    /// Utility that the strategy compares: 100 plus the sum of the contributions; may fall below 0.
    pub points: f64,
    /// Points of the utility, gained and lost by objective.
    pub contributions: Contributions,
    /// Measured values, 0..1, 1 is best.
    pub factors: Factors,
    /// Penalties behind the contributions; 0 is best.
    pub bads: PenaltiesReport,
    /// Configured priority, 0..1.
    pub priority: f64,
    /// Factor on the selection probability from rate limits and slow start, 0..1.
    pub headroom: f64,
    /// Requests that ran at the provider.
    pub in_flight: u32,
    /// Expected latency, milliseconds.
    pub estimated_latency_ms: f64,
    /// Expected time to the first token, milliseconds.
    pub first_token_ms: f64,
    /// Expected time per further token, milliseconds.
    pub token_ms: f64,
    /// Expected cost; `null` where the price is unknown.
    pub estimated_cost_usd: Option<f64>,
    /// Estimated tokens of the prompt that its prompt cache holds.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cached_tokens: f64,
    /// USD that these cost less than other tokens of the prompt; taken off the expected cost.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cache_saving_usd: f64,
    /// Points of the score, of 100, that both gain it.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cache_points: f64,
    /// What its prompt cache holds and gains it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// Input price; `null` where unknown.
    pub usd_per_input_token: Option<f64>,
    /// Output price; `null` where unknown.
    pub usd_per_output_token: Option<f64>,
    /// The provider's own weights, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_weights: Option<WeightOverride>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_nothing(amount: &f64) -> bool {
    *amount == 0.0
}

/// Reason for an exclusion as a program reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusion {
    /// Stable code, for example `breaker_open` or `already_tried`.
    pub code: String,
}

/// A changed weight that would have selected another target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CounterfactualReport {
    /// Name of the weight.
    pub objective: String,
    /// Its value in points.
    pub from: f64,
    /// The value that would have selected another target.
    pub to: f64,
    /// Name of the provider that would have been selected.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// One sentence.
    pub text: String,
}
