use crate::contract::{FieldProblem, Problem};
use crate::domain::{
    AlertError, CommandError, ExclusionReason, ModelType, TargetId, UnixTime, UnknownModel,
};
use crate::engine::{Busy, EngineError};
use crate::foreign::{BodyError, ConnectionFault};
use std::sync::Arc;
use std::time::Duration;

/// Time to wait before a retry, where the engine was busy.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Rejection of a call by an instance.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// A command that the balancer rejects.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The engine is busy or has stopped.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// No model has the requested name.
    #[error(transparent)]
    UnknownModel(#[from] UnknownModel),
    /// No target is eligible for a selection.
    #[error(transparent)]
    NoTarget(#[from] NoTargetError),
    /// Fields of a well-formed request have wrong values.
    #[error("{}", self.problem().detail)]
    Invalid(Vec<FieldProblem>),
    /// A change names none of the values that it could change.
    #[error("the change names none of {0}")]
    EmptyChange(&'static str),
    /// The decision does not exist, or was removed as one of the oldest.
    #[error(
        "{0} is not remembered: it is neither the id of a decision or request nor the beginning of one"
    )]
    UnknownDecision(String),
    /// No alert has the id, or it has ended.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// What was given as the id of an alert is none.
    #[error("{0:?} is no id of an alert; `aibal-tui alerts list` prints all ids")]
    InvalidAlertId(String),
    /// A probe of this provider could not be made, or did not end in time.
    #[error("no result of the probe of {0} arrived; retry in a moment")]
    NoProbeResult(String),
    /// The instance has no configuration that can be read again.
    #[error("this instance was started without a configuration file, so it cannot reload")]
    NotReloadable,
    /// Any other problem, for example one that an instance in another process answered.
    #[error("{}", problem.detail)]
    Other {
        /// The answer.
        problem: Problem,
        /// Time to wait before a retry, where a retry may help.
        retry_after: Option<Duration>,
    },
}

/// No target is eligible for a selection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no_target: {}", no_target(self))]
pub struct NoTargetError {
    /// Model type of the selection.
    pub model_type: ModelType,
    /// The configured targets, each with the constraint or state that excludes it.
    pub excluded: Vec<(TargetId, ExclusionReason)>,
    /// Time of the selection.
    pub at: UnixTime,
    /// Time until the first target recovers, where waiting helps.
    pub retry_after: Option<Duration>,
}

/// Failure of a call to an instance in this process or another.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The instance rejects the call.
    #[error(transparent)]
    Rejected(#[from] ApiError),
    /// The token holds characters that no HTTP header can carry.
    #[error("the token holds characters that no HTTP header can carry")]
    InvalidToken,
    /// Another user owns the socket of the instance.
    #[error(
        "the socket {path} belongs to the user with the number {owner}, not to you or root; \
         it would get your token, so nothing was sent"
    )]
    ForeignSocket {
        /// Path of the socket.
        path: String,
        /// Number of its owner.
        owner: u32,
    },
    /// No HTTP client could be built.
    #[error("the HTTP client could not be built: {}", root_cause(.0))]
    Setup(#[source] Arc<reqwest::Error>),
    /// No connection, or no answer in time.
    #[error("no answer from {address}{}", reason(source.as_ref()))]
    NoAnswer {
        /// Address of the instance.
        address: String,
        /// Cause, where it is not the time limit.
        source: Option<Arc<reqwest::Error>>,
    },
    /// The answer is not what the call returns.
    #[error("the answer of {address} cannot be read: {source}")]
    Unreadable {
        /// Address of the instance.
        address: String,
        /// HTTP status of the answer.
        status: u16,
        /// Cause.
        source: Arc<AnswerFault>,
    },
    /// An error without a description.
    #[error("{address} answers {status}")]
    Status {
        /// Address of the instance.
        address: String,
        /// HTTP status of the answer.
        status: http::StatusCode,
    },
}

/// An answer that is not what a call returns.
#[derive(Debug, thiserror::Error)]
pub enum AnswerFault {
    /// It is too large, or ended early.
    #[error("{}", body_fault(.0))]
    Body(#[from] BodyError),
    /// It is not the JSON that the call returns.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

fn body_fault(error: &BodyError) -> String {
    match error {
        BodyError::TooLarge => error.to_string(),
        BodyError::Interrupted(cause) => root_cause(cause),
    }
}

impl ApiError {
    /// The error as an API answers it.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Command(error) => error.clone().into(),
            Self::Invalid(mistakes) => Problem::fields(422, mistakes.clone()),
            Self::EmptyChange(_) => Problem::new(422, self.to_string()),
            Self::UnknownModel(_) | Self::UnknownDecision(_) => Problem::new(404, self.to_string()),
            Self::Alert(AlertError::Unknown(_)) | Self::InvalidAlertId(_) => {
                Problem::new(404, self.to_string())
            }
            Self::NotReloadable | Self::Alert(AlertError::Ended(_)) => {
                Problem::new(409, self.to_string())
            }
            Self::Busy(_) | Self::NoTarget(_) | Self::NoProbeResult(_) => {
                Problem::new(503, self.to_string())
            }
            Self::Other { problem, .. } => problem.clone(),
        }
    }

    /// Time to wait before a retry, where a retry may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(_) | Self::NoProbeResult(_) => Some(BUSY_RETRY_AFTER),
            Self::NoTarget(error) => error.retry_after,
            Self::Other { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl ClientError {
    /// The way in which the connection failed; `None` where an answer arrived, or the call failed before.
    pub fn fault(&self) -> Option<ConnectionFault> {
        match self {
            Self::NoAnswer { source, .. } => {
                let fault = source.as_ref().map(|error| ConnectionFault::of(error));
                Some(fault.unwrap_or(ConnectionFault::Timeout))
            }
            _ => None,
        }
    }

    /// HTTP status of the answer; `None` where no answer arrived.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected(error) => Some(error.problem().status),
            Self::InvalidToken
            | Self::ForeignSocket { .. }
            | Self::Setup(_)
            | Self::NoAnswer { .. } => None,
            Self::Unreadable { status, .. } => Some(*status),
            Self::Status { status, .. } => Some(status.as_u16()),
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Other {
            problem,
            retry_after: None,
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(error) => error.into(),
            EngineError::Busy(busy) => busy.into(),
        }
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        ApiError::from(problem).into()
    }
}

fn no_target(error: &NoTargetError) -> String {
    let excluded: Vec<String> = error
        .excluded
        .iter()
        .map(|(target, reason)| format!("{target}: {}", reason.text(error.at)))
        .collect();
    if excluded.is_empty() {
        format!("no configured model serves {}", error.model_type)
    } else {
        format!("no target is eligible now: {}", excluded.join("; "))
    }
}

fn reason(source: Option<&Arc<reqwest::Error>>) -> String {
    let fault = || ConnectionFault::Timeout.to_string();
    let cause = source.map_or_else(fault, |error| root_cause(error));
    format!(": {cause}")
}

/// The way in which the connection failed; where that is unknown, the text of the innermost error, because
/// the outer ones repeat the address.
fn root_cause(error: &reqwest::Error) -> String {
    let fault = ConnectionFault::of(error);
    if fault != ConnectionFault::Other {
        return fault.to_string();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn a_client_error_leads_to_the_rejected_command() {
        let command = CommandError::NothingToConfirm;

        let error = ClientError::from(ApiError::from(command.clone()));

        assert_eq!(error.status(), Some(409));
        assert_eq!(error.to_string(), command.to_string());
    }

    #[test]
    fn without_an_answer_there_is_no_status() {
        let error = ClientError::NoAnswer {
            address: "box:9".to_owned(),
            source: None,
        };

        assert_eq!(error.status(), None);
        assert_eq!(
            error.to_string(),
            "no answer from box:9: timeout: it took too long"
        );
        assert_eq!(error.fault(), Some(ConnectionFault::Timeout));
        assert!(error.source().is_none());
    }
}
