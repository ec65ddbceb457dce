//! A whole response as a stream, and a stream as a whole response, with everything that is in it.

use super::events::ResponseEvents;
use crate::protocols::stream_event::lines;
use crate::protocols::{ResponseFault, UpstreamError};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Folds a complete stream: its last event holds the whole response.
pub(super) fn fold(stream: &[u8]) -> Result<Bytes, UpstreamError> {
    let data = lines(stream).filter_map(|line| line.strip_prefix(b"data:"));
    let events = data.filter_map(|json| serde_json::from_slice::<Value>(json).ok());
    let mut done = Vec::new();
    let mut last = None;
    for event in events {
        let Value::Object(mut event) = event else {
            continue;
        };
        let is_done = |kind: &Value| kind == "response.output_item.done";
        if event.get("type").is_some_and(is_done) {
            done.extend(event.shift_remove("item"));
        } else if let Some(Value::Object(response)) = event.shift_remove("response") {
            last = Some(response);
        }
    }
    let mut response = last.ok_or(ResponseFault::NoOutput)?;
    // Some servers leave the output out of the last event.
    let output = response.get("output").and_then(Value::as_array);
    if output.is_none_or(Vec::is_empty) {
        response.insert("output".to_owned(), done.into());
    }
    Ok(Value::Object(response).to_string().into())
}

/// Returns the response of a list with nothing else.
pub(super) fn unlisted(body: &[u8]) -> Result<Bytes, UpstreamError> {
    let list: Vec<Value> = serde_json::from_slice(body).map_err(|_| ResponseFault::NotJson)?;
    let response = list.into_iter().find(Value::is_object);
    let response = response.ok_or(ResponseFault::NoOutput)?;
    Ok(response.to_string().into())
}

/// Writes a whole response as a stream.
pub(super) fn unfold(whole: &[u8], out: &mut BytesMut) {
    let response: Value = serde_json::from_slice(whole).unwrap_or_default();
    if !response.is_object() {
        return;
    }
    let mut events = ResponseEvents::default();
    let mut begun = response.clone();
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    for kind in ["response.created", "response.in_progress"] {
        events.write(kind, json!({"response": begun}), out);
    }
    let items = response["output"].as_array();
    for (index, item) in items.into_iter().flatten().enumerate() {
        write_item(&mut events, index, item, out);
    }
    let status = match response["status"].as_str() {
        Some("incomplete") => "incomplete",
        _ => "completed",
    };
    let kind = format!("response.{status}");
    events.write(&kind, json!({"response": response}), out);
}

fn write_item(events: &mut ResponseEvents, index: usize, item: &Value, out: &mut BytesMut) {
    let place = |more: Value| {
        let mut body = json!({"item_id": item["id"], "output_index": index});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    };
    let mut begun = item.clone();
    if let Some(members) = begun.as_object_mut() {
        let empty = [
            ("content", json!([])),
            ("arguments", "".into()),
            ("input", "".into()),
        ];
        for (name, value) in empty {
            if members.contains_key(name) {
                members.insert(name.to_owned(), value);
            }
        }
    }
    let added = json!({"output_index": index, "item": begun});
    events.write("response.output_item.added", added, out);
    let parts = item["content"]
        .as_array()
        .filter(|_| item["type"] == "message");
    for (number, part) in parts.into_iter().flatten().enumerate() {
        let at = |name: &str, value: Value| place(json!({"content_index": number, name: value}));
        events.write(
            "response.content_part.added",
            at("part", emptied(part)),
            out,
        );
        let (kind, member) = match part["type"].as_str() {
            Some("refusal") => ("refusal", "refusal"),
            _ => ("output_text", "text"),
        };
        let delta = format!("response.{kind}.delta");
        events.write(&delta, at("delta", part[member].clone()), out);
        let done = format!("response.{kind}.done");
        events.write(&done, at(member, part[member].clone()), out);
        events.write("response.content_part.done", at("part", part.clone()), out);
    }
    for (kind, member) in [
        ("function_call_arguments", "arguments"),
        ("custom_tool_call_input", "input"),
    ] {
        if item[member].is_string() {
            let delta = format!("response.{kind}.delta");
            events.write(&delta, place(json!({"delta": item[member]})), out);
            let done = format!("response.{kind}.done");
            events.write(&done, place(json!({member: item[member]})), out);
        }
    }
    let done = json!({"output_index": index, "item": item});
    events.write("response.output_item.done", done, out);
}

/// Makes a part at its start.
fn emptied(part: &Value) -> Value {
    let mut part = part.clone();
    for name in ["text", "refusal"] {
        if part[name].is_string() {
            part[name] = "".into();
        }
    }
    part
}
