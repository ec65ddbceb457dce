//! Fields of a chat request that only a server of this protocol reads: how long it keeps the model, and
//! how it loads it.

use crate::protocols::RawObject;
use crate::protocols::neutral::DroppedFields;
use serde_json::{Map, Value, json};

/// Adds these fields of the client's request to the body.
pub(super) fn carry(
    object: &RawObject<'_>,
    body: &mut Map<String, Value>,
    dropped: &mut DroppedFields,
) {
    if let Some(keep_alive) = object.read::<Value>("keep_alive") {
        body.insert("keep_alive".to_owned(), keep_alive);
        dropped.remove("keep_alive");
    }
    let mut options = object
        .read::<Map<String, Value>>("options")
        .unwrap_or_default();
    if let Some(context) = object.read::<u64>("num_ctx") {
        options.insert("num_ctx".to_owned(), context.into());
        dropped.remove("num_ctx");
    }
    if options.is_empty() {
        return;
    }
    dropped.remove("options");
    let all = body.entry("options").or_insert_with(|| json!({}));
    if let Value::Object(all) = all {
        for (name, value) in options {
            // What the protocol of the client states outranks it.
            all.entry(name).or_insert(value);
        }
    }
}
