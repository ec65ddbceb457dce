//! Estimates of the prompt tokens by size. Exact tokenizers are not needed for a simulation.

use serde_json::Value;

/// Tokens of an image, independent of its size.
pub const IMAGE: u32 = 85;
/// Tokens of the role and the separators of one message.
pub const MESSAGE: u32 = 4;

/// Tokens of a text: four characters are a token, a rule of thumb for English.
pub fn text(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX / 1024)
}

/// Tokens of a JSON value, such as a tool's schema, by the length of its text.
pub fn json(value: &Value) -> u32 {
    match value {
        Value::Null => 0,
        value => text(&value.to_string()),
    }
}

/// Tokens of a message's content: a text, or a list of parts.
pub fn content(content: &Value) -> u32 {
    match content {
        Value::String(words) => text(words),
        Value::Array(parts) => parts.iter().map(part).sum(),
        _ => 0,
    }
}

/// Tokens of one part of a list: of its member `text`, of an image, or of its JSON.
pub fn part(part: &Value) -> u32 {
    /// The members, or values of `type`, that mark an image in one of the formats.
    const IMAGE_MARKERS: [&str; 5] = [
        "image",
        "image_url",
        "input_image",
        "inlineData",
        "fileData",
    ];
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("");
    if let Some(words) = part.get("text").and_then(Value::as_str) {
        text(words)
    } else if IMAGE_MARKERS
        .iter()
        .any(|word| kind == *word || part.get(word).is_some())
    {
        IMAGE
    } else {
        json(part)
    }
}
