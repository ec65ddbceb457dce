//! The reference of all settings in docs/configuration.md, generated from the JSON Schema.

use crate::config::schema::{property, table_of};
use crate::config::setting_specs::{SETTINGS, SettingSpec};
use crate::config::{schema, unsupported};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const START: &str = "<!-- settings -->\n";
const END: &str = "<!-- /settings -->";

#[test]
fn the_documentation_lists_all_settings_as_the_schema_describes_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let document = std::fs::read_to_string(&path).expect("a page");
    let (before, rest) = document.split_once(START).expect("a start marker");
    let (listed, after) = rest.split_once(END).expect("an end marker");
    let expected = reference();

    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = format!("{before}{START}{expected}{END}{after}");
        std::fs::write(&path, text).expect("a written page");
        return;
    }
    assert!(
        listed == expected,
        "docs/configuration.md differs from the schema; run this test with UPDATE_DOCS=1, or put \
         this between the markers:\n{expected}"
    );
}

/// One table of settings per section of the file.
fn reference() -> String {
    let mut schema: Value = serde_json::from_str(&schema()).expect("JSON");
    let mut sections: Vec<&str> = Vec::new();
    for section in SETTINGS.iter().map(section_of) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    let mut text = String::new();
    for section in sections {
        let mut keys = SETTINGS
            .iter()
            .filter(|key| section_of(key) == section)
            .peekable();
        if let Some(key) = keys.peek() {
            write_heading(&mut text, &mut schema, key);
        }
        for key in keys {
            let row = row(&mut schema, key);
            writeln!(text, "{row}").expect("a row");
        }
    }
    text + "\n"
}

fn section_of(key: &SettingSpec) -> &'static str {
    let (section, _) = key.path.rsplit_once('.').expect("a section");
    section
}

fn write_heading(text: &mut String, schema: &mut Value, key: &SettingSpec) {
    let section = section_of(key);
    let header = match section.strip_suffix("[]") {
        Some(list) => format!("[[{}]]", list.replace("[]", "")),
        None => format!("[{}]", section.replace("[]", "")),
    };
    let table = table_of(schema, key.path).filter(|_| !key.path.ends_with('*'));
    let description = table
        .and_then(|(table, _)| table.get("description").cloned())
        .and_then(|text| text.as_str().map(|text| format!("{text}\n\n")))
        .unwrap_or_default();
    write!(
        text,
        "\n### `{header}`\n\n{description}| setting | value | default | meaning |\n| --- | --- | --- | --- |\n"
    )
    .expect("a heading");
}

fn row(schema: &mut Value, key: &SettingSpec) -> String {
    let (_, name) = key.path.rsplit_once('.').expect("a name");
    let property = property(schema, key.path.trim_end_matches(".*")).expect("a described setting");
    let property = Value::Object(property.clone());
    let name = if name == "*" { "ACTION" } else { name };
    let default = match property.get("default") {
        _ if key.is_required => "required".to_owned(),
        Some(default) if name != "ACTION" && !default.is_null() => format!("`{default}`"),
        _ => "–".to_owned(),
    };
    let meaning = property["description"].as_str().expect("a description");
    let note = if unsupported::is_built(key.path, "") {
        ""
    } else {
        " Not built yet."
    };
    let meaning = meaning.replace('\n', " ").replace('|', "\\|");
    let value = value(&property);
    format!("| `{name}` | {value} | {default} | {meaning}{note} |")
}

/// The type of a setting and its range or words.
fn value(property: &Value) -> String {
    let words = |words: &Value| {
        let words = words.as_array().into_iter().flatten();
        let words: Vec<String> = words
            .filter_map(|word| Some(format!("`{}`", word.as_str()?)))
            .collect();
        words.join(", ")
    };
    let kind = match &property["type"] {
        Value::Array(kinds) => kinds[0].as_str(),
        kind => kind.as_str(),
    };
    let bound = |name: &str| property.get(name).and_then(Value::as_f64);
    let range = || match (bound("minimum"), bound("maximum")) {
        (None, _) => String::new(),
        (Some(min), None) => format!(", at least {min}"),
        (Some(min), Some(max)) => format!(", {min} to {max}"),
    };
    match kind {
        _ if property.get("enum").is_some() => words(&property["enum"]),
        Some("integer") => format!("whole number{}", range()),
        Some("number") => format!("number{}", range()),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") if property["items"].get("enum").is_some() => {
            format!("list of {}", words(&property["items"]["enum"]))
        }
        Some("array") => "list of texts".to_owned(),
        _ => "text".to_owned(),
    }
}
