//! Names of fields in requests. Clients write them in camelCase or in snake_case.

use crate::protocols::RawObject;
use crate::protocols::neutral::{ObjectReader, TranslationError};
use serde_json::{Map, Value};

/// Creates a reader of an object whose fields are read by their camelCase names.
pub(super) fn reader(
    value: Value,
    path: impl Into<String>,
) -> Result<ObjectReader, TranslationError> {
    let value = match value {
        Value::Object(fields) => Value::Object(camel_case(fields)),
        other => other,
    };
    ObjectReader::new(value, path)
}

/// Reads a field that holds an object.
pub(super) fn object(
    members: &mut ObjectReader,
    name: &str,
) -> Result<Option<ObjectReader>, TranslationError> {
    let path = members.at(name);
    let value = members.take(name);
    value.map(|value| reader(value, path)).transpose()
}

/// Reads a field of raw JSON under either name.
pub(super) fn raw<'a>(
    object: &RawObject<'a>,
    camel: &str,
    snake: &str,
) -> Option<&'a serde_json::value::RawValue> {
    let value = object.get(camel).or_else(|| object.get(snake))?;
    (value.get() != "null").then_some(value)
}

fn camel_case(fields: Map<String, Value>) -> Map<String, Value> {
    let renamed = fields.into_iter().map(|(name, value)| {
        let name = if name.trim_start_matches('_').contains('_') {
            camel(&name)
        } else {
            name
        };
        (name, value)
    });
    renamed.collect()
}

/// Returns a name in camelCase.
pub(super) fn camel(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut is_start = false;
    for letter in name.trim_start_matches('_').chars() {
        if letter == '_' {
            is_start = true;
        } else if std::mem::take(&mut is_start) {
            text.extend(letter.to_uppercase());
        } else {
            text.push(letter);
        }
    }
    text
}
