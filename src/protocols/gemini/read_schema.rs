//! Reads a schema in Gemini's form of OpenAPI as JSON Schema.

use serde_json::{Map, Value, json};

/// Fields that hold one schema.
const SCHEMA_FIELDS: [&str; 3] = ["items", "additionalProperties", "not"];
/// Fields that hold a list of schemas.
const LIST_FIELDS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Fields that hold schemas by name.
const MAP_FIELDS: [&str; 4] = ["properties", "$defs", "defs", "definitions"];
/// Numbers that JSON writes as text, because they have 64 bits.
const NUMBER_FIELDS: [&str; 6] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
];

/// Returns the schema as JSON Schema: types in lower case, `nullable` as a type.
pub(super) fn json_schema(schema: Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema;
    };
    let mut is_nullable = false;
    let mut read = Map::new();
    for (name, value) in fields {
        let name = camel_name(name);
        let value = match (name.as_str(), value) {
            ("nullable", value) => {
                is_nullable = value == Value::Bool(true);
                continue;
            }
            // The order in which Gemini writes fields.
            ("propertyOrdering", _) => continue,
            ("type", Value::String(word)) if word == "TYPE_UNSPECIFIED" => continue,
            ("type", Value::String(word)) => word.to_lowercase().into(),
            (field, value) if SCHEMA_FIELDS.contains(&field) => json_schema(value),
            (field, Value::Array(list)) if LIST_FIELDS.contains(&field) => {
                list.into_iter().map(json_schema).collect()
            }
            (field, Value::Object(named)) if MAP_FIELDS.contains(&field) => named
                .into_iter()
                .map(|(name, schema)| (name, json_schema(schema)))
                .collect(),
            (field, Value::String(text)) if NUMBER_FIELDS.contains(&field) => text
                .parse::<u64>()
                .map_or_else(|_| Value::String(text), Value::from),
            (_, value) => value,
        };
        read.insert(name, value);
    }
    if is_nullable {
        match read.get_mut("type") {
            Some(Value::String(word)) => {
                let both = json!([word.as_str(), "null"]);
                read.insert("type".to_owned(), both);
            }
            _ => {
                if let Some(Value::Array(list)) = read.get_mut("anyOf") {
                    list.push(json!({"type": "null"}));
                }
            }
        }
        if let Some(Value::Array(values)) = read.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    Value::Object(read)
}

fn camel_name(name: String) -> String {
    match name.as_str() {
        "any_of" => "anyOf".to_owned(),
        "min_items" => "minItems".to_owned(),
        "max_items" => "maxItems".to_owned(),
        "min_length" => "minLength".to_owned(),
        "max_length" => "maxLength".to_owned(),
        "property_ordering" => "propertyOrdering".to_owned(),
        "additional_properties" => "additionalProperties".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openapi_becomes_json_schema() {
        let schema = json!({"type": "OBJECT", "propertyOrdering": ["type"], "required": ["type"],
        "properties": {
            "type": {"type": "STRING", "nullable": true, "enum": ["a"]},
            "list": {"type": "ARRAY", "minItems": "2", "items": {"any_of": [{"type": "INTEGER"}]}},
        }});

        let expected = json!({"type": "object", "required": ["type"], "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", null]},
            "list": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "integer"}]}},
        }});
        assert_eq!(json_schema(schema), expected);
    }
}
