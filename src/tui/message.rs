//! What can happen to the dashboard, and what it can ask for: two closed lists.

use super::change::{Applied, Change};
use super::input::Input;
use crate::client::{ClientError, Update};
use crate::contract::{
    DecisionDetail, DecisionReport, RevisionReport, WhatIfReport, WhatIfRequest, Window,
};

/// Something happened.
#[derive(Debug)]
pub enum Message {
    Input(Input),
    Update(Update),
    /// The changes asked for came back.
    Changed(Result<Applied, ClientError>),
    Decisions(Result<Vec<DecisionReport>, ClientError>),
    Revisions(Result<Vec<RevisionReport>, ClientError>),
    /// One decision with all that went into it.
    Explained(Result<DecisionDetail, ClientError>),
    /// What a draft would have done to the requests of the window.
    WhatIf(Result<WhatIfReport, ClientError>),
    /// A file was written, or not.
    Exported(Result<String, String>),
    /// A frame was sent on its way to the terminal.
    Drawn,
    /// The last frame has come to the terminal: what is on top of it is seen from now on.
    Seen,
    /// Time passes; sent about once a second.
    Tick,
}

/// Something to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Watch(Window),
    /// One after the other, until one fails.
    Change(Vec<Change>),
    /// The latest decisions, of one provider or of all.
    AskDecisions(Option<String>),
    AskRevisions,
    AskDecision(String),
    AskWhatIf(WhatIfRequest),
    /// Into the clipboard of whoever sits at the terminal.
    Copy(String),
    Export,
    Mouse(bool),
    /// Ring the terminal's bell.
    Bell,
    /// Paint everything again.
    Repaint,
    /// Give the terminal back and stop, until somebody lets us go on.
    Suspend,
    End(ExitReason),
}

/// Why the dashboard ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// Stop the gateway too.
    Stop,
    /// The gateway goes on without a screen.
    Detach,
    /// Only the dashboard was running here.
    Quit,
    /// The terminal is gone or broken.
    Lost(String),
    /// There was none to begin with, so that nothing was ever shown.
    Unopened(String),
}
