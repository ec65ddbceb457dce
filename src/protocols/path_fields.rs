//! Fields of a request that its path states.

use super::RawObject;
use serde_json::Value;
use serde_json::value::RawValue;

/// Fields of a request that its path states, where other protocols have them in the body.
#[derive(Debug, Default)]
pub struct PathFields(Vec<(&'static str, Box<RawValue>)>);

impl PathFields {
    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        let text = value.into().to_string();
        self.0
            .extend(RawValue::from_string(text).ok().map(|raw| (name, raw)));
        self
    }

    /// Adds the fields to a body. They outrank fields of the same names in it.
    pub fn add_to<'a>(&'a self, object: &mut RawObject<'a>) {
        for (name, value) in &self.0 {
            object.push(name, value);
        }
    }
}
