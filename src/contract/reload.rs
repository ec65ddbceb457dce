use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to `POST /api/reload`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// Empty where the configuration says what it said before.
    pub changed: Vec<SettingChange>,
    pub revision: u64,
    /// What works otherwise than its author may think, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One setting that is another than before; a secret is masked on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingChange {
    /// For example `balancing.weights.cost` or `providers[a].priority`.
    pub key: String,
    /// `null` where it was not set.
    pub from: Value,
    /// `null` where it is not set any more.
    pub to: Value,
    /// What keeps the change from being in force, for example that it needs a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
