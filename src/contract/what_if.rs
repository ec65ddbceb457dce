use super::forecast::LoadForecastReport;
use super::settings::{BreakerChange, BudgetChange};
use super::status::Window;
use super::time::rfc3339;
use super::weights::{WeightOverride, WeightPoints, WeightsDraft};
use crate::domain::{self, TargetId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Body of `POST /api/what-if`: weights and settings to compare with those in force.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WhatIfRequest {
    /// Missing weights keep their value.
    #[serde(default)]
    pub weights: WeightsDraft,
    /// Age of the oldest request that is replayed; one hour where missing.
    #[serde(default = "default_window")]
    pub window: Window,
    /// Settings of single providers, by provider name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, ProviderDraft>,
    /// Another strategy, for the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Other budgets of all requests together, for the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetChange>,
    /// Other circuit breakers, for the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerChange>,
    /// One run of the closed loop instead of eight, without ranges: for a draft that still changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quick: bool,
}

/// Settings of a provider to compare with those in force; missing ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderDraft {
    /// Priority, a whole number in 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// Own weights, in place of all earlier own ones; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
}

/// Result of replaying recorded requests under other weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfReport {
    /// Number of replayed requests.
    pub decisions: usize,
    /// Number of those that would go to a target with few measurements, so that their result is
    /// an extrapolation.
    pub extrapolated: usize,
    /// Start of the oldest one, RFC 3339; `null` where there is none.
    pub since: Option<String>,
    /// Weights of the replay.
    pub weights: WeightPoints,
    /// Result by target.
    pub targets: Vec<TargetWhatIfReport>,
    /// Result over all targets.
    pub total: TotalWhatIfReport,
    /// Predicted shares of the next usual chat requests by provider, in the order of the
    /// configuration; empty for a replay of a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderForecastReport>,
    /// Expected load of this hour and the next; none for a replay of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<LoadForecastReport>,
    /// How the figures were obtained; `null` for a replay of single decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_loop: Option<Box<ClosedLoopReport>>,
}

/// Runs of recorded requests through a copy of the balancer. Unless there was too little traffic,
/// `targets` and `total` are their figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosedLoopReport {
    /// Number of runs under each of the two settings.
    pub runs: usize,
    /// Recorded requests that the runs draw from.
    pub requests: usize,
    /// Time of the oldest one, RFC 3339.
    pub since: Option<String>,
    /// Mean difference between the recorded shares and those under the settings in force, in points.
    pub self_test_points: f64,
    /// Whether a recorded share lies outside of its range: things are moving.
    pub moving: bool,
    /// Whether there was too little traffic, so that `targets` and `total` come from single decisions.
    pub too_little_traffic: bool,
}

/// What a target can take; `null` where nothing is known to limit it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapacityReport {
    /// Requests at once.
    pub slots: Option<f64>,
    /// Requests per second.
    pub per_second: Option<f64>,
}

/// Predicted share of the next requests for one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderForecastReport {
    /// Name of the provider.
    pub provider: String,
    /// Under the settings in force.
    pub now: TrafficForecastReport,
    /// Under the settings of the request.
    pub then: TrafficForecastReport,
}

/// Selection probability and score of a provider, as in a status.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficForecastReport {
    /// 0..1; all shares sum to 1, or to 0 where no target is eligible.
    pub share: f64,
    /// Score of its best target, 0..1; `null` where none is eligible.
    pub score: Option<f64>,
}

/// Recorded and replayed results of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetWhatIfReport {
    /// Name of the provider.
    pub provider: String,
    /// Model id at that provider.
    pub model: String,
    /// As recorded.
    pub now: WhatIfTotalsReport,
    /// Under the weights of the replay.
    pub then: WhatIfTotalsReport,
    /// Whether `then` rests on few measurements.
    pub extrapolated: bool,
    /// Whether the closed loop had too few measurements of this target.
    #[serde(default)]
    pub hardly_measured: bool,
    /// Whether `then` means a load that this target never had.
    #[serde(default)]
    pub beyond_seen: bool,
}

/// Recorded and replayed results of all targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TotalWhatIfReport {
    /// As recorded.
    pub now: WhatIfTotalsReport,
    /// Under the weights of the replay.
    pub then: WhatIfTotalsReport,
}

/// Results of a set of requests; unknown values are `null`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfTotalsReport {
    /// Number of requests.
    pub requests: usize,
    /// Share of all requests, 0..1.
    pub share: f64,
    /// Mean latency, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Median latency, milliseconds.
    pub p50: Option<f64>,
    /// 95th percentile of latency, milliseconds.
    pub p95: Option<f64>,
    /// 0..1.
    pub success_rate: Option<f64>,
    /// Spending rate.
    pub usd_per_hour: Option<f64>,
    /// Mean cost of 1,000 requests.
    pub usd_per_1k_requests: Option<f64>,
    /// Range of `share`; like the other ranges only in a forecast of the closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_range: Option<[f64; 2]>,
    /// Range of `p95`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_range: Option<[f64; 2]>,
    /// Range of `usdPerHour`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour_range: Option<[f64; 2]>,
    /// Range of `usdPer1kRequests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_1k_requests_range: Option<[f64; 2]>,
    /// What the target can take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<CapacityReport>,
}

fn default_window() -> Window {
    Window::Hour
}

impl ProviderDraft {
    /// The draft as a patch, for validation.
    pub fn patch(&self) -> domain::ProviderPatch {
        domain::ProviderPatch {
            priority: self.priority,
            weights: self.weights.map(Into::into),
            ..domain::ProviderPatch::default()
        }
    }

    /// The draft as settings of a replay.
    pub fn supposed(&self) -> domain::ProviderOverride {
        domain::ProviderOverride {
            priority: self.priority.map(|points| points / 100.0),
            weights: self.weights.map(Into::into),
        }
    }
}

impl WhatIfReport {
    /// Report of a replay; `name` returns a target by its index.
    pub fn new<'n>(
        answer: &domain::WhatIf,
        weights: domain::Weights,
        name: impl Fn(domain::TargetIdx) -> Option<&'n TargetId>,
    ) -> Self {
        let target = |target: &domain::TargetWhatIf| {
            let id = name(target.target)?;
            Some(TargetWhatIfReport {
                provider: id.provider.to_string(),
                model: id.model.to_string(),
                now: target.now.into(),
                then: target.then.into(),
                extrapolated: target.extrapolated,
                hardly_measured: false,
                beyond_seen: false,
            })
        };
        Self {
            decisions: answer.decisions,
            extrapolated: answer.extrapolated,
            since: answer.since.map(rfc3339),
            weights: weights.into(),
            targets: answer.targets.iter().filter_map(target).collect(),
            total: TotalWhatIfReport {
                now: answer.now.into(),
                then: answer.then.into(),
            },
            providers: Vec::new(),
            expected: None,
            closed_loop: None,
        }
    }

    /// The report with the predicted shares of the next requests; both slices are indexed like the
    /// providers of the catalogue.
    #[must_use]
    pub fn with_forecasts(
        mut self,
        catalogue: &domain::Catalogue,
        (now, then): (&[domain::TrafficForecast], &[domain::TrafficForecast]),
    ) -> Self {
        let sides = now.iter().zip(then);
        let all = domain::ProviderIdx::enumerate(catalogue.providers.iter().zip(sides));
        self.providers = all
            .filter(|(index, _)| !catalogue.retired.providers.contains(index))
            .map(|(_, (provider, (now, then)))| ProviderForecastReport {
                provider: provider.name.to_string(),
                now: now.into(),
                then: then.into(),
            })
            .collect();
        self
    }
}

impl From<&domain::TrafficForecast> for TrafficForecastReport {
    fn from(forecast: &domain::TrafficForecast) -> Self {
        Self {
            share: forecast.share,
            score: forecast.best.map(|(_, score)| score),
        }
    }
}

impl From<domain::WhatIfTotals> for WhatIfTotalsReport {
    fn from(totals: domain::WhatIfTotals) -> Self {
        Self {
            requests: totals.requests,
            share: totals.share,
            mean_latency_ms: totals.mean_latency_ms,
            p50: totals.p50_ms,
            p95: totals.p95_ms,
            success_rate: totals.success_rate,
            usd_per_hour: totals.usd_per_hour,
            usd_per_1k_requests: totals.usd_per_1k,
            ..Self::default()
        }
    }
}
