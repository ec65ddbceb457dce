//! Items of stored responses: as a client sends them again, and as a client lists them.

use crate::protocols::RawObject;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Returns the input of a request as JSON texts of items.
pub(super) fn input_items(object: &RawObject<'_>) -> Vec<String> {
    if let Some(text) = object.read::<String>("input") {
        let message = json!({"type": "message", "role": "user", "content": text});
        return vec![message.to_string()];
    }
    let items = object.read::<Vec<&RawValue>>("input");
    let items = items.into_iter().flatten();
    items.map(|item| item.get().to_owned()).collect()
}

/// Returns the output of a response in the form in which a client sends it again. Ids and states have
/// a meaning only for the provider that stores them.
pub(super) fn output_items(response: &RawObject<'_>) -> Vec<String> {
    let items = response.read::<Vec<RawObject<'_>>>("output");
    let item = |item: RawObject<'_>| {
        let kind = item.read::<String>("type").unwrap_or_default();
        let text = match kind.as_str() {
            // Only its provider could find the text of this reasoning again.
            "reasoning" if !item.has("encrypted_content") => return None,
            "message" | "function_call" | "custom_tool_call" => {
                item.without(&["id", "status"], &[])
            }
            _ => item.without(&["status"], &[]),
        };
        String::from_utf8(text).ok()
    };
    items.into_iter().flatten().filter_map(item).collect()
}

/// Returns items with ids; those that have none are numbered.
pub(super) fn named(response: &str, items: &[String]) -> Vec<Value> {
    let item = |(index, text): (usize, &String)| {
        let mut item: Value = serde_json::from_str(text).ok()?;
        let fields = item.as_object_mut()?;
        fields.entry("type").or_insert_with(|| "message".into());
        let name = || format!("item_{index}_{response}").into();
        fields.entry("id").or_insert_with(name);
        Some(item)
    };
    items.iter().enumerate().filter_map(item).collect()
}

/// Encodes a page of items: up to `limit` of them, after the one with the id `after`.
pub(super) fn list(items: Vec<Value>, after: Option<&str>, limit: usize) -> Value {
    let start = after.and_then(|after| items.iter().position(|item| item["id"] == after));
    let start = start.map_or(0, |position| position + 1);
    let mut page: Vec<Value> = items.into_iter().skip(start).collect();
    let has_more = page.len() > limit;
    page.truncate(limit);
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    json!({
        "object": "list",
        "first_id": id(page.first()),
        "last_id": id(page.last()),
        "has_more": has_more,
        "data": page,
    })
}
