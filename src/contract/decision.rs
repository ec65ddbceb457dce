use serde::{Deserialize, Serialize};
use std::fmt;

/// Answer to `GET /api/decisions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionList {
    /// One for each client request.
    pub decisions: Vec<DecisionReport>,
}

/// One client request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// State of a client request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Outcome of a word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::Ok,
            Self::Error,
            Self::Cancelled,
            Self::Refused,
        ];
        all.into_iter().find(|outcome| outcome.as_str() == word)
    }

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
