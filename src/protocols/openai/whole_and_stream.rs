//! A whole chat response as a stream, and a stream as a whole response, with everything that is in it.

use crate::protocols::stream_event::lines;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

/// Most choices of one response.
const MAX_CHOICES: usize = 128;
/// Most calls of one choice.
const MAX_CALLS: usize = 1024;

/// Folds a complete stream as clients get it.
pub(super) fn fold(stream: &[u8]) -> Bytes {
    let mut whole = Map::new();
    let mut choices: Vec<Map<String, Value>> = Vec::new();
    let data = lines(stream).filter_map(|line| line.strip_prefix(b"data: "));
    for chunk in data.filter_map(|json| serde_json::from_slice::<Value>(json).ok()) {
        let Value::Object(mut chunk) = chunk else {
            continue;
        };
        if let Some(Value::Array(list)) = chunk.shift_remove("choices") {
            for choice in list {
                add_choice(&mut choices, choice);
            }
        }
        let said = chunk.into_iter().filter(|(_, value)| !value.is_null());
        whole.extend(said);
    }
    whole.insert("object".to_owned(), "chat.completion".into());
    let choices = choices.into_iter().filter(|choice| !choice.is_empty());
    let choices: Vec<Value> = choices.map(Value::Object).collect();
    whole.insert("choices".to_owned(), choices.into());
    Value::Object(whole).to_string().into()
}

fn add_choice(choices: &mut Vec<Map<String, Value>>, choice: Value) {
    let Value::Object(mut choice) = choice else {
        return;
    };
    let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
    let index = usize::try_from(index)
        .unwrap_or(MAX_CHOICES)
        .min(MAX_CHOICES - 1);
    if choices.len() <= index {
        choices.resize_with(index + 1, Map::new);
    }
    let folded = &mut choices[index];
    if folded.is_empty() {
        folded.insert("index".to_owned(), index.into());
        folded.insert(
            "message".to_owned(),
            json!({"role": "assistant", "content": null}),
        );
        folded.insert("finish_reason".to_owned(), Value::Null);
    }
    let delta = choice.shift_remove("delta");
    // Some servers repeat the text so far beside the delta.
    choice.shift_remove("message");
    if let (Some(Value::Object(message)), Some(Value::Object(delta))) =
        (folded.get_mut("message"), delta)
    {
        delta
            .into_iter()
            .for_each(|(name, value)| add_member(message, name, value));
    }
    for (name, value) in choice {
        match (folded.get_mut(&name), value) {
            (_, Value::Null) => {}
            (Some(earlier), value) if name == "logprobs" => add_value(earlier, value),
            (_, value) => {
                folded.insert(name, value);
            }
        }
    }
}

fn add_member(message: &mut Map<String, Value>, name: String, value: Value) {
    if name == "tool_calls" {
        let calls = message.entry(name).or_insert_with(|| json!([]));
        if let (Value::Array(calls), Value::Array(fragments)) = (calls, value) {
            for fragment in fragments {
                add_call(calls, fragment);
            }
        }
    } else if name == "role" {
        message.insert(name, value);
    } else {
        add_value(message.entry(name).or_insert(Value::Null), value);
    }
}

/// Adds a fragment of a call. Only its arguments are a text in pieces.
fn add_call(calls: &mut Vec<Value>, fragment: Value) {
    let Value::Object(mut fragment) = fragment else {
        return;
    };
    let index = fragment
        .shift_remove("index")
        .and_then(|index| index.as_u64());
    let index = index.and_then(|index| usize::try_from(index).ok());
    let index = index
        .unwrap_or_else(|| calls.len().saturating_sub(1))
        .min(MAX_CALLS);
    if calls.len() <= index {
        calls.resize_with(index + 1, || json!({}));
    }
    if let Some(call) = calls[index].as_object_mut() {
        for (name, value) in fragment {
            add_value(call.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Adds to a value: texts and lists go on, of other values the last one counts.
fn add_value(earlier: &mut Value, value: Value) {
    match (earlier, value) {
        (_, Value::Null) => {}
        (Value::String(text), Value::String(more)) => text.push_str(&more),
        (Value::Array(list), Value::Array(more)) => list.extend(more),
        (Value::Object(members), Value::Object(more)) => {
            for (name, value) in more {
                add_value(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (earlier, value) => *earlier = value,
    }
}

/// Writes a whole response as a stream.
pub(super) fn unfold(whole: &[u8], with_usage: bool, out: &mut BytesMut) {
    let whole: Value = serde_json::from_slice(whole).unwrap_or_default();
    let Value::Object(mut head) = whole else {
        return;
    };
    head.insert("object".to_owned(), "chat.completion.chunk".into());
    let usage = head.shift_remove("usage");
    let choices = head.shift_remove("choices").unwrap_or_default();
    let mut write = |name: &str, value: Value, more: Option<Value>| {
        let mut chunk = head.clone();
        chunk.insert(name.to_owned(), value);
        chunk.extend(more.map(|usage| ("usage".to_owned(), usage)));
        out.extend_from_slice(format!("data: {}\n\n", Value::Object(chunk)).as_bytes());
    };
    let Value::Array(choices) = choices else {
        return;
    };
    let mut ends = Vec::with_capacity(choices.len());
    for choice in choices {
        let Value::Object(mut choice) = choice else {
            continue;
        };
        let index = choice.get("index").cloned().unwrap_or_else(|| 0.into());
        let reason = choice.insert("finish_reason".to_owned(), Value::Null);
        let mut delta = choice.shift_remove("message").unwrap_or_default();
        number_calls(&mut delta);
        choice.insert("delta".to_owned(), delta);
        write("choices", json!([choice]), None);
        let reason = reason
            .filter(Value::is_string)
            .unwrap_or_else(|| "stop".into());
        ends.push(json!({"index": index, "delta": {}, "finish_reason": reason}));
    }
    for end in ends {
        write("choices", json!([end]), None);
    }
    if let Some(usage) = usage.filter(|usage| with_usage && usage.is_object()) {
        write("choices", json!([]), Some(usage));
    }
    out.extend_from_slice(b"data: [DONE]\n\n");
}

/// Numbers the calls of a message, as streams do.
fn number_calls(delta: &mut Value) {
    let calls = delta.get_mut("tool_calls").and_then(Value::as_array_mut);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        if let Some(call) = call.as_object_mut() {
            call.insert("index".to_owned(), index.into());
        }
    }
}
