//! Events of a Messages stream.

use crate::protocols::ErrorBody;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

/// Last event of every stream.
pub(super) const LAST_EVENT: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// Writes an event, named by the type of its data.
pub(super) fn event(out: &mut BytesMut, data: &Value) {
    let name = data["type"].as_str().unwrap_or_default();
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(&mut out.writer(), data);
    out.extend_from_slice(b"\n\n");
}

/// Builds an error in this protocol's shape.
pub(super) fn error_value(error: &ErrorBody) -> Value {
    let kind = match error.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({
        "type": "error",
        "error": {"type": kind, "message": error.anthropic_message()},
        "request_id": error.request_id,
    })
}

/// Builds the error event of a stream.
pub(super) fn error_event(error: &ErrorBody) -> Bytes {
    let mut out = BytesMut::new();
    event(&mut out, &error_value(error));
    out.freeze()
}
