use super::alert::AlertNoticeReport;
use super::performance::HealthState;
use super::time::rfc3339;
use crate::domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kind of an event; the word on the wire and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A circuit breaker opened, half-opened or closed.
    Breaker,
    /// A probe found a provider down or up again.
    Probe,
    /// A provider answered 429, or asked to wait.
    Limit,
    /// A provider refused a key (401, 402, 403).
    Key,
    /// Requests to a provider go wrong: one event, which is updated until that is over.
    Trouble,
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
            Self::Key => "KEY",
            Self::Trouble => "TROUBLE",
            Self::Change => "CHANGE",
            Self::Request => "REQUEST",
            Self::Budget => "BUDGET",
            Self::Alert => "ALERT",
            Self::Info => "INFO",
        }
    }
}

/// Begin, end and effect of a trouble of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TroubleReport {
    /// RFC 3339 in UTC.
    pub since: String,
    /// RFC 3339 in UTC; none while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Most severe state in it; none where the provider stayed healthy and single requests failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<HealthState>,
    /// Requests that failed there and that another target answered.
    pub saved: u64,
    /// Requests that failed there and for the client.
    pub lost: u64,
}

impl TroubleReport {
    /// Whether it lasts and the provider is in a bad state.
    pub fn is_ongoing(&self) -> bool {
        self.until.is_none() && self.worst.is_some()
    }
}

impl From<domain::TroubleSummary> for TroubleReport {
    fn from(trouble: domain::TroubleSummary) -> Self {
        Self {
            since: rfc3339(trouble.since),
            until: trouble.until.map(rfc3339),
            worst: trouble.worst.map(HealthState::from),
            saved: trouble.saved,
            lost: trouble.lost,
        }
    }
}

/// A notable event; never one per request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The trouble, of an event of the kind `trouble`. Such an event comes again under the same `id`
    /// when the trouble changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Box<TroubleReport>>,
}
