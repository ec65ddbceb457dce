use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a change did: the figures of the time before it and of the time after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectReport {
    /// The two minutes that ended with the change, or five where two had too few requests.
    pub before: PeriodReport,
    /// The two minutes that began with it, once they are over; fewer where another change followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PeriodReport>,
}

/// Figures of one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeriodReport {
    /// Length in seconds.
    pub seconds: u64,
    /// Client requests; the money is that of all attempts.
    pub requests: EffectFiguresReport,
    /// Attempts at each provider that had some.
    pub providers: Vec<ProviderEffect>,
}

/// Figures of the attempts at one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderEffect {
    /// Name of the provider.
    pub provider: String,
    /// The figures.
    #[serde(flatten)]
    pub figures: EffectFiguresReport,
}

/// Figures of requests or attempts. What too few say nothing of is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectFiguresReport {
    /// Those that ended in the time.
    pub count: u64,
    /// Whether they are too few to judge by.
    pub too_few: bool,
    /// Part of all of them, 0..1.
    pub share: f64,
    /// Part that succeeded, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// 95th percentile of the latency of successes in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// Cost of a thousand in dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_1k: Option<f64>,
    /// Spending in dollars per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_hour: Option<f64>,
}

impl From<&domain::ChangeEffect> for EffectReport {
    fn from(effect: &domain::ChangeEffect) -> Self {
        Self {
            before: (&effect.before).into(),
            after: effect.after.as_ref().map(PeriodReport::from),
        }
    }
}

impl From<&domain::PeriodFigures> for PeriodReport {
    fn from(period: &domain::PeriodFigures) -> Self {
        let figures = |it| EffectFiguresReport::new(it, period.seconds);
        let providers = period.providers.iter();
        Self {
            seconds: period.seconds,
            requests: figures(period.requests),
            providers: providers
                .map(|(name, it)| ProviderEffect {
                    provider: name.to_string(),
                    figures: figures(*it),
                })
                .collect(),
        }
    }
}

impl EffectFiguresReport {
    /// The figures of `seconds`.
    pub fn new(figures: domain::EffectFigures, seconds: u64) -> Self {
        Self {
            count: figures.count,
            too_few: figures.is_few(),
            share: figures.share,
            success_rate: figures.success_rate,
            p95: figures.p95_ms,
            usd_per_1k: figures.usd_per_1k(),
            usd_per_hour: figures.usd_per_hour(seconds),
        }
    }
}
