//! The effects that the dashboard can ask for.

use super::change::Change;
use crate::client::{DecisionFilter, LogFilter};
use crate::contract::{AdviceRequest, WhatIfRequest, Window};

/// An effect outside the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Watch(Window),
    /// Applies changes in order, until one fails.
    Change(Vec<Change>),
    /// Requests the latest decisions that match, and older ones in trouble.
    AskDecisions(DecisionFilter),
    /// Requests who calls, over a window.
    AskClients(Window),
    /// Requests lines of the gateway's log.
    AskLog(LogFilter),
    /// Requests a window of the past by its end, in Unix seconds.
    AskPast(Window, u64),
    AskRevisions,
    AskAlerts,
    AskDecision(String),
    AskWhatIf(WhatIfRequest),
    /// Requests weights that meet a goal.
    AskAdvice(AdviceRequest),
    /// Copies to the clipboard of the terminal.
    Copy(String),
    Export,
    Mouse(bool),
    /// Rings the terminal bell.
    Bell,
    /// Redraws the whole screen.
    Repaint,
    /// Gives the terminal back and stops the process until SIGCONT.
    Suspend,
    End(ExitReason),
}

/// The reason why the dashboard ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// The gateway is to stop as well.
    Stop,
    /// The gateway continues without a screen.
    Detach,
    /// The operator left an attached dashboard.
    Quit,
    /// The terminal is gone or failed.
    Lost(String),
    /// The terminal could not be opened, so nothing was shown.
    Unopened(String),
}
