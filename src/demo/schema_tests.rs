use super::*;
use proptest::prelude::*;

/// Whether a value satisfies a schema, for the keywords that the strategy below uses.
fn satisfies(value: &Value, schema: &Value) -> bool {
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        return allowed.contains(value);
    }
    match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_i64().is_some_and(|number| {
            let above = schema["minimum"].as_i64().is_none_or(|low| low <= number);
            above && schema["maximum"].as_i64().is_none_or(|high| number <= high)
        }),
        Some("array") => value.as_array().is_some_and(|items| {
            let least = schema["minItems"].as_u64().unwrap_or(0);
            let is_long_enough = least <= items.len() as u64;
            is_long_enough && items.iter().all(|item| satisfies(item, &schema["items"]))
        }),
        _ => {
            let required = schema["required"].as_array();
            let required = required.expect("the strategy makes no other types");
            required.iter().all(|name| {
                let name = name.as_str().expect("a name");
                let property = &schema["properties"][name];
                value
                    .get(name)
                    .is_some_and(|member| satisfies(member, property))
            })
        }
    }
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "boolean"})),
        Just(json!({"enum": ["m", "ft", 3, null]})),
        (-5_i64..5, 0_i64..30).prop_map(
            |(low, span)| json!({"type": "integer", "minimum": low, "maximum": low + span})
        ),
        Just(json!({"type": "integer"})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let object =
            prop::collection::btree_map("[a-z]{1,6}", inner.clone(), 0..4).prop_map(|properties| {
                let required: Vec<&String> = properties.keys().collect();
                json!({"type": "object", "properties": properties, "required": required})
            });
        let array = (inner, 0_u64..3)
            .prop_map(|(items, least)| json!({"type": "array", "items": items, "minItems": least}));
        prop_oneof![object, array]
    })
}

proptest! {
    #[test]
    fn an_instance_satisfies_its_schema(schema in schemas(), seed in any::<u64>()) {
        let instance = instance(&schema, RequestRandom::new(seed, "test", 0));

        prop_assert!(satisfies(&instance, &schema), "{instance} for {schema}");
    }
}

fn made(schema: &Value) -> Value {
    instance(schema, RequestRandom::new(1, "test", 0))
}

#[test]
fn optional_members_are_omitted() {
    let schema = json!({
        "type": "object",
        "properties": {"harbor": {"type": "string"}, "unit": {"type": "string"}},
        "required": ["harbor"],
    });

    let keys: Vec<String> = made(&schema)
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();

    assert_eq!(keys, ["harbor"]);
}

#[test]
fn references_alternatives_and_all_of_are_resolved() {
    let schema = json!({
        "$defs": {"place": {"allOf": [
            {"properties": {"name": {"const": "Vell"}}, "required": ["name"]},
            {"properties": {"depth": {"type": ["null", "number"], "minimum": 2, "maximum": 3}},
             "required": ["depth"]},
        ]}},
        "properties": {
            "from": {"$ref": "#/$defs/place"},
            "at": {"anyOf": [{"type": "null"}, {"type": "STRING", "format": "date"}]},
            "pair": {"prefixItems": [{"const": 1}, {"const": 2}]},
        },
        "required": ["from", "at", "pair"],
    });

    assert_eq!(
        made(&schema),
        json!({
            "from": {"name": "Vell", "depth": 2.5},
            "at": "2026-03-14",
            "pair": [1, 2],
        })
    );
}

#[test]
fn lengths_and_bounds_hold() {
    let long = made(&json!({"type": "string", "minLength": 90, "maxLength": 95}));
    let short = made(&json!({"type": "string", "maxLength": 3}));
    let even = made(&json!({"type": "integer", "minimum": 7, "multipleOf": 4}));
    let below = made(&json!({"type": "integer", "exclusiveMaximum": -4}));

    assert!((90..=95).contains(&long.as_str().expect("a string").len()));
    assert_eq!(short.as_str().expect("a string").len(), 3);
    assert_eq!(even, 8);
    assert_eq!(below, -5);
}

#[test]
fn unbounded_recursive_types_end_in_null() {
    let list = json!({
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    });
    let bush = json!({
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}},
        "required": ["left", "right"],
    });
    let circle = json!({"$ref": "#"});

    assert!(made(&list).to_string().len() < 200);
    assert!(made(&bush).to_string().len() < 20_000);
    assert_eq!(made(&circle), Value::Null);
}

#[test]
fn arguments_are_always_an_object() {
    let random = RequestRandom::new(1, "test", 0);

    assert_eq!(arguments(&json!({"type": "string"}), random), json!({}));
    assert_eq!(arguments(&Value::Null, random), json!({}));
    assert_eq!(
        arguments(&json!({"type": "object", "properties": {}}), random),
        json!({})
    );
}
