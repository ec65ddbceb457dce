use super::Window;
use super::change::WeightOverride;
use super::selection::WeightPoints;
use crate::domain::{self, TargetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The body of `POST /api/what-if`; weights that are missing keep their value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfRequest {
    pub weights: WeightsDraft,
    /// How far to look back.
    #[serde(default)]
    pub window: Window,
    /// Settings of single providers that nobody has applied, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, ProviderDraft>,
}

/// Settings of a provider that nobody has applied; what is missing stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ProviderDraft {
    /// 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// Instead of all its own weights; empty for none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightOverride>,
}

/// Weights that nobody has applied.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct WeightsDraft {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
}

/// What other weights would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfReport {
    /// Recorded requests that were decided again.
    pub decisions: usize,
    /// Those whose outcome then is an extrapolation: they would go where few went before.
    pub extrapolated: usize,
    /// The oldest of them; `null` where there is none.
    pub since: Option<String>,
    /// The weights that they were decided under again.
    pub weights: WeightPoints,
    pub targets: Vec<TargetWhatIfReport>,
    pub total: TotalWhatIfReport,
    /// The next usual chat requests, at the moment of the answer: the parts of all providers, in
    /// the order of the configuration. Left out where only a recording is at hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<ProviderForecastReport>,
}

/// One provider's part of the next requests, as it is and as it would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderForecastReport {
    pub provider: String,
    pub now: TrafficForecastReport,
    pub then: TrafficForecastReport,
}

/// As in a status: odds of being chosen, and the score of the best target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrafficForecastReport {
    /// 0..1; all shares sum to 1, or to 0 where nobody may serve.
    pub share: f64,
    /// 0..1; `null` where none may serve.
    pub score: Option<f64>,
}

/// One target, as it was and as it would have been.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetWhatIfReport {
    pub provider: String,
    pub model: String,
    pub now: WhatIfTotalsReport,
    pub then: WhatIfTotalsReport,
    pub extrapolated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TotalWhatIfReport {
    pub now: WhatIfTotalsReport,
    pub then: WhatIfTotalsReport,
}

/// What is unknown is `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfTotalsReport {
    pub requests: usize,
    /// 0..1.
    pub share: f64,
    pub mean_latency_ms: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    /// 0..1.
    pub success_rate: Option<f64>,
    pub usd_per_hour: Option<f64>,
    pub usd_per_1k_requests: Option<f64>,
}

impl WeightsDraft {
    /// Completed from the weights in force.
    pub fn over(&self, base: domain::Weights) -> domain::Weights {
        domain::Weights {
            cost: self.cost.unwrap_or(base.cost),
            latency: self.latency.unwrap_or(base.latency),
            reliability: self.reliability.unwrap_or(base.reliability),
            load: self.load.unwrap_or(base.load),
            priority: self.priority.unwrap_or(base.priority),
        }
    }
}

impl ProviderDraft {
    /// As a wish, to be checked as one.
    pub fn patch(&self) -> domain::ProviderPatch {
        domain::ProviderPatch {
            priority: self.priority,
            weights: self.weights.map(Into::into),
            ..domain::ProviderPatch::default()
        }
    }

    /// As a supposition.
    pub fn supposed(&self) -> domain::ProviderOverride {
        domain::ProviderOverride {
            priority: self.priority.map(|points| points / 100.0),
            weights: self.weights.map(Into::into),
        }
    }
}

impl WhatIfReport {
    /// `name` knows the targets by their places.
    pub fn new<'n>(
        answer: &domain::WhatIf,
        weights: domain::Weights,
        name: impl Fn(domain::TargetIdx) -> Option<&'n TargetId>,
    ) -> Self {
        let target = |outlook: &domain::TargetWhatIf| {
            let id = name(outlook.target)?;
            Some(TargetWhatIfReport {
                provider: id.provider.to_string(),
                model: id.model.to_string(),
                now: outlook.now.into(),
                then: outlook.then.into(),
                extrapolated: outlook.extrapolated,
            })
        };
        Self {
            decisions: answer.decisions,
            extrapolated: answer.extrapolated,
            since: answer.since.map(super::rfc3339),
            weights: weights.into(),
            targets: answer.targets.iter().filter_map(target).collect(),
            total: TotalWhatIfReport {
                now: answer.now.into(),
                then: answer.then.into(),
            },
            providers: Vec::new(),
        }
    }

    /// The same with what is next: each provider of the catalogue, by its place.
    #[must_use]
    pub fn with_prospects(
        mut self,
        catalogue: &domain::Catalogue,
        (now, then): (&[domain::TrafficForecast], &[domain::TrafficForecast]),
    ) -> Self {
        let sides = now.iter().zip(then);
        let all = domain::ProviderIdx::enumerate(catalogue.providers.iter().zip(sides));
        self.providers = all
            .filter(|(place, _)| !catalogue.retired.providers.contains(place))
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
    fn from(prospect: &domain::TrafficForecast) -> Self {
        Self {
            share: prospect.share,
            score: prospect.best.map(|(_, score)| score),
        }
    }
}

impl From<domain::WhatIfTotals> for WhatIfTotalsReport {
    fn from(side: domain::WhatIfTotals) -> Self {
        Self {
            requests: side.requests,
            share: side.share,
            mean_latency_ms: side.mean_latency_ms,
            p50: side.p50_ms,
            p95: side.p95_ms,
            success_rate: side.success_rate,
            usd_per_hour: side.usd_per_hour,
            usd_per_1k_requests: side.usd_per_1k,
        }
    }
}
