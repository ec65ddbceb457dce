//! Texts, statuses and shapes of the gateway's errors: the only place where the codes of [`GatewayError`]
//! become something that a client reads.

use super::error::{GatewayError, InvalidRequest, UpstreamFailure};
use super::no_target::{are_keys_refused, is_off, lacks_capabilities, no_target, overflow_of};
use crate::access::AuthError;
use crate::domain::Failure;
use crate::protocols::{ApiDialect, ContextOverflow, ErrorBody, UpstreamError};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use std::fmt;
use std::time::Duration;

/// Keeps SDKs from repeating a request that would fail again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// `Retry-After` where too many requests run, or the instance stops.
const OVERLOADED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// `Retry-After` where an operator has to act first.
const OFF_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Characters of a model's name in an error.
const MAX_SHOWN_NAME: usize = 100;
/// The texts where concurrent requests take too much memory.
const BODIES_TOO_LARGE: &str =
    "the bodies of concurrent requests take too much memory; retry in a moment";
const ANSWERS_TOO_LARGE: &str = "the answers to concurrent requests take too much memory; read them \
                                 faster, or retry in a moment";

/// Message where a client counts tokens too often.
const COUNTED_TOO_OFTEN: &str = "tokens are counted too often; wait for the next minute";

const INVALID_REQUEST: &str = "invalid_request_error";
const SERVER_ERROR: &str = "server_error";
const SERVICE_UNAVAILABLE: &str = "service_unavailable_error";

/// Status, `type` and `code` of an error in OpenAI's terms.
type ErrorClass = (StatusCode, &'static str, Option<&'static str>);

impl GatewayError {
    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        self.class().0
    }

    /// The error without the shape of a protocol.
    pub fn error_body(&self) -> ErrorBody {
        let (status, kind, code) = self.class();
        let mut body = ErrorBody {
            status: status.as_u16(),
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            param: self.param().map(str::to_owned),
            message: self.to_string(),
            overflow: None,
            request_id: None,
        };
        if let Self::Upstream(failure) = self {
            add_upstream_detail(&mut body, &failure.error);
        }
        if let Some(overflow) = self.overflow() {
            body.code = code.map(str::to_owned);
            body.overflow = Some(overflow);
        }
        body
    }

    /// What is known of a prompt that is too long for every model that may serve it.
    fn overflow(&self) -> Option<ContextOverflow> {
        match self {
            Self::Upstream(failure) => failure.error.overflow.as_deref().copied(),
            Self::NoTarget { excluded, .. } => overflow_of(excluded),
            _ => None,
        }
    }

    /// The error as a response in the client's protocol.
    pub fn respond(&self, dialect: ApiDialect) -> Response {
        self.respond_to(dialect, None)
    }

    /// The error as a response to the request with this id.
    pub fn respond_to(&self, dialect: ApiDialect, request_id: Option<&str>) -> Response {
        let error = ErrorBody {
            request_id: request_id.map(str::to_owned),
            ..self.error_body()
        };
        let body = dialect.client_api().error(&error);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.retry_after() {
            Some(delay) => {
                let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
                headers.insert(RETRY_AFTER, seconds.max(1).into());
            }
            None => {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
        response
    }

    fn class(&self) -> ErrorClass {
        match self {
            Self::InvalidRequest(InvalidRequest::Field(error)) => {
                (StatusCode::BAD_REQUEST, INVALID_REQUEST, error.code())
            }
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, INVALID_REQUEST, None),
            Self::Auth(error) => auth_class(error),
            Self::BodyTooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                INVALID_REQUEST,
                Some("request_too_large"),
            ),
            Self::BodyTooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                INVALID_REQUEST,
                Some("request_timeout"),
            ),
            Self::UnknownModel(_) => not_found("model_not_found"),
            Self::ModelNotAllowed { .. } => (
                StatusCode::FORBIDDEN,
                "permission_error",
                Some("model_not_allowed"),
            ),
            Self::UnknownResponse { .. } => not_found("response_not_found"),
            Self::UnknownObject { .. } => not_found("object_not_found"),
            Self::UnknownPath { .. } => not_found("unknown_url"),
            Self::WrongMethod { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                INVALID_REQUEST,
                Some("method_not_allowed"),
            ),
            Self::Internal => internal(),
            Self::NoTarget { excluded, .. } if overflow_of(excluded).is_some() => context_length(),
            Self::NoTarget { excluded, .. } if lacks_capabilities(excluded) => {
                (StatusCode::BAD_REQUEST, INVALID_REQUEST, Some("no_target"))
            }
            Self::NoTarget { excluded, .. } if are_keys_refused(excluded) => {
                bad_gateway("upstream_auth")
            }
            Self::NoTarget { .. } | Self::TargetsBusy { .. } => unavailable("no_target"),
            Self::ShuttingDown => unavailable("shutting_down"),
            Self::Overloaded { .. } | Self::BodyMemoryExhausted | Self::AnswerMemoryExhausted => {
                unavailable("overloaded")
            }
            Self::TooManyCounts { .. } | Self::ClientLimit(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                Some("rate_limit_exceeded"),
            ),
            Self::OverBudget(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "insufficient_quota",
                Some("budget_exceeded"),
            ),
            Self::Upstream(failure) => upstream_class(&failure.error),
        }
    }

    /// The request field at fault.
    fn param(&self) -> Option<&str> {
        match self {
            Self::UnknownModel(_)
            | Self::ModelNotAllowed { .. }
            | Self::InvalidRequest(InvalidRequest::WrongPathForType { .. }) => Some("model"),
            Self::InvalidRequest(
                InvalidRequest::MissingPrompt { field }
                | InvalidRequest::MissingText { field }
                | InvalidRequest::NotText { field, .. }
                | InvalidRequest::NotBool { field, .. },
            ) => Some(field),
            Self::InvalidRequest(InvalidRequest::Field(error)) => error.param.as_deref(),
            _ => None,
        }
    }

    /// When a repetition may succeed; `None` where it would fail again.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoTarget { excluded, .. } if are_keys_refused(excluded) => None,
            Self::NoTarget {
                retry_after,
                excluded,
                ..
            } => retry_after.or_else(|| is_off(excluded).then_some(OFF_RETRY_AFTER)),
            Self::ClientLimit(limit) => Some(limit.exceeded.wait()),
            Self::TargetsBusy { retry_after } | Self::TooManyCounts { retry_after } => {
                Some(*retry_after)
            }
            Self::ShuttingDown
            | Self::Overloaded { .. }
            | Self::BodyMemoryExhausted
            | Self::AnswerMemoryExhausted => Some(OVERLOADED_RETRY_AFTER),
            Self::Upstream(failure) => match failure.error.failure {
                Failure::RateLimit(Some(delay)) | Failure::Overloaded(Some(delay)) => Some(delay),
                _ => failure.retry_after,
            },
            _ => None,
        }
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
            Self::BodyTooLarge { limit } => write!(
                f,
                "the request body is larger than {} MB; raise [server] max_body_mb to allow more",
                limit / 1_048_576
            ),
            Self::BodyTooSlow => {
                f.write_str("the request body arrived too slowly; send it without pauses")
            }
            Self::UnknownModel(unknown) => {
                let name = &unknown.name;
                if unknown.near.is_empty() {
                    write!(
                        f,
                        "the model {name:?} does not exist here; GET /v1/models lists all models"
                    )
                } else {
                    let near = unknown.near.join(", ");
                    write!(
                        f,
                        "the model {name:?} does not exist here; did you mean {near}?"
                    )
                }
            }
            Self::ModelNotAllowed { name } => f.write_str(&not_allowed(name)),
            Self::UnknownResponse { id } => write!(
                f,
                "no response with the id {id:?} is stored; only the newest ones are, each for the \
                 client that it was made for"
            ),
            Self::UnknownObject { id } => write!(
                f,
                "no file or batch of this client has the id {id:?}; use the id that the gateway returned"
            ),
            Self::UnknownPath { method, path } => write!(
                f,
                "{method} {path} does not exist here; available are POST /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens and /v1/embeddings, and GET /v1/models"
            ),
            Self::WrongMethod { method, path } => {
                write!(
                    f,
                    "{path} does not accept {method}; the Allow header lists the methods that it accepts"
                )
            }
            Self::Internal => f.write_str("internal error; see the server log"),
            Self::NoTarget { excluded, at, .. } => no_target(f, excluded, *at),
            Self::TargetsBusy { .. } => {
                f.write_str("all targets reached their concurrency limit; retry")
            }
            Self::TooManyCounts { .. } => f.write_str(COUNTED_TOO_OFTEN),
            Self::ShuttingDown => f.write_str(
                "the gateway is shutting down, and the time for requests in flight is over; retry",
            ),
            Self::Overloaded { max_in_flight } => {
                f.write_str("the gateway runs as many requests as it may")?;
                if let Some(max) = max_in_flight {
                    write!(f, " ([server] max_in_flight = {max})")?;
                }
                f.write_str("; retry in a moment")
            }
            Self::BodyMemoryExhausted => f.write_str(BODIES_TOO_LARGE),
            Self::AnswerMemoryExhausted => f.write_str(ANSWERS_TOO_LARGE),
            Self::ClientLimit(exceeded) => write!(f, "{exceeded}"),
            Self::OverBudget(exceeded) => write!(f, "{exceeded}"),
            Self::Upstream(failure) => failure.fmt(f),
        }
    }
}

fn not_allowed(name: &str) -> String {
    if name.is_empty() {
        return "this token may use certain models only, and the request names none of them"
            .to_owned();
    }
    let name: String = name.chars().take(MAX_SHOWN_NAME).collect();
    format!("this token may not use the model {name:?}; GET /v1/models lists those that it may")
}

impl fmt::Display for UpstreamFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            error,
            provider,
            setting,
            ..
        } = self;
        match error.failure {
            Failure::Timeout if error.status == 0 => {
                write!(
                    f,
                    "{provider}: no response in time; raise {setting} to wait longer"
                )
            }
            Failure::Auth | Failure::Permission => write!(
                f,
                "{provider} refuses the gateway's own key; check the key in its configuration"
            ),
            _ => write!(f, "{provider}: {}", error.message),
        }
    }
}

fn auth_class(error: &AuthError) -> ErrorClass {
    let is_expired = matches!(error, AuthError::Expired { .. });
    let (kind, code) = if is_expired {
        ("authentication_error", "token_expired")
    } else if error.status() == StatusCode::FORBIDDEN {
        ("permission_error", "permission_denied")
    } else {
        ("authentication_error", "invalid_api_key")
    };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    (status, kind, Some(code))
}

fn not_found(code: &'static str) -> ErrorClass {
    (StatusCode::NOT_FOUND, INVALID_REQUEST, Some(code))
}

fn context_length() -> ErrorClass {
    (
        StatusCode::BAD_REQUEST,
        INVALID_REQUEST,
        Some("context_length_exceeded"),
    )
}

fn internal() -> ErrorClass {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        SERVER_ERROR,
        Some("internal_error"),
    )
}

fn unavailable(code: &'static str) -> ErrorClass {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        SERVICE_UNAVAILABLE,
        Some(code),
    )
}

/// A client's mistake always keeps the provider's status, a failure of the provider's server where
/// clients know that status.
fn upstream_class(error: &UpstreamError) -> ErrorClass {
    let upstream_status = StatusCode::from_u16(error.status)
        .ok()
        .filter(|status| !status.is_success());
    match error.failure {
        Failure::InvalidRequest | Failure::Unsupported => (
            upstream_status
                .filter(StatusCode::is_client_error)
                .unwrap_or(StatusCode::BAD_REQUEST),
            INVALID_REQUEST,
            None,
        ),
        Failure::ContextLength => context_length(),
        Failure::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            INVALID_REQUEST,
            Some("request_too_large"),
        ),
        Failure::NotFound if upstream_status.is_some_and(|status| status.is_redirection()) => {
            bad_gateway("bad_gateway")
        }
        Failure::NotFound => not_found("model_not_found"),
        Failure::Auth | Failure::Permission => bad_gateway("upstream_auth"),
        Failure::RateLimit(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
        ),
        Failure::Quota => (
            upstream_status
                .filter(|status| *status == StatusCode::PAYMENT_REQUIRED)
                .unwrap_or(StatusCode::TOO_MANY_REQUESTS),
            "insufficient_quota",
            Some("insufficient_quota"),
        ),
        Failure::Timeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "timeout_error",
            Some("timeout"),
        ),
        Failure::Overloaded(_) => unavailable("server_is_overloaded"),
        Failure::Server if upstream_status == Some(StatusCode::INTERNAL_SERVER_ERROR) => internal(),
        Failure::Server => bad_gateway("bad_gateway"),
        Failure::Disconnected => bad_gateway("upstream_disconnected"),
    }
}

fn bad_gateway(code: &'static str) -> ErrorClass {
    (StatusCode::BAD_GATEWAY, SERVER_ERROR, Some(code))
}

/// Replaces the class of a failure by the provider's own `type`, `code` and `param`, where it sent
/// an error in the shape that clients read.
fn add_upstream_detail(body: &mut ErrorBody, error: &UpstreamError) {
    // A server's own fault is not what the client is told where another model may do better.
    let is_misnamed = error.failure.is_client_error() && error.status >= 500;
    let shape = error.openai.as_ref();
    let shape = shape.filter(|_| !error.failure.is_auth() && !is_misnamed);
    if let Some(shape) = shape {
        body.kind.clone_from(&shape.kind);
        body.code.clone_from(&error.code);
        body.param.clone_from(&shape.param);
    } else if error.failure.is_client_error() {
        // A code that is only a number says no more than the status.
        let named = error
            .code
            .as_ref()
            .filter(|code| code.parse::<u16>().is_err());
        if let Some(code) = named {
            body.code = Some(code.clone());
        }
    }
}
