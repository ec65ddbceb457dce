//! Reasons for which the gateway answers a request with an error, as codes. The texts, statuses and
//! shapes that clients get are made from them in `error_response`.

use super::operation::Operation;
use crate::access::AuthError;
use crate::domain::{
    BudgetExceeded, ClientLimitExceeded, ExclusionReason, ModelType, TargetId, UnixTime,
    UnknownModel,
};
use crate::protocols::{JsonExcess, TranslationError, UpstreamError};
use axum::http::Method;
use std::error::Error;
use std::time::Duration;

/// A request that ends without a response of a provider.
#[derive(Debug)]
pub enum GatewayError {
    /// The request itself is wrong.
    InvalidRequest(InvalidRequest),
    /// The token is missing, unknown, or lacks the permission, or a page of another site sent the request.
    Auth(AuthError),
    /// The body has more than `limit` bytes.
    BodyTooLarge { limit: usize },
    /// The body arrived more slowly than the listener allows.
    BodyTooSlow,
    /// The client's token does not allow the model.
    ModelNotAllowed { name: String },
    /// No target has this model name.
    UnknownModel(UnknownModel),
    /// The client has no stored response with this id.
    UnknownResponse { id: String },
    /// The client has no file or batch with this id.
    UnknownObject { id: String },
    /// No route has this path.
    UnknownPath { method: Method, path: String },
    /// The path exists, but not with this method.
    WrongMethod { method: Method, path: String },
    /// A handler panicked.
    Internal,
    /// Every target is excluded; without any, none has the type that the request needs.
    NoTarget {
        excluded: Vec<(TargetId, ExclusionReason)>,
        /// The time that texts such as "breaker open for 3 s more" refer to.
        at: UnixTime,
        /// The soonest recovery, where waiting may help.
        retry_after: Option<Duration>,
    },
    /// Other requests took the last permit of each selected target before this one could.
    TargetsBusy { retry_after: Duration },
    /// The client counts tokens too often.
    TooManyCounts { retry_after: Duration },
    /// The instance stops, and the time for requests in flight is over.
    ShuttingDown,
    /// `max_in_flight` requests run already.
    Overloaded { max_in_flight: Option<u32> },
    /// The bodies of all requests together take too much memory.
    BodyMemoryExhausted,
    /// The answers to all requests together take too much memory.
    AnswerMemoryExhausted,
    /// The request exceeds a limit per minute of its client.
    ClientLimit(Box<ClientLimitExceeded>),
    /// The request does not fit into the rest of a budget.
    OverBudget(BudgetExceeded),
    /// The last attempt failed, and no further one is possible.
    Upstream(Box<UpstreamFailure>),
}

/// The failure of the last attempt.
#[derive(Debug)]
pub struct UpstreamFailure {
    pub error: UpstreamError,
    /// Name of the provider.
    pub provider: String,
    /// The setting to raise if the time was too short.
    pub setting: &'static str,
    /// When a repetition may succeed, where the provider does not say; `None` where it would fail
    /// again.
    pub retry_after: Option<Duration>,
}

/// A mistake in a client's request.
#[derive(Debug)]
pub enum InvalidRequest {
    /// The body is not a JSON object.
    NotJson(serde_json::Error),
    /// The body holds more values than are read.
    TooMuch(JsonExcess),
    /// The connection broke before the end of the body.
    BodyIncomplete,
    /// The field with the prompt is missing.
    MissingPrompt { field: &'static str },
    /// A required text field is missing.
    MissingText { field: &'static str },
    /// A field that must be a text has another JSON value; `found` is its beginning.
    NotText { field: &'static str, found: String },
    /// A field that must be true or false has another JSON value; `found` is its beginning.
    NotBool { field: &'static str, found: String },
    /// A header has another value than expected; `found` is `None` if it is not ASCII text.
    Header {
        name: &'static str,
        found: Option<String>,
        expected: HeaderFormat,
    },
    /// A field is missing or has a wrong value.
    Field(TranslationError),
    /// The requested model type does not belong to this path.
    WrongPathForType {
        operation: Operation,
        model_type: ModelType,
    },
}

/// Values that a header may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderFormat {
    /// Any plain ASCII text.
    Ascii,
    /// A number above 0 in this unit.
    Positive { unit: &'static str },
    /// The name of a configured provider.
    Provider { known: Vec<String> },
    /// A model type.
    ModelType,
    /// `true` or `false`.
    Bool,
    /// A short printable text.
    Tag,
    /// `no`, or no header at all.
    NoOrAbsent,
}

impl From<UpstreamFailure> for GatewayError {
    fn from(failure: UpstreamFailure) -> Self {
        Self::Upstream(Box::new(failure))
    }
}

impl From<InvalidRequest> for GatewayError {
    fn from(error: InvalidRequest) -> Self {
        Self::InvalidRequest(error)
    }
}

impl Error for GatewayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidRequest(InvalidRequest::NotJson(error)) => Some(error),
            Self::Auth(error) => Some(error),
            Self::UnknownModel(error) => Some(error),
            Self::Upstream(failure) => Some(&failure.error),
            _ => None,
        }
    }
}
