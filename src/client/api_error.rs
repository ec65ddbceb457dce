use super::ClientError;
use crate::contract::Problem;
use crate::domain::{CommandError, UnknownModel};
use crate::engine::{Busy, EngineError};
use std::time::Duration;

/// Why an instance in this process did not grant a wish, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub problem: Problem,
    /// How long to wait before asking again, where waiting may help.
    pub retry_after: Option<Duration>,
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            retry_after: None,
        }
    }
}

impl From<CommandError> for ApiError {
    fn from(refusal: CommandError) -> Self {
        Problem::from(refusal).into()
    }
}

impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        Self {
            problem: Problem::new(503, busy.to_string()),
            retry_after: Some(Duration::from_secs(1)),
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(refusal) => refusal.into(),
            EngineError::Busy(busy) => busy.into(),
        }
    }
}

impl From<UnknownModel> for ApiError {
    fn from(unknown: UnknownModel) -> Self {
        Problem::new(404, unknown.to_string()).into()
    }
}

impl From<ApiError> for ClientError {
    fn from(refused: ApiError) -> Self {
        Self {
            status: refused.problem.status,
            detail: refused.problem.detail,
        }
    }
}
