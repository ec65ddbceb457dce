//! Changes JSON schemas to what a target accepts.

use super::limits::SchemaRule;
use serde_json::{Map, Value, json};

/// Keywords whose value is a schema, or a list of schemas.
const SCHEMAS: [&str; 14] = [
    "items",
    "prefixItems",
    "additionalProperties",
    "additionalItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "anyOf",
    "oneOf",
    "allOf",
    "unevaluatedProperties",
];

/// Keywords whose value is an object of schemas by name.
const NAMED_SCHEMAS: [&str; 5] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "$defs",
    "definitions",
];

/// Keywords that a plain root may not have, beside the alternatives.
const ROOT_KEYWORDS: [&str; 3] = ["enum", "const", "not"];

/// Applies a rule to the schema of a tool's arguments; `None` is a tool without arguments.
pub(super) fn arguments(rule: SchemaRule, schema: Option<Value>) -> Option<Value> {
    let mut schema = match schema {
        Some(Value::Object(members)) => Value::Object(members),
        // What is no object says nothing.
        Some(_) | None if rule.plain_root => json!({}),
        other => return other,
    };
    apply(rule, &mut schema);
    Some(schema)
}

/// Applies a rule to a schema.
pub(super) fn apply(rule: SchemaRule, schema: &mut Value) {
    if let (true, Value::Object(members)) = (rule.plain_root, &mut *schema) {
        plain_root(members);
    }
    let refuses = !(rule.refused.is_empty() && rule.refused_values.is_empty());
    if rule.needs_items || rule.closed_objects || refuses {
        walk(rule, schema);
    }
}

/// Makes the root an object with `properties`. Alternatives there are joined: each property of any
/// of them is possible, and only those are required that all require.
fn plain_root(members: &mut Map<String, Value>) {
    for keyword in ROOT_KEYWORDS {
        members.shift_remove(keyword);
    }
    let mut properties = match members.shift_remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let Some(Value::Array(list)) = members.shift_remove(keyword) else {
            continue;
        };
        for alternative in list {
            let Value::Object(mut alternative) = alternative else {
                continue;
            };
            if let Some(Value::Object(more)) = alternative.shift_remove("properties") {
                for (name, value) in more {
                    properties.entry(name).or_insert(value);
                }
            }
            if keyword == "allOf"
                && let Some(Value::Array(more)) = alternative.shift_remove("required")
                && let Value::Array(required) =
                    members.entry("required").or_insert_with(|| json!([]))
            {
                required.extend(more);
            }
        }
    }
    members.insert("type".to_owned(), "object".into());
    members.insert("properties".to_owned(), properties.into());
}

fn walk(rule: SchemaRule, schema: &mut Value) {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(list) => {
            for schema in list {
                walk(rule, schema);
            }
            return;
        }
        _ => return,
    };
    refuse(rule, members);
    refuse_values(rule, members);
    if rule.needs_items && is_of(members, "array") && !members.contains_key("prefixItems") {
        members.entry("items").or_insert_with(|| json!({}));
    }
    if rule.closed_objects {
        if let Some(alternatives) = members.shift_remove("oneOf") {
            members.insert("anyOf".to_owned(), alternatives);
        }
        if is_of(members, "object") || members.contains_key("properties") {
            members.insert("additionalProperties".to_owned(), false.into());
        }
    }
    for (keyword, value) in members.iter_mut() {
        if SCHEMAS.contains(&keyword.as_str()) {
            walk(rule, value);
        } else if NAMED_SCHEMAS.contains(&keyword.as_str()) {
            let named = value.as_object_mut();
            for schema in named.into_iter().flat_map(Map::values_mut) {
                walk(rule, schema);
            }
        }
    }
}

/// Removes refused texts from an `enum`, and an `enum` that has no other value.
fn refuse_values(rule: SchemaRule, members: &mut Map<String, Value>) {
    let Some(Value::Array(values)) = members.get_mut("enum") else {
        return;
    };
    let before = values.len();
    let is_refused = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| rule.refused_values.contains(&text))
    };
    values.retain(|value| !is_refused(value));
    if before > 0 && values.is_empty() {
        members.shift_remove("enum");
    }
}

/// Moves keywords that are refused to the description.
fn refuse(rule: SchemaRule, members: &mut Map<String, Value>) {
    let mut notes = Vec::new();
    for keyword in rule.refused {
        // One item at least, or none, is accepted everywhere.
        let is_accepted =
            |value: &Value| *keyword == "minItems" && value.as_u64().is_some_and(|count| count < 2);
        if members
            .get(*keyword)
            .is_some_and(|value| !is_accepted(value))
            && let Some(value) = members.shift_remove(*keyword)
        {
            notes.push(format!("{keyword}: {value}"));
        }
    }
    if notes.is_empty() {
        return;
    }
    let note = format!("{{{}}}", notes.join(", "));
    let description = match members.get("description").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => format!("{text}\n\n{note}"),
        _ => note,
    };
    members.insert("description".to_owned(), description.into());
}

fn is_of(members: &Map<String, Value>, kind: &str) -> bool {
    match members.get("type") {
        Some(Value::String(word)) => word == kind,
        Some(Value::Array(words)) => words.iter().any(|word| word == kind),
        _ => false,
    }
}

/// Checks whether every object of a schema is closed and requires all of its properties, as strict
/// functions must.
pub(super) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(list) => list.iter().all(is_strict),
        Value::Object(members) => {
            let own = members.get("properties").and_then(Value::as_object);
            let is_closed = members.get("additionalProperties") == Some(&Value::Bool(false));
            let required = members.get("required").and_then(Value::as_array);
            let required: std::collections::HashSet<&str> = required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let all = |properties: &Map<String, Value>| {
                properties
                    .keys()
                    .all(|name| required.contains(name.as_str()))
            };
            own.is_none_or(|properties| is_closed && all(properties))
                && members.iter().all(|(keyword, value)| {
                    if NAMED_SCHEMAS.contains(&keyword.as_str()) {
                        let named = value.as_object();
                        named.into_iter().flat_map(Map::values).all(is_strict)
                    } else {
                        !SCHEMAS.contains(&keyword.as_str()) || is_strict(value)
                    }
                })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: SchemaRule = SchemaRule {
        plain_root: false,
        needs_items: false,
        closed_objects: true,
        refused: &["minimum", "minItems"],
        refused_values: &[""],
    };
    const PLAIN: SchemaRule = SchemaRule {
        plain_root: true,
        needs_items: true,
        closed_objects: false,
        refused: &[],
        refused_values: &[],
    };

    #[test]
    fn objects_are_closed_and_bounds_become_words() {
        let mut schema = json!({
            "type": "object",
            "additionalProperties": {"type": "string"},
            "properties": {
                "minimum": {"type": "integer", "minimum": 1, "description": "Lowest tide."},
                "gauges": {"type": "array", "minItems": 2, "items": {
                    "oneOf": [{"type": ["object", "null"]}, {"$ref": "#/$defs/gauge"}],
                }},
                "names": {"type": "array", "minItems": 1},
            },
            "$defs": {"gauge": {"properties": {"id": {"type": "string"}}}},
        });
        apply(STRICT, &mut schema);

        let expected = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "minimum": {"type": "integer", "description": "Lowest tide.\n\n{minimum: 1}"},
                "gauges": {"type": "array", "description": "{minItems: 2}", "items": {
                    "anyOf": [
                        {"type": ["object", "null"], "additionalProperties": false},
                        {"$ref": "#/$defs/gauge"},
                    ],
                }},
                "names": {"type": "array", "minItems": 1},
            },
            "$defs": {"gauge": {
                "properties": {"id": {"type": "string"}},
                "additionalProperties": false,
            }},
        });
        assert_eq!(schema, expected);
    }

    #[test]
    fn a_root_becomes_one_object_with_properties() {
        let empty = json!({"type": "object", "properties": {}});
        for schema in [
            None,
            Some(json!(null)),
            Some(json!({})),
            Some(json!({"type": "object"})),
        ] {
            assert_eq!(arguments(PLAIN, schema), Some(empty.clone()));
        }
        let alternatives = json!({
            "anyOf": [
                {"properties": {"gauge": {"type": "array"}}, "required": ["gauge"]},
                {"properties": {"pier": {"type": "string"}}, "required": ["pier"]},
            ],
            "allOf": [{"properties": {"unit": {}}, "required": ["unit"]}],
        });
        let joined = json!({
            "required": ["unit"],
            "type": "object",
            "properties": {
                "gauge": {"type": "array", "items": {}},
                "pier": {"type": "string"},
                "unit": {},
            },
        });
        assert_eq!(arguments(PLAIN, Some(alternatives)), Some(joined));
    }

    #[test]
    fn a_strict_schema_closes_every_object_and_requires_every_property() {
        let strict = json!({"type": "object", "properties": {"a": {}}, "required": ["a"],
            "additionalProperties": false});
        let open = json!({"type": "object", "properties": {"a": {}}, "required": ["a"]});
        let mut optional = strict.clone();
        optional["required"] = json!([]);
        assert!(is_strict(&strict));
        assert!(!is_strict(&open) && !is_strict(&optional));
        assert!(!is_strict(&json!({"items": open})));
    }
}
