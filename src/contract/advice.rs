use super::time::rfc3339;
use super::weights::WeightPoints;
use super::what_if::WhatIfTotalsReport;
use crate::domain::{self, GoalPart};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /api/advise`: bounds that weights are to meet; missing ones do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdviceRequest {
    /// 95th percentile of the latency at most, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// Share of successes at least, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// Cost of a day at most, in USD, at the traffic of the last minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<f64>,
}

/// The cheapest weights that meet a goal, or those that come nearest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdviceReport {
    /// The goal.
    pub goal: AdviceRequest,
    /// True if the advised weights meet the goal in at least three of four runs.
    pub met: bool,
    /// The advised weights as a draft, in the form that `PUT /api/weights` takes; `null` with too
    /// little traffic.
    pub weights: Option<WeightPoints>,
    /// The weights in force; `null` with too little traffic.
    pub now: Option<AdvisedWeightsReport>,
    /// The advised weights; `null` with too little traffic.
    pub then: Option<AdvisedWeightsReport>,
    /// What the advised weights miss.
    pub missed: Vec<MissedGoalReport>,
    /// Number of weightings that were tried.
    pub tried: usize,
    /// Runs behind each figure.
    pub runs: usize,
    /// Recorded requests.
    pub requests: usize,
    /// Time of the oldest one, RFC 3339.
    pub since: Option<String>,
    /// True if the weights in force are not forecast as they were measured: things are moving.
    pub moving: bool,
    /// True if too little traffic was recorded.
    pub too_little_traffic: bool,
}

/// Weights with what they come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdvisedWeightsReport {
    /// Weights.
    pub weights: WeightPoints,
    /// Share of the runs that meet the goal, 0..1.
    pub met_share: f64,
    /// True if a target with much of the traffic is hardly measured, or would get a load that it
    /// never had.
    pub doubtful: bool,
    /// Figures of all requests.
    pub total: WhatIfTotalsReport,
}

/// A bound that is not met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedGoalReport {
    /// `p95Ms`, `successRate` or `usdPerDay`.
    pub goal: String,
    /// Its value.
    pub wanted: f64,
    /// The predicted value; `null` if no request succeeds.
    pub expected: Option<f64>,
    /// The best value of all weightings that were tried.
    pub best: Option<f64>,
}

impl From<AdviceRequest> for domain::ServiceGoal {
    fn from(request: AdviceRequest) -> Self {
        Self {
            p95_ms: request.p95_ms,
            success_rate: request.success_rate,
            usd_per_day: request.usd_per_day,
        }
    }
}

impl AdviceReport {
    /// Report of an advice on a goal.
    pub fn new(goal: AdviceRequest, advice: &domain::WeightAdvice) -> Self {
        let known = |judged| (!advice.is_too_little).then(|| AdvisedWeightsReport::from(judged));
        let then = known(&advice.then);
        Self {
            goal,
            met: advice.is_met,
            weights: then.as_ref().map(|then| then.weights),
            now: known(&advice.now),
            then,
            missed: advice.missed.iter().map(MissedGoalReport::from).collect(),
            tried: advice.tried,
            runs: advice.runs,
            requests: advice.requests,
            since: advice.since.map(rfc3339),
            moving: advice.is_moving,
            too_little_traffic: advice.is_too_little,
        }
    }
}

impl From<&domain::JudgedWeights> for AdvisedWeightsReport {
    fn from(judged: &domain::JudgedWeights) -> Self {
        Self {
            weights: judged.weights.into(),
            met_share: judged.met_share,
            doubtful: judged.is_doubtful,
            total: (&judged.figures).into(),
        }
    }
}

impl From<&domain::MissedGoal> for MissedGoalReport {
    fn from(missed: &domain::MissedGoal) -> Self {
        let goal = match missed.part {
            GoalPart::P95 => "p95Ms",
            GoalPart::SuccessRate => "successRate",
            GoalPart::UsdPerDay => "usdPerDay",
        };
        Self {
            goal: goal.to_owned(),
            wanted: missed.wanted,
            expected: missed.expected,
            best: missed.best,
        }
    }
}
