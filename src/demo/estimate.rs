//! WHAT A REQUEST COSTS TO READ, estimated from its size; real tokenizers are not needed to look
//! plausible.

use serde_json::Value;

/// What a picture costs, whatever its size.
pub const IMAGE: u32 = 85;
/// What role and separators of one message cost.
pub const MESSAGE: u32 = 4;

/// The rule of thumb for English: four characters make a token.
pub fn text(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX / 1024)
}

/// A piece of JSON, such as a tool's schema, by the length of its text.
pub fn json(value: &Value) -> u32 {
    match value {
        Value::Null => 0,
        value => text(&value.to_string()),
    }
}

/// A message's content: one text, or a list of parts, of which those with a member `text` cost what
/// it says, pictures what pictures cost, and all others what their JSON says.
pub fn content(content: &Value) -> u32 {
    match content {
        Value::String(words) => text(words),
        Value::Array(parts) => parts.iter().map(part).sum(),
        _ => 0,
    }
}

/// One part of such a list.
pub fn part(part: &Value) -> u32 {
    /// The members, or words of `type`, that mark a picture in one format or another.
    const PICTURES: [&str; 5] = [
        "image",
        "image_url",
        "input_image",
        "inlineData",
        "fileData",
    ];
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("");
    if let Some(words) = part.get("text").and_then(Value::as_str) {
        text(words)
    } else if PICTURES
        .iter()
        .any(|word| kind == *word || part.get(word).is_some())
    {
        IMAGE
    } else {
        json(part)
    }
}
