//! JSON THAT SATISFIES A SCHEMA: the members it requires, by their types, and no others. Patterns
//! are not followed, and what is asked for beyond all bounds (a type that contains itself without
//! end) is cut off with null.

use super::lorem;
use super::random::{DrawPurpose, RequestRandom};
use serde_json::{Map, Number, Value, json};

/// How deep optional things are filled in; below, lists are as short and alternatives as empty as
/// they may be.
const DEPTH_FULL: u32 = 6;
/// How deep anything is filled in.
const MAX_DEPTH: u32 = 32;
/// How many values one instance has at most.
const MAX_VALUES: u32 = 500;

/// An instance of the schema. The same schema and luck give the same one.
pub fn instance(schema: &Value, luck: RequestRandom) -> Value {
    let mut filling = Filling {
        root: schema,
        seed: luck.identity(),
        count: 0,
    };
    filling.value(schema, 0)
}

/// An instance that is an object, as the arguments of a tool are.
pub fn arguments(schema: &Value, luck: RequestRandom) -> Value {
    match instance(schema, luck) {
        Value::Object(members) => Value::Object(members),
        _ => json!({}),
    }
}

struct Filling<'a> {
    root: &'a Value,
    seed: u64,
    count: u32,
}

impl<'a> Filling<'a> {
    fn value(&mut self, schema: &'a Value, depth: u32) -> Value {
        self.count += 1;
        if MAX_DEPTH < depth || MAX_VALUES < self.count {
            return Value::Null;
        }
        if let Some(target) = self.target(schema) {
            return self.value(target, depth + 1);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(allowed) = list(schema, "enum") {
            let index = self.luck().choice(DrawPurpose::Words, allowed.len() as u64);
            return allowed[usize::try_from(index).unwrap_or(0)].clone();
        }
        match kind(schema) {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, depth),
            Some("integer") => self.integer(schema),
            Some("number") => self.number(schema),
            Some("boolean") => self.luck().happens(DrawPurpose::Words, 0.5).into(),
            Some("null") => Value::Null,
            Some(_) => self.string(schema),
            None => self.combination(schema, depth),
        }
    }

    /// What a reference within the schema leads to.
    fn target(&self, schema: &Value) -> Option<&'a Value> {
        let reference = schema.get("$ref")?.as_str()?;
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// A schema without a type: alternatives, a sum of schemas, or nothing that is said at all.
    fn combination(&mut self, schema: &'a Value, depth: u32) -> Value {
        if let Some(variants) = list(schema, "anyOf").or_else(|| list(schema, "oneOf")) {
            let is_null = |variant: &&Value| kind(variant) == Some("null");
            let null = variants.iter().find(is_null);
            if DEPTH_FULL < depth && null.is_some() {
                return Value::Null;
            }
            let chosen = variants.iter().find(|variant| !is_null(variant));
            return chosen.map_or(Value::Null, |variant| self.value(variant, depth + 1));
        }
        let Some(parts) = list(schema, "allOf") else {
            return self.string(schema);
        };
        let mut sum = Map::new();
        for part in parts {
            match self.value(part, depth + 1) {
                Value::Object(members) => sum.extend(members),
                other => return other,
            }
        }
        sum.into()
    }

    fn object(&mut self, schema: &'a Value, depth: u32) -> Value {
        static ANYTHING: Value = Value::Bool(true);
        let mut members = Map::new();
        for name in list(schema, "required").unwrap_or_default() {
            let Some(name) = name.as_str() else { continue };
            let property = schema.get("properties").and_then(|all| all.get(name));
            let value = self.value(property.unwrap_or(&ANYTHING), depth + 1);
            members.insert(name.to_owned(), value);
        }
        members.into()
    }

    fn array(&mut self, schema: &'a Value, depth: u32) -> Value {
        if let Some(places) = list(schema, "prefixItems") {
            let fill = |place| self.value(place, depth + 1);
            return places.iter().map(fill).collect();
        }
        let least = whole(schema, "minItems").unwrap_or(0);
        let usual = i64::from(depth <= DEPTH_FULL);
        let most = whole(schema, "maxItems").unwrap_or(i64::from(MAX_VALUES));
        let Some(item) = schema.get("items") else {
            return json!([]);
        };
        (0..least.max(usual).min(most).min(i64::from(MAX_VALUES)))
            .map(|_| self.value(item, depth + 1))
            .collect()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let least = whole(schema, "minimum")
            .or_else(|| whole(schema, "exclusiveMinimum").map(|bound| bound.saturating_add(1)));
        let most = whole(schema, "maximum")
            .or_else(|| whole(schema, "exclusiveMaximum").map(|bound| bound.saturating_sub(1)));
        let low = least.unwrap_or_else(|| most.map_or(1, |most| most.min(1)));
        let high = most.unwrap_or(i64::MAX).min(low.saturating_add(9));
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0) + 1;
        let step = i64::try_from(self.luck().choice(DrawPurpose::Words, span)).unwrap_or(0);
        let value = low.saturating_add(step);
        match whole(schema, "multipleOf") {
            Some(unit) if 1 < unit => {
                // The first multiple at or above the least.
                let rest = low.rem_euclid(unit);
                if rest == 0 {
                    low
                } else {
                    low.saturating_add(unit - rest)
                }
                .into()
            }
            _ => value.into(),
        }
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |one, other| real(schema, one).or_else(|| real(schema, other));
        let least = bound("minimum", "exclusiveMinimum");
        let most = bound("maximum", "exclusiveMaximum");
        let value = match (least, most) {
            (Some(low), Some(high)) => f64::midpoint(low, high),
            (Some(low), None) => low + 1.5,
            (None, Some(high)) => high - 1.5,
            (None, None) => 0.5 + (self.luck().uniform(DrawPurpose::Words) * 40.0).floor() / 4.0,
        };
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn string(&mut self, schema: &Value) -> Value {
        let luck = self.luck();
        let fixed = match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => "2026-03-14T09:26:53Z",
            Some("date") => "2026-03-14",
            Some("time") => "09:26:53Z",
            Some("duration") => "PT15M",
            Some("email") => "lorem@example.com",
            Some("uri" | "url") => "https://example.com/lorem",
            Some("hostname") => "example.com",
            Some("ipv4") => "192.0.2.7",
            Some("ipv6") => "2001:db8::7",
            Some("uuid") => "0b6f4d5c-3a8e-4f0e-9d57-2f1c6f0f7a11",
            _ => "",
        };
        if !fixed.is_empty() {
            return fixed.into();
        }
        let least = usize::try_from(whole(schema, "minLength").unwrap_or(0)).unwrap_or(0);
        let most = whole(schema, "maxLength").and_then(|most| usize::try_from(most).ok());
        let offset = luck.choice(DrawPurpose::Words, 1 << 20);
        let mut text = lorem::words(offset, 0, 2);
        while text.len() < least.min(10_000) {
            text.push(' ');
            text.push_str(&lorem::words(offset, 0, 8));
        }
        // The words are ASCII, so that every place is a border.
        text.truncate(most.unwrap_or(text.len()).max(least.min(text.len())));
        text.into()
    }

    /// Another luck for every value.
    fn luck(&self) -> RequestRandom {
        RequestRandom::of(self.seed, "schema", u64::from(self.count))
    }
}

/// The type, the first that is not null where there are several; some write it in capitals.
fn kind(schema: &Value) -> Option<&'static str> {
    const KINDS: [&str; 7] = [
        "object", "array", "integer", "number", "boolean", "null", "string",
    ];
    let known = |word: &Value| {
        let word = word.as_str()?;
        KINDS
            .into_iter()
            .find(|kind| word.eq_ignore_ascii_case(kind))
    };
    match schema.get("type") {
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(known);
            kinds.find(|kind| *kind != "null").or(Some("null"))
        }
        Some(word) => known(word),
        None if schema.get("properties").is_some() => Some("object"),
        None if schema.get("items").is_some() => Some("array"),
        None if schema.get("prefixItems").is_some() => Some("array"),
        None => None,
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> Option<&'a [Value]> {
    let list = schema.get(name)?.as_array()?;
    (!list.is_empty()).then_some(list.as_slice())
}

/// A whole number; some write it as text.
fn whole(schema: &Value, name: &str) -> Option<i64> {
    let value = schema.get(name)?;
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

fn real(schema: &Value, name: &str) -> Option<f64> {
    schema.get(name)?.as_f64()
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
