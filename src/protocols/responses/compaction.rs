//! Compaction of a conversation: a model sums it up, and the summary takes its place.

use super::stored_items::input_items;
use crate::protocols::RawObject;
use serde_json::{Value, json};

/// Asks the model for the summary.
const PROMPT: &str = "Sum up this conversation so far for an assistant that will continue it without \
    seeing it. State what the user asked for, in the user's own words where they matter; what was \
    done and decided; every file, name, command and value that is still needed; and what remains \
    to be done. Answer with the summary only.";
/// Introduces the summary to the model that continues.
const INTRODUCTION: &str = "Summary of the conversation so far:\n\n";
/// Fields that have no meaning for the summary.
const REMOVED_FIELDS: [&str; 7] = [
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "stream",
    "stream_options",
    "previous_response_id",
];

/// Builds the request for the summary.
pub fn compaction_request(object: &RawObject<'_>) -> Vec<u8> {
    let mut items = input_items(object);
    let prompt = json!({"type": "message", "role": "user", "content": PROMPT});
    items.push(prompt.to_string());
    let replaced = [
        ("input", format!("[{}]", items.join(","))),
        ("store", "false".to_owned()),
    ];
    object.without(&REMOVED_FIELDS, &replaced)
}

/// Encodes the conversation that takes the place of the one before, from the response with the
/// summary.
pub fn compacted(response: &[u8]) -> Option<Vec<u8>> {
    let response: Value = serde_json::from_slice(response).ok()?;
    let items = response["output"].as_array().into_iter().flatten();
    let parts = items
        .filter_map(|item| item["content"].as_array())
        .flatten();
    let texts = parts.filter(|part| part["type"] == "output_text");
    let summary: String = texts.filter_map(|part| part["text"].as_str()).collect();
    let id = response["id"].as_str().unwrap_or_default();
    let message = json!({
        "type": "message",
        "id": format!("msg_{id}"),
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": format!("{INTRODUCTION}{summary}")}],
    });
    let compacted = json!({
        "id": id,
        "object": "response.compaction",
        "created_at": response["created_at"],
        "output": [message],
        "usage": response["usage"],
    });
    Some(compacted.to_string().into_bytes())
}
