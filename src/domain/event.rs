//! Events for readers, and effects for the caller to perform.

use super::alerts::AlertNotice;
use super::change_effect::ChangeEffect;
use super::global_settings::GlobalSettings;
use super::trouble::TroubleSummary;
use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::ProviderIdx;
use std::sync::Arc;

/// Notable change, for readers; not emitted for every request.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Sequence number, higher for every new event.
    pub id: u64,
    /// Time of the event.
    pub at: UnixTime,
    /// Subject of the event.
    pub kind: EventKind,
    /// True if the event is a problem.
    pub bad: bool,
    /// Name of the provider, if it concerns one.
    pub provider: Option<Arc<str>>,
    /// Description in one sentence.
    pub text: String,
    /// The change of an alert that it tells of.
    pub alert: Option<Arc<AlertNotice>>,
    /// The trouble that it tells of; such an event is updated while its trouble lasts.
    pub trouble: Option<TroubleSummary>,
}

/// Subject of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Transition of a circuit breaker.
    Breaker,
    /// Result of a probe.
    Probe,
    /// Rate limit or cooldown of a provider.
    Limit,
    /// A provider refuses a key: it is invalid, lacks a permission, or its balance is used up.
    Key,
    /// Begin, state and end of a trouble of a provider.
    Trouble,
    /// Change of weights or settings.
    Change,
    /// Notable end of a client request.
    Request,
    /// The period of a budget ended.
    Budget,
    /// Begin or end of an alert, or what an operator does with it.
    Alert,
    /// Anything else.
    Info,
}

impl EventKind {
    /// All subjects.
    pub const ALL: [Self; 10] = [
        Self::Breaker,
        Self::Probe,
        Self::Limit,
        Self::Key,
        Self::Trouble,
        Self::Change,
        Self::Request,
        Self::Budget,
        Self::Alert,
        Self::Info,
    ];

    /// Returns the code in stored rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Probe => "probe",
            Self::Limit => "limit",
            Self::Key => "key",
            Self::Trouble => "trouble",
            Self::Change => "change",
            Self::Request => "request",
            Self::Budget => "budget",
            Self::Alert => "alert",
            Self::Info => "info",
        }
    }

    /// Returns the subject of a code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == code)
    }
}

/// Recorded change of weights or of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Revision number.
    pub number: u64,
    /// Time of the change.
    pub at: UnixTime,
    /// Author.
    pub who: String,
    /// Reason that the author gave.
    pub reason: Option<String>,
    /// Description of the changes.
    pub what: String,
    /// Global weights before.
    pub before: Weights,
    /// Global weights after.
    pub after: Weights,
    /// Figures before and after it; `None` for one of a version that measured none.
    pub effect: Option<ChangeEffect>,
}

/// I/O that the caller must perform.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Publish to all subscribers.
    Emit(Event),
    /// Write these global weights to the configuration file.
    PersistWeights(Weights),
    /// Write these settings of the whole instance to the configuration file.
    PersistSettings(GlobalSettings),
    /// Write the settings of this provider to the configuration file.
    PersistProvider(ProviderIdx),
}
