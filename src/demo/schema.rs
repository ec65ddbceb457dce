//! Generates JSON for a schema: the required members by their types, and no others. Patterns are
//! ignored, and schemas without a bound (a type that always contains itself) end in null.

use super::lorem;
use super::random::{DrawPurpose, RequestRandom};
use serde_json::{Map, Number, Value, json};

/// Depth up to which optional values are filled in; below, lists are as short as allowed and
/// alternatives null where they may be.
const DEPTH_FULL: u32 = 6;
/// Depth below which every value is null.
const MAX_DEPTH: u32 = 32;
/// Most values in one instance.
const MAX_VALUES: u32 = 500;

/// An instance of the schema; repeatable for the same schema and random source.
pub fn instance(schema: &Value, random: RequestRandom) -> Value {
    let mut builder = InstanceBuilder {
        root: schema,
        seed: random.identity(),
        count: 0,
    };
    builder.value(schema, 0)
}

/// An instance that is an object, as tool arguments are.
pub fn arguments(schema: &Value, random: RequestRandom) -> Value {
    match instance(schema, random) {
        Value::Object(members) => Value::Object(members),
        _ => json!({}),
    }
}

struct InstanceBuilder<'a> {
    root: &'a Value,
    seed: u64,
    count: u32,
}

impl<'a> InstanceBuilder<'a> {
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
            let index = self
                .next_random()
                .choice(DrawPurpose::Words, allowed.len() as u64);
            return allowed[usize::try_from(index).unwrap_or(0)].clone();
        }
        match kind(schema) {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, depth),
            Some("integer") => self.integer(schema),
            Some("number") => self.number(schema),
            Some("boolean") => self.next_random().happens(DrawPurpose::Words, 0.5).into(),
            Some("null") => Value::Null,
            Some(_) => self.string(schema),
            None => self.combination(schema, depth),
        }
    }

    /// The target of a reference within the schema.
    fn target(&self, schema: &Value) -> Option<&'a Value> {
        let reference = schema.get("$ref")?.as_str()?;
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// A value for a schema without a type: alternatives, combined schemas, or an empty schema.
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
        let mut merged = Map::new();
        for part in parts {
            match self.value(part, depth + 1) {
                Value::Object(members) => merged.extend(members),
                other => return other,
            }
        }
        merged.into()
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
        if let Some(items) = list(schema, "prefixItems") {
            let fill = |item| self.value(item, depth + 1);
            return items.iter().map(fill).collect();
        }
        let min = whole(schema, "minItems").unwrap_or(0);
        let preferred = i64::from(depth <= DEPTH_FULL);
        let max = whole(schema, "maxItems").unwrap_or(i64::from(MAX_VALUES));
        let Some(item) = schema.get("items") else {
            return json!([]);
        };
        (0..min.max(preferred).min(max).min(i64::from(MAX_VALUES)))
            .map(|_| self.value(item, depth + 1))
            .collect()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let min = whole(schema, "minimum")
            .or_else(|| whole(schema, "exclusiveMinimum").map(|bound| bound.saturating_add(1)));
        let max = whole(schema, "maximum")
            .or_else(|| whole(schema, "exclusiveMaximum").map(|bound| bound.saturating_sub(1)));
        let low = min.unwrap_or_else(|| max.map_or(1, |max| max.min(1)));
        let high = max.unwrap_or(i64::MAX).min(low.saturating_add(9));
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0) + 1;
        let step = i64::try_from(self.next_random().choice(DrawPurpose::Words, span)).unwrap_or(0);
        let value = low.saturating_add(step);
        match whole(schema, "multipleOf") {
            Some(unit) if 1 < unit => {
                // The first multiple at or above the minimum.
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
        let min = bound("minimum", "exclusiveMinimum");
        let max = bound("maximum", "exclusiveMaximum");
        let value = match (min, max) {
            (Some(low), Some(high)) => f64::midpoint(low, high),
            (Some(low), None) => low + 1.5,
            (None, Some(high)) => high - 1.5,
            (None, None) => {
                0.5 + (self.next_random().uniform(DrawPurpose::Words) * 40.0).floor() / 4.0
            }
        };
        Number::from_f64(value).map_or(Value::Null, Value::Number)
    }

    fn string(&mut self, schema: &Value) -> Value {
        let random = self.next_random();
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
        let min = usize::try_from(whole(schema, "minLength").unwrap_or(0)).unwrap_or(0);
        let max = whole(schema, "maxLength").and_then(|max| usize::try_from(max).ok());
        let offset = random.choice(DrawPurpose::Words, 1 << 20);
        let mut text = lorem::words(offset, 0, 2);
        while text.len() < min.min(10_000) {
            text.push(' ');
            text.push_str(&lorem::words(offset, 0, 8));
        }
        // The words are ASCII, so every offset is a character boundary.
        text.truncate(max.unwrap_or(text.len()).max(min.min(text.len())));
        text.into()
    }

    /// A different random source for every value.
    fn next_random(&self) -> RequestRandom {
        RequestRandom::new(self.seed, "schema", u64::from(self.count))
    }
}

/// The type, the first that is not null if there are several. Some clients write it in capitals.
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

/// An integer. Some clients write it as text.
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
