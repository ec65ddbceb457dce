//! A whole message as a stream, and a stream as a whole message, with everything that is in it.

use super::events::{LAST_EVENT, event};
use crate::protocols::stream_event::lines;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Most blocks of one message.
const MAX_BLOCKS: usize = 4096;

/// Makes the message of the first event.
pub(super) fn start(id: &str, model: &str, prompt: u64) -> Value {
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        // An estimate; the numbers come at the end, with the message_delta.
        "usage": {"input_tokens": prompt, "output_tokens": 0},
    })
}

/// Makes the block at the start of its deltas.
pub(super) fn empty_block(kind: &str, id: &str, index: u64) -> Value {
    match kind {
        "thinking" => json!({"type": "thinking", "thinking": "", "signature": ""}),
        "tool_use" => {
            let id = format!("toolu_{id}_{index}");
            json!({"type": "tool_use", "id": id, "name": "", "input": {}})
        }
        _ => json!({"type": "text", "text": ""}),
    }
}

/// Gives a whole message the form that clients read. `waits` says that it claims a call and has none.
pub(super) fn repaired(body: &[u8], waits: bool, id: &str) -> Option<Bytes> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut message = match value {
        Value::Array(list) => list.into_iter().find(Value::is_object)?,
        value => value,
    };
    let members = message.as_object_mut()?;
    let missing = [
        ("id", Value::from(id)),
        ("type", "message".into()),
        ("role", "assistant".into()),
    ];
    for (name, value) in missing {
        let is_text = members
            .get(name)
            .is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty()));
        if !is_text {
            members.insert(name.to_owned(), value);
        }
    }
    let content = members.get_mut("content")?;
    match content.take() {
        Value::String(text) => *content = json!([{"type": "text", "text": text}]),
        Value::Object(block) => *content = json!([block]),
        Value::Array(mut blocks) => {
            blocks.retain(Value::is_object);
            *content = blocks.into();
        }
        _ => *content = json!([]),
    }
    if waits {
        members.insert("stop_reason".to_owned(), "end_turn".into());
    }
    Some(message.to_string().into())
}

/// Folds a complete stream as clients get it.
pub(super) fn fold(stream: &[u8]) -> Bytes {
    let mut message = json!({});
    let mut blocks: Vec<Value> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    let data = lines(stream).filter_map(|line| line.strip_prefix(b"data:"));
    for shape in data.filter_map(|json| serde_json::from_slice::<Value>(json).ok()) {
        let index = usize::try_from(shape["index"].as_u64().unwrap_or(0)).unwrap_or(MAX_BLOCKS);
        match shape["type"].as_str().unwrap_or_default() {
            "message_start" => message = shape["message"].clone(),
            "content_block_start" if index < MAX_BLOCKS => {
                if blocks.len() <= index {
                    blocks.resize(index + 1, Value::Null);
                    inputs.resize(index + 1, String::new());
                }
                blocks[index] = shape["content_block"].clone();
            }
            "content_block_delta" => {
                if let (Some(block), Some(input)) = (blocks.get_mut(index), inputs.get_mut(index)) {
                    add_delta(block, input, &shape["delta"]);
                }
            }
            "message_delta" => {
                merge(&mut message, &shape["delta"]);
                let mut usage = message["usage"].clone();
                if usage.is_null() {
                    usage = json!({});
                }
                merge(&mut usage, &shape["usage"]);
                merge(&mut message, &json!({"usage": usage}));
            }
            _ => {}
        }
    }
    for (block, input) in blocks.iter_mut().zip(inputs) {
        if let (Some(block), Ok(input)) =
            (block.as_object_mut(), serde_json::from_str::<Value>(&input))
        {
            block.insert("input".to_owned(), input);
        }
    }
    blocks.retain(Value::is_object);
    merge(&mut message, &json!({"content": blocks}));
    message.to_string().into()
}

/// Adds the members of an object that are not null.
fn merge(to: &mut Value, from: &Value) {
    if let (Some(to), Some(from)) = (to.as_object_mut(), from.as_object()) {
        let said = from.iter().filter(|(_, value)| !value.is_null());
        to.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    }
}

fn add_delta(block: &mut Value, input: &mut String, delta: &Value) {
    let Some(block) = block.as_object_mut() else {
        return;
    };
    for name in ["text", "thinking", "signature"] {
        if let Some(more) = delta[name].as_str() {
            match block.get_mut(name) {
                Some(Value::String(text)) => text.push_str(more),
                _ => {
                    block.insert(name.to_owned(), more.into());
                }
            }
        }
    }
    match &delta["partial_json"] {
        Value::String(more) => input.push_str(more),
        Value::Null => {}
        more => input.push_str(&more.to_string()),
    }
    if delta["citation"].is_object() {
        let citations = block.entry("citations").or_insert_with(|| json!([]));
        if let Value::Array(list) = citations {
            list.push(delta["citation"].clone());
        } else {
            *citations = json!([delta["citation"]]);
        }
    }
}

/// Writes a whole message as a stream.
pub(super) fn unfold(whole: &[u8], out: &mut BytesMut) {
    let mut message: Value = serde_json::from_slice(whole).unwrap_or_default();
    let Some(members) = message.as_object_mut() else {
        return;
    };
    let mut delta = Map::new();
    for name in ["stop_reason", "stop_sequence", "stop_details"] {
        let value = members.shift_remove(name);
        delta.extend(value.map(|value| (name.to_owned(), value)));
    }
    let usage = members.get("usage").cloned().filter(Value::is_object);
    let usage = usage.unwrap_or_else(|| json!({"output_tokens": 0}));
    let content = members.insert("content".to_owned(), json!([]));
    members.insert("stop_reason".to_owned(), Value::Null);
    members.insert("stop_sequence".to_owned(), Value::Null);
    event(out, &json!({"type": "message_start", "message": message}));
    let blocks = content.as_ref().and_then(Value::as_array);
    for (index, block) in blocks.into_iter().flatten().enumerate() {
        let (start, deltas) = pieces(block);
        event(
            out,
            &json!({"type": "content_block_start", "index": index, "content_block": start}),
        );
        for delta in deltas {
            event(
                out,
                &json!({"type": "content_block_delta", "index": index, "delta": delta}),
            );
        }
        event(out, &json!({"type": "content_block_stop", "index": index}));
    }
    event(
        out,
        &json!({"type": "message_delta", "delta": delta, "usage": usage}),
    );
    out.extend_from_slice(LAST_EVENT);
}

/// Divides a block into its start and its deltas. A block of an unknown type is its start alone.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    let mut start = block.clone();
    let mut deltas = Vec::new();
    let mut take = |name: &str, empty: Value| {
        let value = start.get_mut(name)?;
        Some(std::mem::replace(value, empty))
    };
    match block["type"].as_str() {
        Some("text") => {
            let text = take("text", "".into());
            deltas.extend(text.map(|text| json!({"type": "text_delta", "text": text})));
            let citations = take("citations", json!([]));
            let citations = citations
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            deltas.extend(citations.map(|one| json!({"type": "citations_delta", "citation": one})));
        }
        Some("thinking") => {
            let text = take("thinking", "".into());
            deltas.extend(text.map(|text| json!({"type": "thinking_delta", "thinking": text})));
            let signature = take("signature", "".into());
            deltas.extend(
                signature
                    .map(|signature| json!({"type": "signature_delta", "signature": signature})),
            );
        }
        Some("tool_use") => {
            let input = take("input", json!({})).map(|input| match input {
                Value::String(text) => text,
                input => input.to_string(),
            });
            deltas.extend(
                input.map(|input| json!({"type": "input_json_delta", "partial_json": input})),
            );
        }
        _ => {}
    }
    (start, deltas)
}
