//! A failure in OpenAI's shape.

use crate::protocols::ErrorBody;
use bytes::Bytes;
use serde_json::json;

/// A failure in OpenAI's shape.
pub(in crate::protocols) fn error_body(error: &ErrorBody) -> Bytes {
    let error = json!({"error": {
        "message": error.openai_message(),
        "type": error.kind,
        "param": error.param,
        "code": error.code,
    }});
    error.to_string().into()
}

/// Builds the error event of a stream.
pub(super) fn error_event(error: &ErrorBody) -> Vec<u8> {
    let body = error_body(error);
    [b"data: ", &body[..], b"\n\n"].concat()
}
