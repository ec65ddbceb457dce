use serde::{Deserialize, Serialize};

/// `GET /api/decisions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionList {
    pub decisions: Vec<DecisionReport>,
}

/// One client request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionReport {
    pub decision_id: String,
    /// RFC 3339 in UTC.
    pub at: String,
    /// `null` while the request runs.
    pub request_id: Option<String>,
    /// Who answered, or who was tried last; `null` where nobody could be asked.
    pub provider: Option<String>,
    pub model: Option<String>,
    pub score: Option<f64>,
    pub reason: String,
    /// `pending`, `ok`, `error`, `cancelled` or `refused`.
    pub outcome: String,
    pub latency_ms: Option<f64>,
    /// What the answer cost.
    pub cost_usd: Option<f64>,
    /// How sure that is: `exact`, `estimated` or `unknown`.
    #[serde(default)]
    pub cost_basis: String,
    pub attempts: u32,
}
