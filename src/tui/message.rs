//! The messages that change the dashboard.

use super::change::Applied;
use super::input::Input;
use crate::client::{ClientError, Update};
use crate::contract::{
    AdviceReport, AlertList, ClientsReport, DecisionDetail, DecisionList, LogList, RevisionReport,
    Status, WhatIfReport, Window,
};

/// A message to the model.
#[derive(Debug)]
pub enum Message {
    Input(Input),
    Update(Update),
    /// The reply to changes.
    Changed(Result<Applied, ClientError>),
    Decisions(Result<DecisionList, ClientError>),
    Clients(Result<ClientsReport, ClientError>),
    /// Lines of the gateway's log.
    Log(Result<LogList, ClientError>),
    Revisions(Result<Vec<RevisionReport>, ClientError>),
    /// One decision with its explanation, and the id that was asked for.
    Explained(String, Result<DecisionDetail, ClientError>),
    /// A window of the past, by its length and its end in Unix seconds.
    Past((Window, u64), Box<Result<Status, ClientError>>),
    Alerts(Result<AlertList, ClientError>),
    /// The forecast of a draft.
    WhatIf(Box<Result<WhatIfReport, ClientError>>),
    /// Weights that meet a goal.
    Advice(Box<Result<AdviceReport, ClientError>>),
    /// The result of an export: the path, or the error.
    Exported(Result<String, String>),
    /// A frame was sent to the terminal.
    Drawn,
    /// The last frame has reached the terminal, so an open dialog is visible from now on.
    Seen,
    /// Sent about once a second.
    Tick,
}
