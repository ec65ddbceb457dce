//! JSON texts that replace fields of a client's request.

use serde_json::Value;

/// Writes a string as JSON, with its quotes.
pub(in crate::protocols) fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}
