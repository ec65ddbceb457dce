use crate::domain::RouteSnapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A configured route: a model name for clients, and the targets that may serve it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteReport {
    /// Name for clients.
    pub model: String,
    /// In the order of the configuration.
    pub targets: Vec<RouteTargetReport>,
}

/// One target of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteTargetReport {
    /// Name of the provider.
    pub provider: String,
    /// Model id at the provider.
    pub model: String,
    /// Probability that the next usual request for the route goes there, 0..1.
    pub odds: f64,
}

impl From<&RouteSnapshot> for RouteReport {
    fn from(route: &RouteSnapshot) -> Self {
        let targets = route.targets.iter().map(|(id, odds)| RouteTargetReport {
            provider: id.provider.to_string(),
            model: id.model.to_string(),
            odds: *odds,
        });
        Self {
            model: route.model.to_string(),
            targets: targets.collect(),
        }
    }
}
