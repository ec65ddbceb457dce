use serde::{Deserialize, Serialize};

/// What sort of news an event is; the word stands in the API and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A breaker opened, half-opened or closed.
    Breaker,
    /// A probe found a provider down or back.
    Probe,
    /// A provider asked us to wait.
    Limit,
    /// Somebody changed weights or a provider.
    Change,
    /// A client request failed after all attempts, or was saved by a fallback.
    Request,
    /// Most of a budget is spent, or all of it, or its period is over.
    Budget,
    /// The instance itself: start, reload, warnings.
    Info,
}

impl EventKind {
    /// Upper case, as the events panel shows it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Breaker => "BREAKER",
            Self::Probe => "PROBE",
            Self::Limit => "LIMIT",
            Self::Change => "CHANGE",
            Self::Request => "REQUEST",
            Self::Budget => "BUDGET",
            Self::Info => "INFO",
        }
    }
}

/// Something notable that happened; never one per request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    /// Rises by one with every event of this instance.
    pub id: u64,
    /// RFC 3339 in UTC.
    pub at: String,
    pub kind: EventKind,
    /// Whether it is bad news.
    pub bad: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// One sentence.
    pub text: String,
}
