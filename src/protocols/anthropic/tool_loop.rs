//! Thinking in a client's own request. With a thinking budget Anthropic rejects tool results whose
//! calls have no reasoning before them. A client may have lost it (Claude Code leaves it out where
//! the model that answered has another name than the one it asked for), or the calls came from
//! another provider through the gateway.

use crate::protocols::RawObject;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The types of blocks that hold reasoning.
const REASONING_TYPES: [&str; 2] = ["thinking", "redacted_thinking"];

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Checks whether a request with a thinking budget ends with results of tools, and no message since
/// the user's last words begins with reasoning. `messages` is JSON.
pub fn lacks_reasoning(object: &RawObject<'_>, messages: &str) -> bool {
    if !object.mentions("thinking", r#""enabled""#) || !messages.contains(r#""tool_use""#) {
        return false;
    }
    let list: Vec<Message<'_>> = serde_json::from_str(messages).unwrap_or_default();
    let mut has_calls = false;
    for message in list.iter().rev() {
        // A text instead of a list has no blocks that matter.
        let blocks: Vec<Block<'_>> =
            serde_json::from_str(message.content.get()).unwrap_or_default();
        let has = |kind: &str| blocks.iter().any(|block| block.kind == kind);
        if message.role == "assistant" {
            let first = blocks.first();
            if first.is_some_and(|block| REASONING_TYPES.contains(&&*block.kind)) {
                return false;
            }
            has_calls |= has("tool_use");
        } else if !has("tool_result") {
            break;
        }
    }
    has_calls
}

/// Returns `context_management` without the edits that Anthropic accepts only with thinking, where
/// it has some.
pub fn without_thinking_edits(object: &RawObject<'_>) -> Option<String> {
    if !object.mentions("context_management", "clear_thinking") {
        return None;
    }
    let mut management: Value = object.read("context_management")?;
    let edits = management.get_mut("edits")?.as_array_mut()?;
    let needs_thinking = |edit: &Value| {
        let kind = edit["type"].as_str();
        kind.is_some_and(|kind| kind.starts_with("clear_thinking"))
    };
    edits.retain(|edit| !needs_thinking(edit));
    Some(management.to_string())
}
