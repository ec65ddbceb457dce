//! The lines of responses to `/api/chat` and `/api/generate`.

use crate::protocols::{ErrorBody, RawObject};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Checks whether a request is one to `/api/chat`; without messages it is one to `/api/generate`.
pub(super) fn is_chat(object: &RawObject<'_>) -> bool {
    object.has("messages")
}

/// Builds the fields that every line has.
pub(super) fn line_head(model: &str, created: u64) -> Value {
    let seconds = i64::try_from(created).unwrap_or_default();
    let created = Timestamp::from_second(seconds).unwrap_or_default();
    json!({"model": model, "created_at": created.to_string()})
}

/// Sets the text of a line.
pub(super) fn set_text(line: &mut Value, is_chat: bool, text: &str) {
    if is_chat {
        line["message"] = json!({"role": "assistant", "content": text});
    } else {
        line["response"] = text.into();
    }
}

/// Builds the error line of a stream.
pub(super) fn error_line(error: &ErrorBody) -> String {
    format!("{}\n", json!({"error": error.message}))
}
