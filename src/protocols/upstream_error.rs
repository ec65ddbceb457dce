//! What a bad answer means: class by status and by body.

use super::error_payload::{ErrorPayload, OpenAiErrorFields, words};
use super::retry_after::{delay_from, spoken_delay};
use crate::domain::Failure;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::fmt;

/// A failed attempt with what the client may be told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamError {
    pub failure: Failure,
    /// The upstream's status; 0 where no answer came.
    pub status: u16,
    /// The upstream's own words, or ours where it had none. Shown to the client, never logged.
    pub message: String,
    /// The upstream's error code, where it gave one.
    pub code: Option<String>,
    /// What OpenAI's shape says beside that, where the upstream answered in it.
    pub shape: Option<Box<OpenAiErrorFields>>,
    /// Nothing was sent, for there was no connection, or no key to show; so nothing can be billed.
    pub unsent: bool,
}

impl UpstreamError {
    /// A failure that is no answer: no connection, no time, a broken stream.
    pub fn without_response(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            status: 0,
            message: message.into(),
            code: None,
            shape: None,
            unsent: false,
        }
    }

    /// The member that the upstream finds at fault.
    pub fn param(&self) -> Option<&str> {
        self.shape.as_ref()?.param.as_deref()
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UpstreamError {}

/// Classifies an answer whose status is not a success.
pub fn classify_error(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> UpstreamError {
    let words = words(body);
    let failure = classify(status.as_u16(), headers, &words);
    let message = words.message.unwrap_or_else(|| {
        let and = if words.is_json || body.is_empty() {
            ""
        } else {
            " with a body that is not JSON"
        };
        format!("upstream answered {}{and}", status.as_u16())
    });
    UpstreamError {
        failure,
        status: status.as_u16(),
        message,
        code: words.code,
        shape: words.shape,
        unsent: false,
    }
}

/// Classifies an error that stands where an answer should be, inside of a success.
pub fn error_in_success_body(body: &[u8]) -> UpstreamError {
    let words = words(body);
    let status = words.status.unwrap_or_else(|| {
        let of_kind = |kind: &Option<String>| kind.as_deref().and_then(status_of);
        of_kind(&words.kind)
            .or_else(|| of_kind(&words.code))
            .unwrap_or(500)
    });
    let failure = classify(status, &HeaderMap::new(), &words);
    UpstreamError {
        failure,
        status,
        message: words
            .message
            .unwrap_or_else(|| "the provider gave up without a word".to_owned()),
        code: words.code,
        shape: words.shape,
        unsent: false,
    }
}

/// The status that a word of an error stands for.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "INVALID_ARGUMENT" => 400,
        "authentication_error" | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "NOT_FOUND" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => 429,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error"
        | "UNAVAILABLE"
        | "server_is_overloaded"
        | "service_unavailable_error"
        | "The service is currently unavailable" => 503,
        _ => return None,
    })
}

fn classify(status: u16, headers: &HeaderMap, words: &ErrorPayload) -> Failure {
    let code = words.code.as_deref().unwrap_or_default();
    let message = words.message.as_deref().unwrap_or_default();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let reason = |wanted: &[&str]| {
        let mut found = words.reasons.iter();
        found.any(|reason| wanted.iter().any(|word| reason.contains(word)))
    };
    let delay = || {
        delay_from(headers)
            .or(words.delay)
            .or_else(|| spoken_delay(message))
    };
    match status {
        400 | 422 if CONTEXT_CODES.contains(&code) || has(&CONTEXT_PHRASES) => {
            Failure::ContextLength
        }
        400 | 422 if has(&PREFILL_PHRASES) => Failure::Unsupported,
        400 if code == "invalid_api_key" || has(&KEY_PHRASES) || reason(&["API_KEY_INVALID"]) => {
            Failure::Auth
        }
        400 | 403 | 429 if QUOTA_CODES.contains(&code) || has(&QUOTA_PHRASES) => Failure::Quota,
        400 | 429 if reason(&QUOTA_REASONS) => Failure::Quota,
        401 => Failure::Auth,
        402 => Failure::Quota,
        403 => Failure::Permission,
        404 => Failure::NotFound,
        408 | 499 | 504 => Failure::Timeout,
        413 => Failure::TooLarge,
        429 => Failure::RateLimit(delay()),
        498 | 503 | 529 => Failure::Overloaded(delay()),
        400..=499 => Failure::InvalidRequest,
        _ => Failure::Server,
    }
}

const CONTEXT_CODES: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];

const CONTEXT_PHRASES: [&str; 8] = [
    "maximum context length is",
    "prompt is too long",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "exceed context limit",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "Input too long",
];

/// A model that takes no answer that is begun for it; others do.
const PREFILL_PHRASES: [&str; 2] = [
    "assistant message prefill",
    "conversation must end with a user message",
];

const KEY_PHRASES: [&str; 3] = ["Incorrect API key", "API key not valid", "API_KEY_INVALID"];

/// A refusal that waiting does not mend: the account has no money.
const QUOTA_CODES: [&str; 6] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_error",
];

const QUOTA_PHRASES: [&str; 3] = [
    "used all available credits",
    "You have reached your specified API usage limits",
    "You have reached your specified workspace API usage limits",
];

/// A spend limit, or a quota that lasts until tomorrow.
const QUOTA_REASONS: [&str; 2] = ["spend_limit_reached", "PerDay"];

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        classify_error(
            status,
            &HeaderMap::new(),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
        .failure
    }

    #[test]
    fn the_body_decides_where_the_status_does_not() {
        assert_eq!(
            class(
                400,
                r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#
            ),
            Failure::ContextLength
        );
        assert_eq!(
            class(
                400,
                r#"{"code":"Client error","error":"Incorrect API key provided: x."}"#
            ),
            Failure::Auth
        );
        assert_eq!(
            class(
                429,
                r#"{"error":{"message":"x","code":"insufficient_quota"}}"#
            ),
            Failure::Quota
        );
        assert_eq!(
            class(
                422,
                r#"{"object":"error","message":{"detail":[{"loc":["body"],"msg":"Input too long"}]}}"#
            ),
            Failure::ContextLength
        );
        assert_eq!(
            class(
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill."}}"#
            ),
            Failure::Unsupported
        );
        assert_eq!(class(429, "<html>"), Failure::RateLimit(None));
        assert_eq!(class(418, ""), Failure::InvalidRequest);
        assert_eq!(
            class(500, r#"[{"error":{"message":"list of one"}}]"#),
            Failure::Server
        );
    }
}
