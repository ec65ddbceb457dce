use super::alert::AlertNoticeReport;
use serde::{Deserialize, Serialize};

/// Kind of an event; the word on the wire and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A circuit breaker opened, half-opened or closed.
    Breaker,
    /// A probe found a provider down or up again.
    Probe,
    /// A provider answered 429.
    Limit,
    /// An operator changed weights or a provider.
    Change,
    /// A client request failed after all attempts, or succeeded by a fallback.
    Request,
    /// The period of a budget ended.
    Budget,
    /// An alert began or ended, or an operator acknowledged or muted it.
    Alert,
    /// The instance itself: start, reload, warnings.
    Info,
}

impl EventKind {
    /// Upper-case word for the events panel.
    pub fn label(self) -> &'static str {
        match self {
            Self::Breaker => "BREAKER",
            Self::Probe => "PROBE",
            Self::Limit => "LIMIT",
            Self::Change => "CHANGE",
            Self::Request => "REQUEST",
            Self::Budget => "BUDGET",
            Self::Alert => "ALERT",
            Self::Info => "INFO",
        }
    }
}

/// A notable event; never one per request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    /// Sequence number within this instance.
    pub id: u64,
    /// RFC 3339 in UTC.
    pub at: String,
    /// Kind of the event.
    pub kind: EventKind,
    /// Whether it needs attention.
    pub bad: bool,
    /// Name of the provider that it concerns, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// One sentence.
    pub text: String,
    /// The alert after the change, of an event of the kind `alert`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Box<AlertNoticeReport>>,
}
