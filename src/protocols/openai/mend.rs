//! Edits of one chunk or response that would break a chat client. Nothing is added that the repair does
//! not need: some clients only ask whether a member is there.

use super::calls::FragmentTarget;
use serde_json::{Map, Value, json};

/// The repairs that one choice needs.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the repairs are independent of each other"
)]
pub(super) struct ChoiceRepair {
    pub role: bool,
    pub index: bool,
    /// The content stands under the other form's name.
    pub moved: bool,
    /// An answer without any content gets an empty one.
    pub empty: bool,
    /// The text of the content, where it is no text.
    pub content: Option<FlatContent>,
    pub reasoning: Option<String>,
    pub calls: Option<Vec<FragmentTarget>>,
    /// The corrected finish reason, or null.
    pub finish: Option<Value>,
}

/// A content that is a list or an object, as a chat client reads it.
#[derive(Debug, Default)]
pub(super) struct FlatContent {
    pub text: String,
    pub reasoning: String,
    pub images: Vec<Value>,
}

impl ChoiceRepair {
    pub fn is_needed(&self) -> bool {
        self.role
            || self.index
            || self.moved
            || self.empty
            || self.content.is_some()
            || self.reasoning.is_some()
            || self.calls.is_some()
            || self.finish.is_some()
    }
}

/// The name of a choice's content.
fn body_name(is_stream: bool) -> &'static str {
    if is_stream { "delta" } else { "message" }
}

/// Returns the object itself, or the first one of a list that stands in its place.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if let Value::Array(list) = value {
        let first = list.iter().position(Value::is_object)?;
        *value = list.swap_remove(first);
    }
    value.as_object_mut()
}

/// Returns the objects of a list, after what is none of them is removed. An object stands for a list of
/// one.
fn objects<'v>(
    members: &'v mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'v mut Map<String, Value>> + use<'v> {
    if let Some(value) = members.get_mut(name) {
        if value.is_object() {
            *value = Value::Array(vec![value.take()]);
        }
        if let Value::Array(list) = value {
            list.retain_mut(|one| object(one).is_some());
        }
    }
    let list = members.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Returns the choices of a chunk or response.
pub(super) fn choices(
    chunk: &mut Map<String, Value>,
) -> impl Iterator<Item = &mut Map<String, Value>> {
    objects(chunk, "choices")
}

/// Returns the index of a choice.
pub(super) fn index_of(choice: &Map<String, Value>) -> u64 {
    choice.get("index").and_then(Value::as_u64).unwrap_or(0)
}

/// Repairs a choice. `id` is the prefix of the ids of calls without one.
pub(super) fn repair_choice(
    choice: &mut Map<String, Value>,
    repair: ChoiceRepair,
    id: &str,
    is_stream: bool,
) {
    if repair.index {
        choice.insert("index".to_owned(), json!(0));
    }
    if let Some(word) = repair.finish {
        choice.insert("finish_reason".to_owned(), word);
    }
    let name = body_name(is_stream);
    if repair.moved
        && let Some(body) = choice.shift_remove(body_name(!is_stream))
    {
        choice.insert(name.to_owned(), body);
    }
    let Some(body) = choice.get_mut(name).and_then(object) else {
        return;
    };
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if repair.role {
        set("role", "assistant".into());
    }
    if repair.empty {
        set("content", "".into());
    }
    if let Some(reasoning) = repair.reasoning {
        set("reasoning_content", reasoning.into());
    }
    if let Some(flat) = repair.content {
        set("content", flat.text.into());
        if !flat.reasoning.is_empty() {
            set("reasoning_content", flat.reasoning.into());
        }
        if !flat.images.is_empty() {
            set("images", flat.images.into());
        }
    }
    if let Some(targets) = &repair.calls {
        for (target, call) in targets.iter().zip(objects(body, "tool_calls")) {
            repair_call(call, target, id, is_stream);
        }
    }
}

/// Sets the id, type and name of a call in its first fragment and removes them from others.
fn repair_call(call: &mut Map<String, Value>, target: &FragmentTarget, id: &str, is_stream: bool) {
    let is_empty = |call: &Map<String, Value>, name: &str| {
        let text = call.get(name).and_then(Value::as_str);
        text.is_none_or(str::is_empty)
    };
    if is_stream {
        call.insert("index".to_owned(), target.call.into());
    }
    if let Some(function) = call.get_mut("function").and_then(object) {
        as_text(function, "name");
        as_text(function, "arguments");
        if is_stream && !target.is_new {
            function.shift_remove("name");
        }
    }
    if target.is_new {
        as_text(call, "id");
        if is_empty(call, "type") {
            call.insert("type".to_owned(), "function".into());
        }
        if is_empty(call, "id") || target.repeats_id {
            let own = format!("call_{id}_{}", target.call);
            call.insert("id".to_owned(), own.into());
        }
    } else if is_stream {
        call.shift_remove("id");
        call.shift_remove("type");
    }
}

/// Makes a text of a member that is none.
fn as_text(members: &mut Map<String, Value>, name: &str) {
    if let Some(value) = members.get_mut(name)
        && !value.is_string()
        && !value.is_null()
    {
        *value = value.to_string().into();
    }
}

/// Removes the members that have another type than clients expect.
pub(super) fn remove_odd(chunk: &mut Map<String, Value>, is_stream: bool) {
    keep(chunk, &["model", "object"], Value::is_string);
    keep(chunk, &["usage"], Value::is_object);
    keep(chunk, &["choices"], |value| {
        value.is_array() || value.is_object()
    });
    for choice in choices(chunk) {
        keep(choice, &["index"], Value::is_u64);
        keep(choice, &["finish_reason"], Value::is_string);
        let Some(body) = choice.get_mut(body_name(is_stream)).and_then(object) else {
            continue;
        };
        let texts = ["role", "refusal", "content", "reasoning_content"];
        keep(body, &texts, Value::is_string);
        keep(body, &["annotations"], Value::is_array);
        keep(body, &["function_call"], Value::is_object);
        keep(body, &["tool_calls"], |value| {
            value.is_array() || value.as_object().is_some_and(|call| !call.is_empty())
        });
        for call in objects(body, "tool_calls") {
            keep(call, &["type"], Value::is_string);
            keep(call, &["function"], |value| {
                value.is_array() || value.is_object()
            });
        }
    }
}

fn keep(members: &mut Map<String, Value>, names: &[&str], is_right: fn(&Value) -> bool) {
    for name in names {
        let value = members.get(*name);
        if value.is_some_and(|value| !value.is_null() && !is_right(value)) {
            members.shift_remove(*name);
        }
    }
}

/// The members of every chunk. What else one has is an extension of the server.
const CHUNK_MEMBERS: [&str; 6] = ["id", "object", "created", "model", "choices", "usage"];

/// Adds the extensions of a chunk that the client does not get to one that it gets.
pub(super) fn add_extensions(from: Map<String, Value>, to: &mut Map<String, Value>) {
    for (name, value) in from {
        let is_free = to.get(&name).is_none_or(Value::is_null);
        if is_free && !value.is_null() && !CHUNK_MEMBERS.contains(&name.as_str()) {
            to.insert(name, value);
        }
    }
}

/// Moves the usage of a chunk into a new chunk without choices.
pub(super) fn split_usage(chunk: &mut Map<String, Value>) -> Value {
    let mut alone = Map::new();
    for name in ["id", "object", "created", "model", "system_fingerprint"] {
        if let Some(value) = chunk.get(name) {
            alone.insert(name.to_owned(), value.clone());
        }
    }
    alone.insert("choices".to_owned(), json!([]));
    let usage = chunk.shift_remove("usage").unwrap_or_default();
    alone.insert("usage".to_owned(), usage);
    Value::Object(alone)
}

/// Reads a chunk as an object.
pub(super) fn parse(json: &[u8]) -> Option<Map<String, Value>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    object(&mut value).map(std::mem::take)
}
