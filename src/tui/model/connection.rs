//! The connection to the instance, and the changes under way on it.

use crate::tui::change::Change;
use std::time::Duration;

/// The state of the connection to the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    Waiting,
    Live,
    Lost(String),
}

/// A message to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    /// A failure stays until Esc.
    pub bad: bool,
    /// Since the start of the dashboard.
    pub at: Duration,
}

/// Changes that were sent, without a reply so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// A description for the notice line.
    pub what: String,
    pub at: Duration,
    pub changes: Vec<Change>,
    /// The changes that undo them once they are in effect.
    pub inverse: Vec<Change>,
    /// The revision they are based on.
    pub on: u64,
    /// They undo the last change made here.
    pub undoes: bool,
    /// They apply the draft.
    pub applies: bool,
}
