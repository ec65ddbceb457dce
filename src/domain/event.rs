//! Events for readers, and effects for the caller to perform.

use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::ProviderIdx;
use std::sync::Arc;

/// News; only notable things, never one for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Rises by one with every event.
    pub id: u64,
    pub at: UnixTime,
    pub kind: EventKind,
    /// Whether it is bad news.
    pub bad: bool,
    pub provider: Option<Arc<str>>,
    /// One sentence.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Breaker,
    Probe,
    Limit,
    Change,
    Request,
    /// Most of a budget is spent, or all of it.
    Budget,
    Info,
}

/// A change of weights or of a provider, for the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    pub number: u64,
    pub at: UnixTime,
    pub who: String,
    pub reason: Option<String>,
    /// What changed, in words.
    pub what: String,
    pub before: Weights,
    pub after: Weights,
}

/// What a pure function asks the outside to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell everybody who listens.
    Emit(Event),
    /// Write to the configuration: these weights are here to stay.
    PersistWeights(Weights),
    /// Write to the configuration: this provider's settings are here to stay.
    PersistProvider(ProviderIdx),
}
