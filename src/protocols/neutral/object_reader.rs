//! Reads a JSON object field by field. An error names the field's path, and unread fields are known
//! at the end.

use crate::protocols::whole_number::whole;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;

/// A request that is invalid, or that another protocol cannot represent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TranslationError {
    /// Path of the invalid field, for example `messages[2].content`.
    pub param: Option<String>,
    /// Sentence for the client; begins with the path where there is one.
    pub message: String,
    /// True if only this target cannot handle the request.
    pub is_target_specific: bool,
}

impl TranslationError {
    /// Creates an error of the request itself. The message continues a sentence that begins with
    /// `param`.
    pub fn new(param: impl Into<String>, message: impl fmt::Display) -> Self {
        let param = shortened(param.into(), MAX_NAME_CHARS);
        Self {
            message: shortened(format!("{param} {message}"), MAX_MESSAGE_CHARS),
            param: Some(param),
            is_target_specific: false,
        }
    }

    /// Returns the code that clients know such an error by.
    pub fn code(&self) -> Option<&'static str> {
        let is_previous = self.param.as_deref() == Some("previous_response_id");
        is_previous.then_some("previous_response_not_found")
    }

    /// Creates an error for a request that this target's protocol cannot represent; another target
    /// may.
    pub fn untranslatable(param: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            is_target_specific: true,
            ..Self::new(param, message)
        }
    }
}

/// Most characters of an error's sentence, which may quote the client.
const MAX_MESSAGE_CHARS: usize = 300;

/// Most names of dropped fields that are kept; further ones are only counted.
const MAX_DROPPED_NAMES: usize = 256;

/// Most characters of a dropped field's name, which may be the client's own.
const MAX_NAME_CHARS: usize = 120;

/// Cuts a text that is too long.
fn shortened(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Names of the fields that a translation could not carry over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DroppedFields {
    names: Vec<String>,
    known: HashSet<String>,
    unnamed: usize,
}

impl DroppedFields {
    /// Adds a field's name, once.
    pub fn add(&mut self, name: impl Into<String>) {
        let name = shortened(name.into(), MAX_NAME_CHARS);
        if self.known.contains(&name) {
            return;
        }
        if self.names.len() == MAX_DROPPED_NAMES {
            self.unnamed += 1;
            return;
        }
        self.known.insert(name.clone());
        self.names.push(name);
    }

    /// Adds the name if the field was present.
    pub fn add_if(&mut self, is_present: bool, name: &str) {
        if is_present {
            self.add(name);
        }
    }

    /// Takes back a name: its field was carried over after all.
    pub fn remove(&mut self, name: &str) {
        self.names.retain(|dropped| dropped != name);
    }

    /// Returns the names in the order in which the fields were dropped, at most 256 of them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Names the fields as a client does: `member` gives its name of a field that another protocol
    /// has under the given name.
    pub fn rename(&mut self, member: impl Fn(&str) -> Option<&'static str>) {
        for name in &mut self.names {
            let end = name.find(['[', '.']).unwrap_or(name.len());
            if let Some(own) = member(&name[..end]) {
                name.replace_range(..end, own);
            }
        }
    }

    /// Removes and returns the first names.
    pub fn take_names(&mut self, most: usize) -> Vec<String> {
        let mut names = std::mem::take(&mut self.names);
        names.truncate(most);
        names
    }

    /// Returns the number of dropped fields.
    pub fn count(&self) -> usize {
        self.names.len() + self.unnamed
    }
}

/// The fields of one object that were not read yet.
#[derive(Debug)]
pub struct ObjectReader {
    path: String,
    map: Map<String, Value>,
}

impl ObjectReader {
    /// Creates a reader of an object. `path` is the object's path, empty for the whole body.
    pub fn new(value: Value, path: impl Into<String>) -> Result<Self, TranslationError> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            other => Err(TranslationError::new(
                path,
                format!("is {}, but must be an object", kind(&other)),
            )),
        }
    }

    /// Returns the path of a field.
    pub fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Checks whether the field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Returns the field without removing it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// Removes and returns the field, unless it is missing or null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name).filter(|value| !value.is_null())
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, TranslationError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, &other, "a text")),
        }
    }

    pub fn required_text(&mut self, name: &str) -> Result<String, TranslationError> {
        self.text(name)?
            .ok_or_else(|| TranslationError::new(self.at(name), "is missing; it must be a text"))
    }

    pub fn number(&mut self, name: &str) -> Result<Option<f64>, TranslationError> {
        self.convert(name, Value::as_f64, "a number")
    }

    pub fn count(&mut self, name: &str) -> Result<Option<u64>, TranslationError> {
        self.convert(name, count, "a whole number, not negative")
    }

    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, TranslationError> {
        self.convert(name, integer, "a whole number")
    }

    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, TranslationError> {
        self.convert(name, Value::as_bool, "true or false")
    }

    pub fn list(&mut self, name: &str) -> Result<Vec<Value>, TranslationError> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(other) => Err(self.wrong(name, &other, "a list")),
        }
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Self>, TranslationError> {
        let path = self.at(name);
        self.take(name)
            .map(|value| Self::new(value, path))
            .transpose()
    }

    fn convert<T>(
        &mut self,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, TranslationError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.wrong(name, &value, expected)),
            },
        }
    }

    fn wrong(&self, name: &str, value: &Value, expected: &str) -> TranslationError {
        TranslationError::new(
            self.at(name),
            format!("is {}, but must be {expected}", kind(value)),
        )
    }

    /// Records the fields that were not read and are not null as dropped.
    pub fn drop_unread(self, dropped: &mut DroppedFields) {
        for (name, value) in &self.map {
            if !value.is_null() {
                dropped.add(self.at(name));
            }
        }
    }
}

fn count(value: &Value) -> Option<u64> {
    u64::try_from(whole(value)?).ok()
}

fn integer(value: &Value) -> Option<i64> {
    i64::try_from(whole(value)?).ok()
}

/// Names the type of a value without showing it, because it may be a prompt.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_names_the_field_and_hides_its_value() {
        let mut members = ObjectReader::new(json!({"content": 7}), "messages[1]").unwrap();
        let error = members.text("content").unwrap_err();

        assert_eq!(error.param.as_deref(), Some("messages[1].content"));
        assert_eq!(
            error.message,
            "messages[1].content is a number, but must be a text"
        );
    }

    #[test]
    fn a_whole_number_may_have_a_point() {
        let value = json!({"seed": -2.0, "n": 3.0, "k": 1e3, "top_k": -1.0, "half": 0.5});
        let mut members = ObjectReader::new(value, "").unwrap();
        assert_eq!(members.integer("seed"), Ok(Some(-2)));
        assert_eq!(members.count("n"), Ok(Some(3)));
        assert_eq!(members.count("k"), Ok(Some(1_000)));
        assert!(members.count("top_k").is_err());
        assert!(members.integer("half").is_err());
    }

    #[test]
    fn many_dropped_fields_are_counted_and_the_first_are_named() {
        let mut dropped = DroppedFields::default();
        dropped.add("stop[4]");
        dropped.rename(|name| (name == "stop").then_some("stop_sequences"));
        assert_eq!(dropped.take_names(1), ["stop_sequences[4]"]);

        let mut dropped = DroppedFields::default();
        for field in 0..100_000 {
            dropped.add(format!("tools[{field}].cache_control"));
            dropped.add("tools[0].cache_control");
        }
        assert_eq!(dropped.names().len(), 256);
        assert_eq!(dropped.count(), 100_000);
    }

    #[test]
    fn unread_fields_are_dropped_by_name() {
        let mut members =
            ObjectReader::new(json!({"seed": 1, "store": true, "logprobs": null}), "").unwrap();
        members.integer("seed").unwrap();
        let mut dropped = DroppedFields::default();
        members.drop_unread(&mut dropped);

        assert_eq!(dropped.names(), ["store"]);
    }
}
