//! A failed attempt: its class, and what the client may learn of it.

use super::context_overflow::{ContextOverflow, is_context_overflow};
use super::error_payload::{ErrorPayload, OpenAiErrorFields, read_payload};
use super::response_fault::ResponseFault;
use super::retry_after::{delay_from, delay_in_message, stated_delay};
use super::sse::TooLong;
use super::transport::TransportError;
use super::transport::classify_transport_error;
use crate::domain::Failure;
use crate::foreign::BodyError;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A failed attempt with what the client may learn of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct UpstreamError {
    /// Class of the failure; it decides about retries and about the target's health.
    pub failure: Failure,
    /// HTTP status of the upstream; 0 where no response came.
    pub status: u16,
    /// Message of the upstream, or of the gateway where the upstream sent none. Shown to the
    /// client, never logged.
    pub message: String,
    /// Error code of the upstream, where it sent one.
    pub code: Option<String>,
    /// `type` and `param` of an error in OpenAI's shape, where the upstream sent one.
    pub openai: Option<Box<OpenAiErrorFields>>,
    /// What is known of a prompt that is too long for its model.
    pub overflow: Option<Box<ContextOverflow>>,
    /// True if nothing was sent, because there was no connection or no key. Nothing can be billed.
    pub unsent: bool,
    #[source]
    source: Option<ErrorSource>,
}

/// The error that an [`UpstreamError`] comes from. It takes no part in comparisons: two failures are
/// equal where everything that clients and the balancer see is equal.
#[derive(Debug, Clone)]
struct ErrorSource(Arc<dyn Error + Send + Sync>);

impl PartialEq for ErrorSource {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Display for ErrorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ErrorSource {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl UpstreamError {
    /// Creates a failure without a response of the upstream: no connection, a timeout, an
    /// unusable stream.
    pub fn without_response(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            status: 0,
            message: message.into(),
            code: None,
            openai: None,
            overflow: None,
            unsent: false,
            source: None,
        }
    }

    /// Creates a failure that `source` explains; its text is the message.
    pub(super) fn caused_by(failure: Failure, source: impl Error + Send + Sync + 'static) -> Self {
        let message = source.to_string();
        Self {
            source: Some(ErrorSource(Arc::new(source))),
            ..Self::without_response(failure, message)
        }
    }

    /// Marks the failure as one before anything was sent.
    #[must_use]
    pub fn never_sent(mut self) -> Self {
        self.unsent = true;
        self
    }

    /// The field of the request that the upstream rejects.
    pub fn param(&self) -> Option<&str> {
        self.openai.as_ref()?.param.as_deref()
    }
}

impl From<ResponseFault> for UpstreamError {
    fn from(fault: ResponseFault) -> Self {
        Self::caused_by(fault.failure(), fault)
    }
}

impl From<BodyError> for UpstreamError {
    fn from(error: BodyError) -> Self {
        let failure = match &error {
            BodyError::TooLarge => Failure::Server,
            BodyError::Interrupted(error) => classify_transport_error(error),
        };
        Self::caused_by(failure, error)
    }
}

impl From<TooLong> for UpstreamError {
    fn from(error: TooLong) -> Self {
        Self::caused_by(Failure::Server, error)
    }
}

impl From<TransportError> for UpstreamError {
    fn from(error: TransportError) -> Self {
        let unsent = error.unsent;
        Self {
            unsent,
            ..Self::caused_by(error.failure, error)
        }
    }
}

/// Classifies a response whose status is not a success, by status, headers and body.
pub fn classify_error(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> UpstreamError {
    let payload = read_payload(body);
    let failure = classify(status.as_u16(), headers, &payload);
    let message = payload.message.unwrap_or_else(|| {
        if status.is_redirection() {
            return format!(
                "upstream answered {}, a redirect to another address, which is never followed",
                status.as_u16()
            );
        }
        let and = if payload.is_json || body.is_empty() {
            ""
        } else {
            " with a body that is not JSON"
        };
        format!("upstream answered {}{and}", status.as_u16())
    });
    UpstreamError {
        status: status.as_u16(),
        code: payload.code,
        openai: payload.openai,
        overflow: overflow_of(failure, payload.context, &message),
        ..UpstreamError::without_response(failure, message)
    }
}

/// Classifies an error that an upstream sends where a response should be, with a status of success.
pub fn error_in_success_body(body: &[u8]) -> UpstreamError {
    let payload = read_payload(body);
    let status = payload.status.unwrap_or_else(|| {
        let of_kind = |kind: &Option<String>| kind.as_deref().and_then(status_of);
        of_kind(&payload.kind)
            .or_else(|| of_kind(&payload.code))
            .unwrap_or(500)
    });
    let failure = classify(status, &HeaderMap::new(), &payload);
    let message = payload
        .message
        .unwrap_or_else(|| "the provider ended the response without a reason".to_owned());
    UpstreamError {
        status,
        code: payload.code,
        openai: payload.openai,
        overflow: overflow_of(failure, payload.context, &message),
        ..UpstreamError::without_response(failure, message)
    }
}

fn overflow_of(
    failure: Failure,
    counts: Option<(u64, u64)>,
    message: &str,
) -> Option<Box<ContextOverflow>> {
    let counted = |(tokens, maximum)| ContextOverflow {
        tokens: Some(tokens),
        maximum: Some(maximum),
    };
    (failure == Failure::ContextLength).then(|| {
        let stated = counts.map(counted);
        Box::new(stated.unwrap_or_else(|| ContextOverflow::in_message(message)))
    })
}

/// Maps the type or code of an error to the HTTP status that it stands for.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error"
        | "INVALID_ARGUMENT"
        | "exceed_context_size_error"
        | "context_length_exceeded" => 400,
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

fn classify(status: u16, headers: &HeaderMap, payload: &ErrorPayload) -> Failure {
    let code = payload.code.as_deref().unwrap_or_default();
    let message = payload.message.as_deref().unwrap_or_default();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let kind = payload.kind.as_deref().unwrap_or_default();
    let reason = |wanted: &[&str]| {
        let mut found = payload.reasons.iter();
        found.any(|reason| wanted.iter().any(|word| reason.contains(word)))
    };
    // A message of a status 400 may quote the request, so only its beginning counts.
    let begins = |phrases: &[&str]| phrases.iter().any(|phrase| message.starts_with(phrase));
    let is_quota = QUOTA_CODES.contains(&code)
        || (status != 403 && reason(&QUOTA_REASONS))
        || (status != 400 && has(&QUOTA_PHRASES))
        || begins(&QUOTA_PHRASES);
    let delay = || {
        delay_from(headers)
            .or(payload.delay)
            .or_else(|| delay_in_message(message))
    };
    match status {
        400..=500 if status != 429 && is_context_overflow([code, kind], message) => {
            Failure::ContextLength
        }
        400 | 422 if has(&PREFILL_PHRASES) => Failure::Unsupported,
        400..=501 if has(&INABILITY_PHRASES) => Failure::Unsupported,
        400 if code == "invalid_api_key"
            || begins(&KEY_PHRASES)
            || reason(&["API_KEY_INVALID"]) =>
        {
            Failure::Auth
        }
        400 | 403 | 422 if MODEL_CODES.contains(&code) || MODEL_CODES.contains(&kind) => {
            Failure::NotFound
        }
        400 | 422 if is_unknown_model(message) => Failure::Unsupported,
        402 if has(&SMALLER_PHRASES) => Failure::Unsupported,
        400 | 402 | 403 | 429 if is_quota || status == 402 => match stated_delay(headers) {
            // The account recovers by itself: its limit is one over time.
            Some(delay) if status == 429 => Failure::RateLimit(Some(delay)),
            _ => Failure::Quota,
        },
        401 => Failure::Auth,
        403 => Failure::Permission,
        300..=399 | 404 => Failure::NotFound,
        408 | 499 | 504 => Failure::Timeout,
        413 => Failure::TooLarge,
        429 => Failure::RateLimit(delay()),
        498 | 503 | 529 => Failure::Overloaded(delay()),
        400..=499 => Failure::InvalidRequest,
        _ => Failure::Server,
    }
}

/// Messages of models that do not continue a prefilled assistant message.
const PREFILL_PHRASES: [&str; 2] = [
    "assistant message prefill",
    "conversation must end with a user message",
];

/// Messages of models that cannot read what a prompt holds. Other models may.
const INABILITY_PHRASES: [&str; 7] = [
    "image input is not supported",
    "does not support image",
    "not support image input",
    "not a multimodal model",
    "No endpoints found that support image input",
    "audio input is not supported",
    "does not support tools",
];

const KEY_PHRASES: [&str; 3] = ["Incorrect API key", "API key not valid", "API_KEY_INVALID"];

/// Codes of a model that the provider does not have, or does not offer to the account.
const MODEL_CODES: [&str; 5] = [
    "model_not_found",
    "model_not_available",
    "invalid_model",
    "ModelNotFound",
    "DeploymentNotFound",
];

/// Words of an unknown model, in lower case. They may be a client's own, so the target stays in use.
const MODEL_PHRASES: [&str; 7] = [
    "model not found",
    "model not exist",
    "not a valid model",
    "unknown model",
    "invalid model",
    "no such model",
    "model identifier is invalid",
];

/// Messages of an account whose credit covers a smaller request.
const SMALLER_PHRASES: [&str; 2] = ["fewer max_tokens", "can only afford"];

/// Checks whether a message says that the model does not exist.
fn is_unknown_model(message: &str) -> bool {
    /// Characters in which a model's name ends.
    const NAME: usize = 200;
    let message = message.to_lowercase();
    let absent = |rest: &str| {
        let near: String = rest.chars().take(NAME).collect();
        near.contains("does not exist") || near.contains("not found")
    };
    MODEL_PHRASES.iter().any(|phrase| message.contains(phrase))
        || message
            .strip_prefix("the model ")
            .or_else(|| message.strip_prefix("model "))
            .is_some_and(absent)
}

/// Codes of an account without credit, where waiting does not help.
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

/// Reasons of a spend limit or of a quota per day.
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
    fn a_quota_with_a_stated_delay_is_a_rate_limit() {
        let body = Bytes::from_static(br#"{"error":{"message":"x","code":"insufficient_quota"}}"#);
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", http::HeaderValue::from_static("1"));
        let error = classify_error(StatusCode::TOO_MANY_REQUESTS, &headers, &body);
        let second = std::time::Duration::from_secs(1);
        assert_eq!(error.failure, Failure::RateLimit(Some(second)));
        assert_eq!(error.code.as_deref(), Some("insufficient_quota"));
    }

    #[test]
    fn an_unknown_model_is_recognised_in_every_status() {
        let told = |message: &str| format!(r#"{{"error":{{"message":"{message}"}}}}"#);
        for message in [
            "foo/bar is not a valid model ID",
            "Model Not Exist",
            "The model `m` does not exist",
            "Invalid model: nope",
            "The model `gpt-9` does not exist or you do not have access to it.",
            "model 'llama9' not found, try pulling it first",
            "The provided model identifier is invalid.",
        ] {
            assert_eq!(
                class(400, &told(message)),
                Failure::Unsupported,
                "{message}"
            );
        }
        let coded = r#"{"error":{"message":"x","code":"model_not_found"}}"#;
        for status in [400, 403, 404] {
            assert_eq!(class(status, coded), Failure::NotFound);
        }
        let other = told("Tool call_1 of the model was not found in messages[0]");
        assert_eq!(class(400, &other), Failure::InvalidRequest);
    }

    #[test]
    fn what_a_client_makes_a_provider_quote_neither_refuses_the_key_nor_uses_up_the_account() {
        for words in KEY_PHRASES.iter().chain(&QUOTA_PHRASES) {
            let body =
                format!(r#"{{"error":{{"message":"Invalid value: '{words}'. Supported are"}}}}"#);
            assert_eq!(class(400, &body), Failure::InvalidRequest, "{words}");
        }
    }

    #[test]
    fn the_body_decides_where_the_status_is_ambiguous() {
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
        let affordable = r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1234.","code":402}}"#;
        assert_eq!(class(402, affordable), Failure::Unsupported);
        assert_eq!(class(402, "{}"), Failure::Quota);
        assert_eq!(class(308, ""), Failure::NotFound);
        assert_eq!(class(429, "<html>"), Failure::RateLimit(None));
        assert_eq!(class(418, ""), Failure::InvalidRequest);
        assert_eq!(
            class(500, r#"[{"error":{"message":"list of one"}}]"#),
            Failure::Server
        );
    }
}
