//! How the store does, for the screen, the API, metrics and alerts.

use crate::domain::UnixTime;
use std::collections::BTreeMap;

/// State of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreState {
    /// There is none.
    #[default]
    Off,
    /// All is written within seconds.
    Ok,
    /// Rows wait for longer than they should.
    Behind,
    /// The last write failed; it is tried again.
    Failing,
}

impl StoreState {
    /// Word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Ok => "ok",
            Self::Behind => "behind",
            Self::Failing => "failing",
        }
    }
}

/// State and figures of the store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoreStatus {
    /// State.
    pub state: StoreState,
    /// Since when.
    pub since: UnixTime,
    /// Rows that wait.
    pub queued: u64,
    /// Rows written since the start.
    pub written: u64,
    /// Rows dropped since the start, because too many waited.
    pub dropped: u64,
    /// Dropped rows by their kind.
    pub dropped_kinds: BTreeMap<&'static str, u64>,
    /// What the database said last when it failed.
    pub last_error: Option<String>,
}
