use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Answer to `GET /api/decisions`, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DecisionList {
    /// One for each client request.
    pub decisions: Vec<DecisionReport>,
    /// Requests in trouble that memory keeps for 24 hours.
    #[serde(default)]
    pub troubled: TroubledReport,
}

impl DecisionList {
    /// These, and below them those of another list that are not among them.
    #[must_use]
    pub fn with_older(mut self, other: Self) -> Self {
        let known: BTreeSet<String> = self
            .decisions
            .iter()
            .map(|it| it.decision_id.clone())
            .collect();
        let older = other.decisions.into_iter();
        let mut older: Vec<DecisionReport> = older
            .filter(|it| !known.contains(&it.decision_id))
            .collect();
        self.decisions.append(&mut older);
        // All times have as many digits.
        self.decisions.sort_by(|a, b| b.at.cmp(&a.at));
        self
    }
}

/// How many requests in trouble memory keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TroubledReport {
    /// Requests of the last 24 hours that failed or were saved.
    pub kept: u64,
    /// Those removed since the start before they were 24 hours old, because there were too many.
    pub dropped: u64,
}

/// One client request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionReport {
    /// 16 hexadecimal digits.
    pub decision_id: String,
    /// Time of the end, or of the latest selection while the request runs; RFC 3339 in UTC.
    pub at: String,
    /// `null` while the request runs.
    pub request_id: Option<String>,
    /// Provider that answered or was tried last; `null` where no target was eligible.
    pub provider: Option<String>,
    /// Model id at that provider.
    pub model: Option<String>,
    /// Score of the last selection, 0..1.
    pub score: Option<f64>,
    /// Reason for the last selection, in words.
    pub reason: String,
    /// State of the request.
    pub outcome: DecisionOutcome,
    /// What went wrong: `failed` or `saved`; `null` where nothing did, and while the request runs.
    #[serde(default)]
    pub trouble: Option<RequestTrouble>,
    /// Class of the failure; of a saved request that of its first failed attempt.
    #[serde(default)]
    pub error_class: Option<String>,
    /// Name of the client's token; `null` while the request runs or where it is unknown.
    #[serde(default)]
    pub client: Option<String>,
    /// The model as the client named it; `null` while the request runs or where it named none.
    #[serde(default)]
    pub model_asked: Option<String>,
    /// Providers of its attempts, the first attempt's first; at most 16.
    #[serde(default)]
    pub chain: Vec<String>,
    /// Duration in milliseconds; `null` while the request runs.
    pub latency_ms: Option<f64>,
    /// Cost of the response; `null` where unknown.
    pub cost_usd: Option<f64>,
    /// Certainty of the cost: `exact`, `estimated` or `unknown`.
    #[serde(default)]
    pub cost_basis: String,
    /// Attempts at providers.
    #[serde(default)]
    pub attempts: u32,
}

/// What a person would call trouble with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequestTrouble {
    /// All attempts failed, or the request was rejected before one.
    Failed,
    /// An attempt failed, and another one answered.
    Saved,
}

impl RequestTrouble {
    /// Word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Saved => "saved",
        }
    }
}

/// State of a client request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionOutcome {
    /// The request runs.
    Pending,
    /// A provider answered.
    Ok,
    /// All attempts failed.
    Error,
    /// The client left.
    Cancelled,
    /// Rejected before an attempt: no eligible target, a budget, or overload.
    Refused,
}

impl DecisionOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Ok,
        Self::Error,
        Self::Cancelled,
        Self::Refused,
    ];

    /// Word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for DecisionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
