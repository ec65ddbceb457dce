use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Measured values behind a score; each 0..1, and 1 is best.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Factors {
    /// 1 for the cheapest.
    pub cost: f64,
    /// 1 for an immediate response.
    pub latency: f64,
    /// Expected success probability.
    pub reliability: f64,
    /// Free share of the capacity.
    pub load: f64,
    /// Configured priority / 100.
    pub priority: f64,
}

/// Points of one candidate by objective: gained above 0, lost below 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Contributions {
    /// −weight · cost penalty.
    pub cost: f64,
    /// −weight · latency penalty.
    pub latency: f64,
    /// −weight · risk.
    pub reliability: f64,
    /// −weight · load penalty.
    pub load: f64,
    /// Weight · priority.
    pub priority: f64,
    /// Points lost to a risk above 20 %, independent of the weights.
    pub guard: f64,
}

/// Penalties behind the contributions; 0 is best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PenaltiesReport {
    /// Expected cost / highest expected cost of all candidates.
    pub cost: f64,
    /// Expected latency / reference latency.
    pub latency: f64,
    /// Combined probability of failure, rate limit and missed deadline, 0..1.
    pub risk: f64,
    /// Used share of the capacity.
    pub load: f64,
    /// Probability of a failure, 0..1; a part of `risk`.
    pub failure: f64,
    /// Probability of a rate limit, 0..1; a part of `risk`.
    pub limited: f64,
    /// Probability of a missed deadline, 0..1; a part of `risk`.
    pub deadline_miss: f64,
}

impl Contributions {
    /// The points with the names that the one-line explanation uses.
    pub(super) fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("cost", self.cost),
            ("latency", self.latency),
            ("fail", self.reliability),
            ("load", self.load),
            ("priority", self.priority),
            ("guard", self.guard),
        ]
    }

    /// Sum of all points.
    pub(super) fn sum(&self) -> f64 {
        self.named().iter().map(|(_, points)| points).sum()
    }
}

impl From<domain::Factors> for Factors {
    fn from(factors: domain::Factors) -> Self {
        let domain::Factors {
            cost,
            latency,
            reliability,
            load,
            priority,
        } = factors;
        Self {
            cost,
            latency,
            reliability,
            load,
            priority,
        }
    }
}
