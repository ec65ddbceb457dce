//! Serde deserializer for request bodies and queries that collects every mistake of shape with its
//! path, value and expectation; `serde_json` ends at the first and names neither.
//!
//! A member with the value `null` counts as missing. A member that the shape does not name is a
//! mistake. After a mistake the shape gets a neutral value, so that reading goes on.

use crate::contract::FieldProblem;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;
use std::iter::Enumerate;
use std::{slice, vec};

/// Origin of the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldSource {
    /// A JSON object.
    Body,
    /// Parameters of a query: all values are texts, which numbers and flags are parsed from.
    Query,
}

/// Reads a shape; the error lists all mistakes.
pub(super) fn read_fields<T: DeserializeOwned>(
    fields: Map<String, Value>,
    source: FieldSource,
) -> Result<T, Vec<FieldProblem>> {
    let root = Value::Object(fields);
    let mut context = Context {
        source,
        mistakes: RefCell::default(),
        missing: Vec::new(),
    };
    loop {
        let result = T::deserialize(Field {
            context: &context,
            path: String::new(),
            value: &root,
        });
        let mistakes = context.mistakes.take();
        match result {
            Ok(shape) if mistakes.is_empty() => return Ok(shape),
            // The next pass presents it as `null`, so that its expected type becomes known.
            Err(ShapeError::MissingAt(path)) if !context.missing.contains(&path) => {
                context.missing.push(path);
            }
            Ok(_) | Err(_) => return Err(mistakes),
        }
    }
}

#[derive(Debug)]
struct Context {
    source: FieldSource,
    mistakes: RefCell<Vec<FieldProblem>>,
    /// Paths of required members that are missing.
    missing: Vec<String>,
}

/// Value of a required member that is missing.
static MISSING: Value = Value::Null;

/// One value with its path from the root, such as `providers.alpha.priority`.
#[derive(Debug)]
struct Field<'a> {
    context: &'a Context,
    path: String,
    value: &'a Value,
}

/// End of reading before all members were seen.
#[derive(Debug)]
enum ShapeError {
    /// A required member is missing from the object that is being read.
    MissingMember(&'static str),
    /// The same with its path.
    MissingAt(String),
    /// The value is outside of the range that its type accepts; holds what was expected.
    Unexpected(String),
    /// The mistake is in the list.
    Recorded,
}

impl Field<'_> {
    fn reject(&self, expected: &str) {
        let problem = FieldProblem::new(&self.path, self.value.clone(), expected);
        self.context.mistakes.borrow_mut().push(problem);
    }

    /// The value, or the neutral value after recording the mistake.
    fn or_reject<T: Default>(&self, value: Option<T>, expected: &str) -> T {
        value.unwrap_or_else(|| {
            self.reject(expected);
            T::default()
        })
    }

    /// The text of a query parameter that holds no text.
    fn parameter<T: std::str::FromStr>(&self) -> Option<T> {
        let is_query = self.context.source == FieldSource::Query;
        let text = self.value.as_str().filter(|_| is_query)?;
        text.trim().parse().ok()
    }

    fn member_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn located(&self, error: ShapeError) -> ShapeError {
        match error {
            ShapeError::MissingMember(name) => ShapeError::MissingAt(self.member_path(name)),
            ShapeError::Unexpected(expected) => {
                self.reject(&expected);
                ShapeError::Recorded
            }
            located @ (ShapeError::MissingAt(_) | ShapeError::Recorded) => located,
        }
    }

    /// Members of an object of which all names are known.
    fn named_members(&self, known: &[&'static str]) -> Vec<(&str, &Value)> {
        let object = self.value.as_object();
        if object.is_none() {
            self.reject("an object");
        }
        let mut members = Vec::new();
        for (name, value) in object.into_iter().flatten() {
            if !known.contains(&&**name) {
                self.reject_unknown(name, value, known);
            } else if !value.is_null() {
                members.push((&**name, value));
            }
        }
        for name in known {
            if self.context.missing.contains(&self.member_path(name)) {
                members.push((name, &MISSING));
            }
        }
        members
    }

    fn reject_unknown(&self, name: &str, value: &Value, known: &[&str]) {
        let expected = match known {
            [] => "absent: there are no fields here".to_owned(),
            [one] => format!("absent: the only field is {one}"),
            known => format!("absent: the fields are {}", known.join(", ")),
        };
        // The value `null` stands for a missing member in a problem, and this one is not missing.
        let value = match value {
            Value::Null => Value::from("null"),
            value => value.clone(),
        };
        let problem = FieldProblem::new(&self.member_path(name), value, &expected);
        self.context.mistakes.borrow_mut().push(problem);
    }
}

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(_) => {
                self.reject("a single value");
                Err(ShapeError::Recorded)
            }
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let flag = self.value.as_bool().or_else(|| self.parameter());
        visitor.visit_bool(self.or_reject(flag, "true or false"))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let number = self.value.as_f64().or_else(|| self.parameter());
        let number = number.filter(|number| number.is_finite());
        visitor.visit_f64(self.or_reject(number, "a number"))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let number = self.value.as_u64().or_else(|| self.parameter());
        visitor.visit_u64(self.or_reject(number, "a whole number from 0 up"))
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let number = self.value.as_i64().or_else(|| self.parameter());
        visitor.visit_i64(self.or_reject(number, "a whole number"))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let text = self.or_reject(self.value.as_str(), "a text");
        visitor.visit_str(text).map_err(|error| self.located(error))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        let text = self.value.as_str();
        let known = variants.iter().find(|known| text == Some(**known));
        if known.is_none() {
            self.reject(&format!("one of {}", variants.join(", ")));
        }
        match known.or(variants.first()) {
            Some(name) => {
                let name: de::value::StrDeserializer<'_, ShapeError> = name.into_deserializer();
                visitor.visit_enum(name)
            }
            None => Err(ShapeError::Recorded),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        let members = Members::new(&self, self.named_members(fields));
        visitor
            .visit_map(members)
            .map_err(|error| self.located(error))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let object = self.value.as_object();
        if object.is_none() {
            self.reject("an object");
        }
        let members = object.into_iter().flatten();
        let members = members.map(|(name, value)| (&**name, value)).collect();
        visitor
            .visit_map(Members::new(&self, members))
            .map_err(|error| self.located(error))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let list = self.value.as_array();
        if list.is_none() {
            self.reject("a list");
        }
        let items = list.map(Vec::as_slice).unwrap_or_default().iter();
        let items = Items {
            list: &self,
            rest: items.enumerate(),
        };
        visitor
            .visit_seq(items)
            .map_err(|error| self.located(error))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct tuple
        tuple_struct identifier ignored_any
    }
}

/// Items of one list.
struct Items<'a> {
    list: &'a Field<'a>,
    rest: Enumerate<slice::Iter<'a, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ShapeError> {
        let Some((place, value)) = self.rest.next() else {
            return Ok(None);
        };
        let item = Field {
            context: self.list.context,
            path: format!("{}[{place}]", self.list.path),
            value,
        };
        seed.deserialize(item).map(Some)
    }
}

/// Members of one object.
struct Members<'a> {
    object: &'a Field<'a>,
    rest: vec::IntoIter<(&'a str, &'a Value)>,
    next: Option<(&'a str, &'a Value)>,
}

impl<'a> Members<'a> {
    fn new(object: &'a Field<'a>, members: Vec<(&'a str, &'a Value)>) -> Self {
        Self {
            object,
            rest: members.into_iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ShapeError> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        let name: de::value::StrDeserializer<'_, ShapeError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ShapeError> {
        let (name, value) = self.next.take().unwrap_or(("", &MISSING));
        seed.deserialize(Field {
            context: self.object.context,
            path: self.object.member_path(name),
            value,
        })
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingMember(name) => write!(f, "{name} is missing"),
            Self::MissingAt(path) => write!(f, "{path} is missing"),
            Self::Unexpected(expected) => write!(f, "expected {expected}"),
            Self::Recorded => f.write_str("the shape has mistakes"),
        }
    }
}

impl std::error::Error for ShapeError {}

impl de::Error for ShapeError {
    fn custom<T: fmt::Display>(expected: T) -> Self {
        Self::Unexpected(expected.to_string())
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Unexpected(expected.to_string())
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Unexpected(expected.to_string())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::MissingMember(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ExternalLoadChange, SelectRequest, TokenRequest, WhatIfRequest};
    use serde_json::json;

    fn mistakes<T: DeserializeOwned>(body: &Value, source: FieldSource) -> Vec<String> {
        let fields = body.as_object().cloned().unwrap();
        let mistakes = read_fields::<T>(fields, source).err().unwrap_or_default();
        let text = |it: &FieldProblem| format!("{} {} {}", it.field, it.value, it.expected);
        mistakes.iter().map(text).collect()
    }

    #[test]
    fn every_mistake_of_shape_is_found_with_its_path() {
        let body = json!({
            "weights": {"cost": "much", "speed": 1},
            "window": "2h",
            "providers": {"alpha": {"priority": [], "weights": {"load": null}}, "beta": 5},
        });

        assert_eq!(
            mistakes::<WhatIfRequest>(&body, FieldSource::Body),
            [
                "weights.speed 1 absent: the fields are cost, latency, reliability, load, priority",
                "weights.cost \"much\" a number",
                "window \"2h\" one of 1m, 5m, 15m, 1h, 6h, 24h",
                "providers.alpha.priority [] a number",
                "providers.alpha.weights.load \"null\" \
                 absent: the fields are cost, latency, reliability",
                "providers.beta 5 an object",
            ]
        );
    }

    #[test]
    fn every_wrong_item_of_a_list_is_named() {
        let body = json!({"name": "app", "models": ["gpt-*", 5, null], "tags": "x"});

        assert_eq!(
            mistakes::<TokenRequest>(&body, FieldSource::Body),
            [
                "models[1] 5 a text",
                "models[2] null a text",
                "tags \"x\" a list"
            ]
        );
    }

    #[test]
    fn every_missing_member_is_named_with_its_type() {
        let body = json!({"action": null, "success": "yes"});

        assert_eq!(
            mistakes::<ExternalLoadChange>(&body, FieldSource::Body),
            [
                "success \"yes\" true or false",
                "provider null a text",
                "action null one of increment, decrement",
            ]
        );
    }

    #[test]
    fn texts_of_a_query_are_parsed_and_texts_of_a_body_are_not() {
        let fields = json!({"maxTokens": "5", "maxCost": "0.5", "stream": "true"});

        let read = |source| mistakes::<SelectRequest>(&fields, source).len();

        assert_eq!(read(FieldSource::Query), 0);
        assert_eq!(read(FieldSource::Body), 3);
    }

    #[test]
    fn null_is_the_same_as_missing() {
        let body = json!({"weights": null, "window": null});
        let fields = body.as_object().cloned().unwrap();

        let request: WhatIfRequest = read_fields(fields, FieldSource::Body).unwrap();

        assert_eq!(request.window, crate::contract::Window::Hour);
    }
}
