use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Answer to `POST /api/reload`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// Settings that differ from before; empty for an unchanged configuration.
    pub changed: Vec<SettingChange>,
    /// Revision in force.
    pub revision: u64,
    /// Settings that may work differently than intended, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One changed setting; secrets are masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingChange {
    /// For example `balancing.weights.cost` or `providers[a].priority`.
    pub key: String,
    /// Value before; `null` where it was not set.
    pub from: Value,
    /// Value now; `null` where it is no longer set.
    pub to: Value,
    /// Reason why the change is not in force, for example that it needs a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
