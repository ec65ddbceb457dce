use super::ClientError;
use crate::contract::Problem;
use crate::domain::{CommandError, UnknownModel};
use crate::engine::{Busy, EngineError};
use std::time::Duration;

/// Why an instance in this process did not grant a wish, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub problem: Problem,
    /// How long to wait before asking again, where waiting may help.
    pub retry_after: Option<Duration>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            retry_after: None,
        }
    }
}

impl From<CommandError> for Refused {
    fn from(refusal: CommandError) -> Self {
        Problem::from(refusal).into()
    }
}

impl From<Busy> for Refused {
    fn from(busy: Busy) -> Self {
        Self {
            problem: Problem::new(503, busy.to_string()),
            retry_after: Some(Duration::from_secs(1)),
        }
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(refusal) => refusal.into(),
            EngineError::Busy(busy) => busy.into(),
        }
    }
}

impl From<UnknownModel> for Refused {
    fn from(unknown: UnknownModel) -> Self {
        Problem::new(404, unknown.to_string()).into()
    }
}

impl From<Refused> for ClientError {
    fn from(refused: Refused) -> Self {
        Self {
            status: refused.problem.status,
            detail: refused.problem.detail,
        }
    }
}
