use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /api/load-balancing`: counts a request that runs outside of the gateway, and
/// reports how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalLoadChange {
    /// Name of the provider that serves the request.
    pub provider: String,
    /// Start or end of the request.
    pub action: ExternalLoadAction,
    /// Model id at that provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `decisionId` of the selection that the request followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
    /// Whether the request succeeded; only with `decrement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// Duration of the request in milliseconds; only with `decrement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Prompt tokens; only with `decrement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Completion tokens; only with `decrement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

/// Change of the count of external requests by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExternalLoadAction {
    /// A request starts.
    Increment,
    /// A request ended.
    Decrement,
}

/// Answer to `POST /api/load-balancing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalLoadReading {
    /// Name of the provider.
    pub provider: String,
    /// Requests that run there now.
    pub in_flight: u32,
}

impl ExternalLoadChange {
    /// Whether the body reports a result, which the balancer learns from.
    pub fn has_result(&self) -> bool {
        self.success.is_some()
            || self.latency_ms.is_some()
            || self.input_tokens.is_some()
            || self.output_tokens.is_some()
    }
}

impl From<ExternalLoadAction> for domain::ExternalLoadAction {
    fn from(action: ExternalLoadAction) -> Self {
        match action {
            ExternalLoadAction::Increment => Self::Increment,
            ExternalLoadAction::Decrement => Self::Decrement,
        }
    }
}
