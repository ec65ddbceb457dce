//! A failure in Google's shape.

use crate::protocols::ErrorBody;
use serde_json::{Value, json};

/// Encodes a failure. Google's libraries read the status in words.
pub(super) fn error_value(error: &ErrorBody) -> Value {
    let status = match error.status {
        400 | 413 | 422 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 501 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        499 => "CANCELLED",
        502 | 503 | 529 => "UNAVAILABLE",
        406..=498 => "FAILED_PRECONDITION",
        _ => "INTERNAL",
    };
    let mut value = json!({
        "code": error.status,
        "message": error.message,
        "status": status,
    });
    if let Some(code) = &error.code {
        value["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": code,
            "domain": "aibal-tui",
        }]);
    }
    json!({"error": value})
}

/// Builds the error event of a stream.
pub(super) fn error_event(error: &ErrorBody) -> String {
    format!("data: {}\n\n", error_value(error))
}
