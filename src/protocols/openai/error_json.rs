//! A failure in OpenAI's shape.

use crate::protocols::ErrorBody;
use bytes::Bytes;
use serde_json::json;

/// A failure in OpenAI's shape.
pub(in crate::protocols) fn error_body(told: &ErrorBody) -> Bytes {
    let error = json!({"error": {
        "message": told.message,
        "type": told.kind,
        "param": told.param,
        "code": told.code,
    }});
    error.to_string().into()
}

/// The same inside of a stream.
pub(super) fn error_event(told: &ErrorBody) -> Vec<u8> {
    let body = error_body(told);
    [b"data: ", &body[..], b"\n\n"].concat()
}
