//! Reads a TOML text into the values of one layer, each checked and with its line.
//!
//! Invalid values are reported and left out, so that the rest of the file is checked too.

use super::constraint::{InputValue, quoted};
use super::origin::{Origin, Origins};
use super::setting_error::{SettingError, did_you_mean};
use super::setting_specs::{self, Node};
use config::{Map, Value};
use std::path::{Path, PathBuf};
use toml_edit::{Item, TableLike};

/// The text of a configuration file with its path.
#[derive(Debug)]
pub(super) struct ConfigText<'a> {
    pub path: &'a Path,
    pub shown: &'a str,
    pub content: &'a str,
    /// The text is the sample of the program: its values are built in.
    pub is_built_in: bool,
}

/// Reads one file into a layer.
pub(super) fn read(
    text: &ConfigText<'_>,
    origins: &mut Origins,
    errors: &mut Vec<SettingError>,
) -> Map<String, Value> {
    let content = text
        .content
        .strip_prefix('\u{feff}')
        .unwrap_or(text.content);
    let mut reader = FileReader {
        text,
        content,
        origins,
        errors,
    };
    match toml_edit::Document::parse(content) {
        Ok(document) => {
            let root = SettingLocation {
                pattern: String::new(),
                shown: String::new(),
            };
            reader.table(document.as_table(), &root)
        }
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            // Only the parser's message: its full display quotes the line, which may contain a key.
            let problem = format!("not valid TOML: {}", error.message().replace('\n', "; "));
            let origin = reader.origin(at);
            reader.errors.push(SettingError::new(origin, "", problem));
            Map::new()
        }
    }
}

/// A key: as the table of settings writes it, and as messages show it.
#[derive(Debug, Clone)]
struct SettingLocation {
    pattern: String,
    shown: String,
}

impl SettingLocation {
    fn child(&self, name: &str) -> Self {
        let join = |path: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Self {
            pattern: join(&self.pattern),
            shown: join(&self.shown),
        }
    }
}

struct FileReader<'a, 'b> {
    text: &'a ConfigText<'b>,
    content: &'a str,
    origins: &'a mut Origins,
    errors: &'a mut Vec<SettingError>,
}

impl FileReader<'_, '_> {
    fn origin(&self, offset: usize) -> Origin {
        if self.text.is_built_in {
            return Origin::BuiltIn;
        }
        Origin::File {
            path: PathBuf::from(self.text.path),
            shown: self.text.shown.to_owned(),
            line: line_at(self.content, offset),
        }
    }

    fn table(&mut self, table: &dyn TableLike, location: &SettingLocation) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, item) in table.iter() {
            let key_span = table.get_key_value(name).and_then(|(key, _)| key.span());
            let at = key_span
                .or_else(|| item.span())
                .map_or(0, |span| span.start);
            let origin = self.origin(at);
            if let Some(value) = self.item(name, item, location, &origin) {
                values.insert(name.to_owned(), value);
            }
        }
        values
    }

    fn item(
        &mut self,
        name: &str,
        item: &Item,
        parent: &SettingLocation,
        origin: &Origin,
    ) -> Option<Value> {
        let location = parent.child(name);
        // A quoted key may look like a path, which it is only where any name is accepted.
        let is_path = name.contains(['.', '[']) && !setting_specs::takes_any_name(&parent.pattern);
        match setting_specs::node(&location.pattern).filter(|_| !is_path) {
            None => {
                self.unknown(name, item, parent, origin);
                None
            }
            Some(Node::Section) => {
                let Some(table) = item.as_table_like() else {
                    let problem = format!("must be a table: write [{}]", location.pattern);
                    return self.wrong(origin, &location, item, problem);
                };
                let values = self.table(table, &location);
                Some(self.origins.value(origin.clone(), values))
            }
            Some(Node::List) => self.list(item, &location, origin),
            Some(Node::Leaf(key)) => {
                let given = given(item);
                if let Some(kind) = key.rule.check(&given) {
                    return Some(self.origins.value(origin.clone(), kind));
                }
                let error =
                    SettingError::new(origin.clone(), location.shown, key.rule.problem(&given));
                self.errors.push(error.with_value(key.rule.masked(&given)));
                None
            }
        }
    }

    /// Reports an unknown key. Its value is shown only where it cannot be a secret.
    fn unknown(&mut self, name: &str, item: &Item, parent: &SettingLocation, origin: &Origin) {
        let near = did_you_mean(name, setting_specs::names_in(&parent.pattern));
        let location = parent.child(name);
        let error = SettingError::new(origin.clone(), location.shown, format!("unknown key{near}"));
        self.errors.push(match given(item) {
            given @ (InputValue::Whole(_) | InputValue::Number(_) | InputValue::Flag(_)) => {
                error.with_value(given.to_string())
            }
            _ => error,
        });
    }

    fn wrong(
        &mut self,
        origin: &Origin,
        location: &SettingLocation,
        item: &Item,
        problem: String,
    ) -> Option<Value> {
        let error = SettingError::new(origin.clone(), location.shown.clone(), problem);
        self.errors.push(match given(item) {
            InputValue::Text(_) | InputValue::List(_) | InputValue::Table => error,
            given => error.with_value(given.to_string()),
        });
        None
    }

    fn list(&mut self, item: &Item, location: &SettingLocation, origin: &Origin) -> Option<Value> {
        let start = |span: Option<std::ops::Range<usize>>| span.map_or(0, |span| span.start);
        let tables: Option<Vec<(&dyn TableLike, usize)>> = match item {
            Item::ArrayOfTables(tables) => {
                let table = |table| {
                    (
                        table as &dyn TableLike,
                        start(toml_edit::Table::span(table)),
                    )
                };
                Some(tables.iter().map(table).collect())
            }
            Item::Value(toml_edit::Value::Array(items)) => {
                let tables = items.iter().map(toml_edit::Value::as_inline_table);
                let tables: Option<Vec<_>> = tables.collect();
                let table = |table| {
                    (
                        table as &dyn TableLike,
                        start(toml_edit::InlineTable::span(table)),
                    )
                };
                tables.map(|tables| tables.into_iter().map(table).collect())
            }
            _ => None,
        };
        match tables {
            Some(tables) => Some(self.tables(&tables, location, origin)),
            None => self.not_a_list(item, location, origin),
        }
    }

    fn not_a_list(
        &mut self,
        item: &Item,
        location: &SettingLocation,
        origin: &Origin,
    ) -> Option<Value> {
        let header = location.pattern.replace("[]", "");
        self.wrong(
            origin,
            location,
            item,
            format!("must be a list of tables: write [[{header}]]"),
        )
    }

    fn tables(
        &mut self,
        tables: &[(&dyn TableLike, usize)],
        location: &SettingLocation,
        origin: &Origin,
    ) -> Value {
        let identity = setting_specs::identity(&location.pattern);
        let mut values = Vec::with_capacity(tables.len());
        for (index, (table, start)) in tables.iter().enumerate() {
            let name = table.get(identity).and_then(Item::as_str).map(str::trim);
            let location = SettingLocation {
                pattern: format!("{}[]", location.pattern),
                shown: format!("{}[{}]", location.shown, element_name(name, index)),
            };
            let origin = self.origin(*start);
            for missing in setting_specs::required_in(&location.pattern) {
                let is_inherited = missing == "kind" && table.get("like").is_some();
                if table.get(missing).is_none() && !is_inherited {
                    let key = location.child(missing).shown;
                    let error =
                        SettingError::new(origin.clone(), key, "missing, but must be given");
                    self.errors.push(error);
                }
            }
            let table = self.table(*table, &location);
            values.push(self.origins.value(origin, table));
        }
        self.origins.value(origin.clone(), values)
    }
}

/// The line of an offset in a text, counted from 1.
pub(super) fn line_at(content: &str, offset: usize) -> usize {
    let before = content.get(..offset).unwrap_or(content);
    1 + before.matches('\n').count()
}

/// The label of a table of a list in messages: its name, or its position.
pub(super) fn element_name(name: Option<&str>, index: usize) -> String {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => name.escape_debug().to_string(),
        None => format!("#{}", index + 1),
    }
}

fn given(item: &Item) -> InputValue {
    match item {
        Item::Value(value) => given_value(value),
        Item::None | Item::Table(_) | Item::ArrayOfTables(_) => InputValue::Table,
    }
}

/// A table with a key and its weight, and nothing else.
fn weighted_key(table: &toml_edit::InlineTable) -> Option<InputValue> {
    let key = table.get("key")?.as_str()?.to_owned();
    let weight = match table.get("weight") {
        None => 1.0,
        Some(toml_edit::Value::Integer(whole)) => *whole.value() as f64,
        Some(weight) => weight.as_float()?,
    };
    let is_known = |(name, _): (&str, _)| matches!(name, "key" | "weight");
    let is_all = table.iter().all(is_known);
    is_all.then_some(InputValue::WeightedKey { key, weight })
}

fn given_value(value: &toml_edit::Value) -> InputValue {
    match value {
        toml_edit::Value::String(text) => InputValue::Text(text.value().clone()),
        toml_edit::Value::Integer(whole) => InputValue::Whole(*whole.value()),
        toml_edit::Value::Float(number) => InputValue::Number(*number.value()),
        toml_edit::Value::Boolean(flag) => InputValue::Flag(*flag.value()),
        toml_edit::Value::Datetime(moment) => {
            InputValue::Moment(quoted(&moment.value().to_string()))
        }
        toml_edit::Value::Array(items) => InputValue::List(items.iter().map(given_value).collect()),
        toml_edit::Value::InlineTable(table) => weighted_key(table).unwrap_or(InputValue::Table),
    }
}
