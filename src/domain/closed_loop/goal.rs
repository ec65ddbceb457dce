//! What a search for weights is to reach.

use super::run_figures::ForecastFigures;
use crate::domain::random::SplitMix64;

const HOURS_PER_DAY: f64 = 24.0;
/// Failures in addition to the allowed ones that weigh as much as a doubled latency or cost.
const FAILURE_UNIT: f64 = 0.01;
/// Weight of a figure that is missing because no request succeeded.
const MISSING: f64 = 100.0;

/// Bounds of figures of all requests; missing ones do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ServiceGoal {
    /// 95th percentile of the latency at most, in milliseconds.
    pub p95_ms: Option<f64>,
    /// Share of successes at least, 0..1.
    pub success_rate: Option<f64>,
    /// Cost of a day at most, in USD, at the present traffic.
    pub usd_per_day: Option<f64>,
}

/// One bound of a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoalPart {
    /// 95th percentile of the latency, in milliseconds.
    P95,
    /// Share of successes.
    SuccessRate,
    /// Cost of a day in USD.
    UsdPerDay,
}

/// A bound that is not met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MissedGoal {
    /// The bound.
    pub part: GoalPart,
    /// Its value.
    pub wanted: f64,
    /// The predicted value; `None` if no request succeeds.
    pub expected: Option<f64>,
    /// The best value that any weights come to.
    pub best: Option<f64>,
}

impl ServiceGoal {
    /// Returns true if it bounds nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns a seed that is equal for equal goals on one revision.
    pub fn seed(&self, revision: u64) -> u64 {
        let bounds = [self.p95_ms, self.success_rate, self.usd_per_day];
        let mix = |seed: u64, bound: Option<f64>| {
            SplitMix64::mix(seed ^ bound.map_or(u64::MAX, f64::to_bits))
        };
        bounds.into_iter().fold(revision, mix)
    }

    /// Returns the bounds that the figures do not meet, without what others come to.
    pub fn missed(&self, figures: &ForecastFigures) -> Vec<MissedGoal> {
        let bounds = [
            (GoalPart::P95, self.p95_ms),
            (GoalPart::SuccessRate, self.success_rate),
            (GoalPart::UsdPerDay, self.usd_per_day),
        ];
        let bounds = bounds
            .into_iter()
            .filter_map(|(part, bound)| Some((part, bound?)));
        let missed = bounds.filter_map(|(part, wanted)| {
            let expected = part.of(figures);
            let is_met = match (part, expected) {
                (GoalPart::SuccessRate, Some(expected)) => expected >= wanted,
                (_, Some(expected)) => expected <= wanted,
                // Without prices there is no cost.
                (GoalPart::UsdPerDay, None) => true,
                (_, None) => false,
            };
            (!is_met).then_some(MissedGoal {
                part,
                wanted,
                expected,
                best: None,
            })
        });
        missed.collect()
    }

    /// Returns how far the figures are from the goal; 0 if they meet it.
    pub fn shortfall(&self, figures: &ForecastFigures) -> f64 {
        let missed = self.missed(figures);
        missed.iter().map(MissedGoal::shortfall).sum()
    }
}

impl GoalPart {
    /// Returns the figure that it bounds.
    pub fn of(self, figures: &ForecastFigures) -> Option<f64> {
        match self {
            Self::P95 => figures.p95_ms.map(|p95| p95.value),
            Self::SuccessRate => figures.success_rate,
            Self::UsdPerDay => figures.usd_per_hour.map(|usd| usd.value * HOURS_PER_DAY),
        }
    }

    /// Returns the better of two values.
    pub fn better(self, one: f64, other: f64) -> f64 {
        match self {
            Self::SuccessRate => one.max(other),
            Self::P95 | Self::UsdPerDay => one.min(other),
        }
    }
}

impl MissedGoal {
    fn shortfall(&self) -> f64 {
        let Some(expected) = self.expected else {
            return MISSING;
        };
        match self.part {
            GoalPart::SuccessRate => (self.wanted - expected) / FAILURE_UNIT,
            GoalPart::P95 | GoalPart::UsdPerDay => {
                (expected / self.wanted.max(1e-9) - 1.0).min(MISSING)
            }
        }
    }
}
