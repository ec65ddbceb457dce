//! Failures as clients are told of them, each in the shape of the protocol that it speaks.

use crate::domain::UnixTime;
use crate::domain::{BudgetExceeded, Failure, NoEligibleTarget, RoutingTable};
use crate::protocols::{ApiDialect, ErrorBody, UpstreamError};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use std::time::Duration;

/// Tells SDKs not to repeat by themselves what we have repeated already.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why an answer that is under way ends without its end.
const SHUTDOWN_MESSAGE: &str =
    "the gateway stops, and the time it leaves to requests under way is over";
/// When to try again where too many requests run.
const OVERLOADED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a client is told when there is no answer.
#[derive(Debug, Clone)]
pub struct GatewayError {
    pub status: StatusCode,
    /// OpenAI's `type`.
    kind: String,
    code: Option<String>,
    param: Option<String>,
    message: String,
    retry_after: Option<Duration>,
}

impl GatewayError {
    /// A request that is wrong in itself; `param` is the member that is.
    pub fn invalid(param: Option<&'static str>, message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            None,
            message,
        )
        .at(param)
    }

    /// Somebody who may not ask: 401 without a known token, 403 without the right.
    pub fn denied(status: u16, message: String) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
        let (kind, code) = if status == StatusCode::FORBIDDEN {
            ("permission_error", "permission_denied")
        } else {
            ("authentication_error", "invalid_api_key")
        };
        Self::new(status, kind, Some(code), message)
    }

    pub fn too_large(limit: usize) -> Self {
        let message = format!(
            "the request's body is larger than {} MB; raise [server] max_body_mb to allow more",
            limit / 1_048_576
        );
        let code = Some("request_too_large");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            code,
            message,
        )
    }

    pub fn too_slow() -> Self {
        let message = "the request's body came too slowly; send it in one go";
        let (kind, code) = ("invalid_request_error", Some("request_timeout"));
        Self::new(StatusCode::REQUEST_TIMEOUT, kind, code, message)
    }

    pub fn unknown_model(name: &str, near: &[String]) -> Self {
        let hint = if near.is_empty() {
            "GET /v1/models lists what there is".to_owned()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        let message = format!("the model {name:?} does not exist here; {hint}");
        let code = Some("model_not_found");
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            code,
            message,
        )
        .at(Some("model"))
    }

    pub fn unknown_path(method: &Method, path: &str) -> Self {
        let message = format!(
            "{method} {path} does not exist here; there are POST /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens and /v1/embeddings, and GET /v1/models"
        );
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("unknown_url"),
            message,
        )
    }

    pub fn wrong_method(method: &Method, path: &str) -> Self {
        let message =
            format!("{path} cannot be asked with {method}; the Allow header says with what it can");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            Some("method_not_allowed"),
            message,
        )
    }

    /// A mistake of our own; what it was stands in the log.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            Some("internal_error"),
            "the instance made a mistake while answering; it goes on serving",
        )
    }

    /// Nobody may serve: says what removed whom.
    pub fn no_target(none: &NoEligibleTarget, table: &RoutingTable, now: UnixTime) -> Self {
        let said: Vec<String> = none
            .rejected
            .iter()
            .map(|(target, why)| format!("{}: {}", table.candidates[*target].id, why.text(now)))
            .collect();
        let message = if said.is_empty() && none.retry_after.is_some() {
            "somebody quicker took every place that was free; try again".to_owned()
        } else if said.is_empty() {
            "no target serves such a request: no configured model has this type".to_owned()
        } else {
            format!("no target may serve this request now: {}", said.join("; "))
        };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error = Self::new(
            status,
            "service_unavailable_error",
            Some("no_target"),
            message,
        );
        error.retry_after = none.retry_after;
        error
    }

    /// The gateway stops, and the time it leaves to requests under way is over.
    pub fn closing() -> Self {
        let kind = "service_unavailable_error";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error = Self::new(status, kind, Some("shutting_down"), SHUTDOWN_MESSAGE);
        error.retry_after = Some(Duration::from_secs(1));
        error
    }

    /// Too many requests run already; `most` at once are taken.
    pub fn overloaded(most: Option<u32>) -> Self {
        let most = most.map_or_else(String::new, |most| {
            format!(" ([server] max_in_flight = {most})")
        });
        Self::no_room(&format!(
            "the gateway serves as many requests as it may{most}; try again in a moment"
        ))
    }

    /// All bodies that clients send at once take too much memory.
    pub fn no_room_for_body() -> Self {
        Self::no_room("too many large requests come in at once; try again in a moment")
    }

    fn no_room(message: &str) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "service_unavailable_error",
            Some("overloaded"),
            message,
        );
        error.retry_after = Some(OVERLOADED_RETRY_AFTER);
        error
    }

    /// No budget has room for the request.
    pub fn over_budget(short: &BudgetExceeded) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "insufficient_quota",
            Some("budget_exceeded"),
            short.text(),
        )
    }

    /// The last attempt's failure, once nobody else can be asked. `setting` is the key to raise
    /// where the time was too short.
    pub fn upstream(upset: &UpstreamError, provider: &str, setting: &str) -> Self {
        let (status, kind, code) = class(upset);
        let message = match upset.failure {
            Failure::Timeout if upset.status == 0 => {
                format!("{provider}: no answer in time; raise {setting} to wait longer")
            }
            Failure::Auth | Failure::Permission => {
                format!(
                    "{provider} refuses the gateway's own key; check the key in its configuration"
                )
            }
            _ => format!("{provider}: {}", upset.message),
        };
        let mut error = Self::new(status, kind, code, message);
        // An error in the shape that clients read says more than its class.
        let shape = upset.shape.as_ref().filter(|_| !upset.failure.is_auth());
        if let Some(shape) = shape {
            error.kind.clone_from(&shape.kind);
            error.code.clone_from(&upset.code);
            error.param.clone_from(&shape.param);
        } else if upset.failure.is_client_error() {
            // A bare number says no more than the status does.
            let own = upset
                .code
                .clone()
                .filter(|code| code.parse::<u16>().is_err());
            error.code = own.or(error.code);
        }
        error.retry_after = match upset.failure {
            Failure::RateLimit(delay) | Failure::Overloaded(delay) => delay,
            _ => None,
        };
        error
    }

    /// With a delay after which a retry may succeed, unless the upstream stated one.
    #[must_use]
    pub fn or_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = self.retry_after.or(Some(delay));
        self
    }

    /// What is said, without a shape.
    pub fn error_body(&self) -> ErrorBody {
        ErrorBody {
            status: self.status.as_u16(),
            kind: self.kind.clone(),
            code: self.code.clone(),
            param: self.param.clone(),
            message: self.message.clone(),
        }
    }

    /// As an answer to a client of that protocol.
    pub fn respond(&self, dialect: ApiDialect) -> Response {
        let body = dialect.client_api().error(&self.error_body());
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.retry_after {
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

    fn new(
        status: StatusCode,
        kind: impl Into<String>,
        code: Option<&str>,
        message: impl Into<String>,
    ) -> Self {
        let code = code.map(str::to_owned);
        Self {
            status,
            kind: kind.into(),
            code,
            param: None,
            message: message.into(),
            retry_after: None,
        }
    }

    fn at(mut self, param: Option<&str>) -> Self {
        self.param = param.map(str::to_owned);
        self
    }
}

/// Status, type and code of a failure. A client's mistake always keeps the upstream's status, a
/// failure of the server's own where clients know it.
fn class(upset: &UpstreamError) -> (StatusCode, &'static str, Option<&'static str>) {
    const MISTAKE: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    let kept = StatusCode::from_u16(upset.status)
        .ok()
        .filter(|status| !status.is_success());
    match upset.failure {
        Failure::InvalidRequest | Failure::Unsupported => {
            (kept.unwrap_or(StatusCode::BAD_REQUEST), MISTAKE, None)
        }
        Failure::ContextLength => (
            StatusCode::BAD_REQUEST,
            MISTAKE,
            Some("context_length_exceeded"),
        ),
        Failure::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            MISTAKE,
            Some("request_too_large"),
        ),
        Failure::NotFound => (StatusCode::NOT_FOUND, MISTAKE, Some("model_not_found")),
        Failure::Auth | Failure::Permission => {
            (StatusCode::BAD_GATEWAY, SERVER, Some("upstream_auth"))
        }
        Failure::RateLimit(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
        ),
        Failure::Quota => (
            kept.filter(|status| *status == StatusCode::PAYMENT_REQUIRED)
                .unwrap_or(StatusCode::TOO_MANY_REQUESTS),
            "insufficient_quota",
            Some("insufficient_quota"),
        ),
        Failure::Timeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "timeout_error",
            Some("timeout"),
        ),
        Failure::Overloaded(_) => {
            let code = Some("server_is_overloaded");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable_error",
                code,
            )
        }
        Failure::Server if kept == Some(StatusCode::INTERNAL_SERVER_ERROR) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            SERVER,
            Some("internal_error"),
        ),
        Failure::Server => (StatusCode::BAD_GATEWAY, SERVER, Some("bad_gateway")),
        Failure::Disconnected => (
            StatusCode::BAD_GATEWAY,
            SERVER,
            Some("upstream_disconnected"),
        ),
    }
}
