use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Points per objective; cost + latency + reliability = 100, load and priority 0..100 besides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WeightPoints {
    /// Points for low cost.
    pub cost: f64,
    /// Points for low latency.
    pub latency: f64,
    /// Points for a low failure rate.
    pub reliability: f64,
    /// Points for free capacity.
    pub load: f64,
    /// Points for a provider's configured priority.
    pub priority: f64,
}

/// Some of the five weights, in points; missing ones keep the value in force.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsDraft {
    /// Points for low cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Points for low latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// Points for a low failure rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
    /// Points for free capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Points for a provider's configured priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
}

/// A provider's own weights; missing ones are the global ones.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightOverride {
    /// Points for low cost, 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Points for low latency, 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// Points for a low failure rate, 0..100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reliability: Option<f64>,
}

impl WeightsDraft {
    /// The draft completed with the weights in force.
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

impl WeightOverride {
    /// The override on the wire; `None` where it overrides nothing.
    pub(super) fn from_domain(own: domain::WeightOverride) -> Option<Self> {
        (!own.is_empty()).then_some(Self {
            cost: own.cost,
            latency: own.latency,
            reliability: own.reliability,
        })
    }
}

impl From<WeightOverride> for domain::WeightOverride {
    fn from(own: WeightOverride) -> Self {
        Self {
            cost: own.cost,
            latency: own.latency,
            reliability: own.reliability,
        }
    }
}

impl From<domain::Weights> for WeightPoints {
    fn from(weights: domain::Weights) -> Self {
        let domain::Weights {
            cost,
            latency,
            reliability,
            load,
            priority,
        } = weights;
        Self {
            cost,
            latency,
            reliability,
            load,
            priority,
        }
    }
}

impl From<WeightPoints> for domain::Weights {
    fn from(points: WeightPoints) -> Self {
        Self {
            cost: points.cost,
            latency: points.latency,
            reliability: points.reliability,
            load: points.load,
            priority: points.priority,
        }
    }
}
