//! What `aibal-tui config …` says, as text.

use super::setting_error::{SettingErrors, SettingWarning};
use super::source::Sources;
use super::{Loaded, SAMPLE, constraint, file, keys, layers, load, unsupported};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};
use std::io::Write as _;
use std::path::Path;

/// The commented starter file.
pub fn sample() -> &'static str {
    SAMPLE
}

/// Writes the starter file, and never over one that exists. Folders are made where they are missing.
pub fn init(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(SAMPLE.as_bytes())
}

/// Where the configuration is read from, one place a line, lowest first.
pub fn path(sources: &Sources) -> String {
    let mut text = String::new();
    let mut files = sources.files();
    files.push(sources.dot_env());
    for path in files {
        let state = if path.is_file() { "read" } else { "not there" };
        let _ = writeln!(text, "{} ({state})", path.display());
    }
    text
}

/// What a check found where nothing is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    pub files: Vec<String>,
    pub warnings: Vec<SettingWarning>,
    pub usable_providers: usize,
    pub providers: usize,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let files = match self.files.as_slice() {
            [] => "no file".to_owned(),
            files => files.join(", "),
        };
        let (usable, all) = (self.usable_providers, self.providers);
        write!(
            f,
            "no mistakes in {files}; {usable} of {all} providers usable"
        )
    }
}

/// Reads everything and reports all mistakes, or what else is worth knowing.
pub fn check(sources: &Sources) -> Result<CheckReport, SettingErrors> {
    let loaded = load(sources)?;
    let providers = &loaded.settings.providers;
    Ok(CheckReport {
        files: loaded
            .files
            .iter()
            .map(|path| sources.shown(path))
            .collect(),
        usable_providers: providers
            .iter()
            .filter(|provider| provider.is_usable())
            .count(),
        providers: providers.len(),
        warnings: loaded.warnings,
    })
}

/// The settings in force, one a line, each with where it came from; secrets are masked.
pub fn show(loaded: &Loaded) -> String {
    let lines: Vec<(String, String)> = loaded
        .entries
        .iter()
        .map(|entry| {
            let note = unsupported::note(entry).map_or(String::new(), |note| format!(", {note}"));
            (
                format!("{} = {}", entry.key, entry.value),
                format!("{}{note}", entry.origin),
            )
        })
        .collect();
    let lengths = lines.iter().map(|(setting, _)| setting.chars().count());
    // A long list of targets must not push every comment off the screen.
    let width = lengths.filter(|length| *length <= 60).max().unwrap_or(0);
    let mut text = String::new();
    for (setting, origin) in lines {
        let _ = writeln!(text, "{setting:width$}  # {origin}");
    }
    for provider in &loaded.settings.providers {
        if let Some(reason) = &provider.skipped {
            let _ = writeln!(text, "# {} is off: {reason}", provider.name);
        }
    }
    text
}

/// The JSON Schema of a configuration file.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(file::File).to_value();
    drop_required(&mut schema);
    for key in keys::KEYS {
        if let Some(place) = property(&mut schema, key.path) {
            constrain(place, &key.rule);
        }
        if key.is_required {
            require(&mut schema, key.path);
        }
    }
    if let Ok(defaults) = layers::defaults() {
        for entry in defaults {
            let default = serde_json::from_str(&entry.value).unwrap_or(Value::Null);
            if let Some(place) = property(&mut schema, &entry.key) {
                place.insert("default".to_owned(), default);
            }
        }
    }
    format!("{schema:#}\n")
}

/// Everything has a default, but what the table of settings calls required.
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

/// The object that describes the table around a setting, and the setting's own name.
fn table_of<'a, 'b>(
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

fn property<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let (table, name) = table_of(schema, path)?;
    table.get_mut("properties")?.get_mut(name)?.as_object_mut()
}

fn require(schema: &mut Value, path: &str) {
    if let Some((table, name)) = table_of(schema, path) {
        let required = table.entry("required").or_insert_with(|| json!([]));
        if let Some(names) = required.as_array_mut() {
            names.push(json!(name));
        }
        // Only the shape in memory has it.
        let property = table
            .get_mut("properties")
            .and_then(|all| all.get_mut(name));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            property.remove("default");
        }
    }
}

fn constrain(property: &mut Map<String, Value>, rule: &constraint::Constraint) {
    use constraint::Constraint;
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
        Constraint::Word(words) => set("enum", json!(words)),
        Constraint::Words(words) => set("items", json!({ "type": "string", "enum": words })),
        Constraint::Filled | Constraint::Secret => set("minLength", json!(1)),
        Constraint::Sha256 => set("pattern", json!("^[0-9A-Fa-f]{64}$")),
        Constraint::Name => set("pattern", json!("^[A-Za-z0-9._-]+$")),
        Constraint::VariableName => set("pattern", json!("^[A-Z_][A-Z0-9_]*$")),
        _ => {}
    }
}
