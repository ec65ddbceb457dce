//! The list of models as Google's libraries read it.

use http::HeaderMap;
use serde_json::{Value, json};

/// Checks whether a client's library expects this shape: it always names itself.
pub fn wants_content_models(headers: &HeaderMap) -> bool {
    headers.contains_key("x-goog-api-client")
}

/// Encodes a model. Limits are in tokens; `None` is unknown.
pub fn content_model(
    name: &str,
    embeds: bool,
    (input_limit, output_limit): (Option<u64>, Option<u64>),
) -> Value {
    let methods = if embeds {
        json!(["embedContent", "batchEmbedContents"])
    } else {
        json!(["generateContent", "streamGenerateContent", "countTokens"])
    };
    let mut model = json!({
        "name": format!("models/{name}"),
        "version": "001",
        "displayName": name,
        "description": name,
        "supportedGenerationMethods": methods,
    });
    if let Some(limit) = input_limit {
        model["inputTokenLimit"] = limit.into();
    }
    if let Some(limit) = output_limit {
        model["outputTokenLimit"] = limit.into();
    }
    model
}
