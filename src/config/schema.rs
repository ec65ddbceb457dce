//! The JSON Schema of a configuration file: the shape, with constraints and defaults added.

use super::constraint::Constraint;
use super::{file, layers, setting_specs, vendors};
use serde_json::{Map, Value, json};

/// The JSON Schema of a configuration file.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(file::File).to_value();
    drop_required(&mut schema);
    for key in setting_specs::SETTINGS {
        if let Some(property) = property(&mut schema, key.path) {
            constrain(property, &key.rule);
        }
        if key.is_required {
            require(&mut schema, key.path);
        }
    }
    if let Ok(defaults) = layers::defaults() {
        for entry in defaults {
            let default = serde_json::from_str(&entry.value).unwrap_or(Value::Null);
            if let Some(property) = property(&mut schema, &entry.key) {
                property.insert("default".to_owned(), default);
            }
        }
    }
    let of_providers = [
        ("providers[].priority", json!(vendors::DEFAULT_PRIORITY)),
        ("providers[].enabled", json!(vendors::DEFAULT_ENABLED)),
    ];
    for (path, default) in of_providers {
        if let Some(property) = property(&mut schema, path) {
            property.insert("default".to_owned(), default);
        }
    }
    format!("{schema:#}\n")
}

/// Removes `required`: every setting has a default, except those that the table of settings requires.
fn drop_required(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.remove("required");
            }
            fields.values_mut().for_each(drop_required);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_required),
        _ => {}
    }
}

/// The name of the definition that a property refers to.
fn definition(property: &Value) -> Option<String> {
    let direct = property.get("$ref");
    let of_items = || property.get("items").and_then(|items| items.get("$ref"));
    let of_optional = || {
        let choices = property.get("anyOf")?.as_array()?;
        choices.iter().find_map(|choice| choice.get("$ref"))
    };
    let reference = direct.or_else(of_items).or_else(of_optional)?;
    reference
        .as_str()?
        .strip_prefix("#/$defs/")
        .map(str::to_owned)
}

/// The schema of the table around a setting, and the setting's name in it.
pub(super) fn table_of<'a, 'b>(
    schema: &'a mut Value,
    path: &'b str,
) -> Option<(&'a mut Map<String, Value>, &'b str)> {
    let mut names = path.split('.').peekable();
    let mut table = String::new();
    loop {
        let name = names.next()?;
        if names.peek().is_none() {
            let object = match table.as_str() {
                "" => schema,
                table => schema.get_mut("$defs")?.get_mut(table)?,
            };
            return Some((object.as_object_mut()?, name));
        }
        let object = match table.as_str() {
            "" => &*schema,
            table => schema.get("$defs")?.get(table)?,
        };
        let property = object.get("properties")?.get(name.trim_end_matches("[]"))?;
        table = definition(property)?;
    }
}

/// The schema of the setting at `path`, written as in the table of settings.
pub(super) fn property<'a>(
    schema: &'a mut Value,
    path: &str,
) -> Option<&'a mut Map<String, Value>> {
    let (table, name) = table_of(schema, path)?;
    table.get_mut("properties")?.get_mut(name)?.as_object_mut()
}

fn require(schema: &mut Value, path: &str) {
    if let Some((table, name)) = table_of(schema, path) {
        let required = table.entry("required").or_insert_with(|| json!([]));
        if let Some(names) = required.as_array_mut() {
            names.push(json!(name));
        }
        // The default of the shape in memory does not apply to files.
        let property = table
            .get_mut("properties")
            .and_then(|all| all.get_mut(name));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            property.remove("default");
        }
    }
}

fn constrain(property: &mut Map<String, Value>, rule: &Constraint) {
    let mut set = |name: &str, value: Value| {
        property.insert(name.to_owned(), value);
    };
    match rule {
        Constraint::Number { min, max } => {
            set("minimum", json!(min));
            if max.is_finite() {
                set("maximum", json!(max));
            }
        }
        Constraint::Whole { min, max } => {
            set("minimum", json!(min));
            set("maximum", json!(max));
        }
        Constraint::Keys => set("minItems", json!(1)),
        Constraint::Word(words) => set("enum", json!(words)),
        Constraint::Words(words) => set("items", json!({ "type": "string", "enum": words })),
        Constraint::Filled | Constraint::Secret => set("minLength", json!(1)),
        Constraint::Sha256 => set("pattern", json!("^[0-9A-Fa-f]{64}$")),
        Constraint::Name => set("pattern", json!("^[A-Za-z0-9._-]+$")),
        Constraint::VariableName => set("pattern", json!("^[A-Z_][A-Z0-9_]*$")),
        _ => {}
    }
}
