//! Changes made while running, written back to the file they belong to.
//!
//! A value goes to the file that set it, a new one to the file with the highest precedence, and
//! without a file to the one below `XDG_CONFIG_HOME`. Comments and order are kept. A value that a
//! variable or a flag sets stays in memory: the variable would outrank the file.

use super::atomic_write::replace;
use super::edit::{
    Edit, ProviderEdit, UnpersistedValue, WeightEdit, WriteError, WriteReport, WrittenFile,
};
use super::loaded::Loaded;
use super::origin::Origin;
use super::resolved::{ResolvedSetting, origin_of};
use super::text_file::read_text;
use super::text_form::TextForm;
use crate::domain::{GlobalSetting, GlobalSettings, Money};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

/// Writes changes into the files that `loaded` came from. All contents are built before the first
/// file is written, and each file is replaced as a whole.
pub fn write_back(loaded: &Loaded, edits: &[Edit]) -> Result<WriteReport, WriteError> {
    let mut plan = WritePlan {
        loaded,
        documents: BTreeMap::new(),
        report: WriteReport::default(),
    };
    for edit in edits {
        match edit {
            Edit::Weights(weights) => plan.weights(weights)?,
            Edit::Settings(settings) => plan.settings(settings)?,
            Edit::Provider(provider) => plan.provider(provider)?,
        }
    }
    let WritePlan {
        documents,
        mut report,
        ..
    } = plan;
    for (path, (document, form)) in documents {
        let content = form.apply(&document.to_string());
        let failed = |source| WriteError::File {
            path: path.clone(),
            source,
        };
        replace(&path, &content).map_err(failed)?;
        report.written.push(WrittenFile { path, content });
    }
    Ok(report)
}

struct WritePlan<'a> {
    loaded: &'a Loaded,
    documents: BTreeMap<PathBuf, (DocumentMut, TextForm)>,
    report: WriteReport,
}

impl WritePlan<'_> {
    /// Writes cost, latency and reliability together or not at all: some of them in memory only would
    /// be a wrong sum at the next start.
    fn weights(&mut self, weights: &WeightEdit) -> Result<(), WriteError> {
        let key = |name: &str| format!("balancing.weights.{name}");
        let shares = ["cost", "latency", "reliability"];
        let outranking = |name: &str| {
            let origin = origin_of(&self.loaded.entries, &key(name));
            origin.outranks_files().is_some().then_some(origin)
        };
        let group_origin = shares.iter().find_map(|name| outranking(name));
        let mut wanted = Vec::new();
        for (name, value) in weights.given() {
            let by_group = shares
                .contains(&name)
                .then(|| group_origin.clone())
                .flatten();
            match outranking(name).or(by_group) {
                Some(origin) => self
                    .report
                    .unpersisted
                    .push(unpersisted(key(name), &origin)),
                None => wanted.push((name, value)),
            }
        }
        // For the same reason they go into one file.
        let default_path = self.file_of(&key("cost"))?;
        for (name, value) in wanted {
            let path = match origin_of(&self.loaded.entries, &key(name)) {
                Origin::File { path, .. } => path,
                _ => default_path.clone(),
            };
            let table = self.table(&path, &["balancing", "weights"])?;
            set(table, name, number(value));
        }
        Ok(())
    }

    /// Writes the settings that differ from the configuration; a limit that is gone is removed.
    fn settings(&mut self, settings: &GlobalSettings) -> Result<(), WriteError> {
        for setting in GlobalSetting::ALL {
            let key = setting.key();
            let value = setting_value(settings, setting);
            let entries = &self.loaded.entries;
            let present = entries.iter().find(|entry| entry.key == key);
            let is_same = match (&value, present) {
                (Some(value), Some(entry)) => has_value(entry, value),
                (None, entry) => entry.is_none(),
                (Some(_), None) => false,
            };
            if is_same {
                continue;
            }
            let origin = origin_of(entries, key);
            if origin.outranks_files().is_some() {
                let lost = unpersisted(key.to_owned(), &origin);
                self.report.unpersisted.push(lost);
                continue;
            }
            let path = self.file_of(key)?;
            let mut names: Vec<&str> = key.split('.').collect();
            let Some(name) = names.pop() else { continue };
            let table = self.table(&path, &names)?;
            match value {
                Some(value) => set(table, name, value),
                None => {
                    table.remove(name);
                }
            }
        }
        Ok(())
    }

    fn provider(&mut self, edit: &ProviderEdit) -> Result<(), WriteError> {
        let at = |key: &str| format!("providers[{}].{key}", edit.name);
        let settings = &self.loaded.settings.providers;
        if !settings.iter().any(|provider| provider.name == edit.name) {
            return Err(WriteError::UnknownProvider {
                name: edit.name.clone(),
            });
        }
        let given = [
            ("enabled", edit.enabled.map(Value::from)),
            (
                "priority",
                edit.priority
                    .map(|priority| Value::from(i64::from(priority))),
            ),
            (
                "max_concurrent",
                edit.max_concurrent
                    .map(|limit| Value::from(i64::from(limit))),
            ),
        ];
        let mut wanted: Vec<(Vec<&str>, Value)> = Vec::new();
        let own = given
            .into_iter()
            .filter_map(|(name, value)| Some((vec![name], value?)));
        let own_weights = edit.weights.unwrap_or_default();
        let weights = own_weights
            .given()
            .map(|(name, value)| (vec!["weights", name], number(value)));
        for (names, value) in own.chain(weights) {
            let key = at(&names.join("."));
            let origin = origin_of(&self.loaded.entries, &key);
            if origin.outranks_files().is_some() {
                self.report.unpersisted.push(unpersisted(key, &origin));
            } else {
                wanted.push((names, value));
            }
        }
        let is_in_file = matches!(
            origin_of(&self.loaded.entries, &at("name")),
            Origin::File { .. }
        );
        let clears = edit.weights.is_some() && is_in_file;
        if wanted.is_empty() && !clears {
            return Ok(());
        }
        let (path, table) = self.provider_table(&edit.name)?;
        for (names, value) in wanted {
            match names.as_slice() {
                [name] => set(table, name, value),
                [section, name] => {
                    let item = table.entry(section).or_insert_with(inline_table);
                    let Some(section_table) = item.as_table_like_mut() else {
                        return Err(WriteError::Shape {
                            path,
                            key: at(section),
                        });
                    };
                    set(section_table, name, value);
                }
                _ => {}
            }
        }
        if clears {
            clear_weights(table, &own_weights);
        }
        Ok(())
    }

    /// The table of a provider in its file. A provider from the environment gets a new table that names
    /// the variable of its key, so that it stays the same provider.
    fn provider_table(&mut self, name: &str) -> Result<(PathBuf, &mut dyn TableLike), WriteError> {
        let key = format!("providers[{name}].name");
        let path = match origin_of(&self.loaded.entries, &key) {
            Origin::File { path, .. } => path,
            _ => self.file_of_providers()?,
        };
        let value_of = |field: &str| {
            let key = format!("providers[{name}].{field}");
            let entry = self.loaded.entries.iter().find(|entry| entry.key == key);
            entry.map(|entry| entry.value.trim_matches('"').to_owned())
        };
        let (kind, variable) = (value_of("kind"), value_of("api_key_env"));
        let document = self.document(&path)?;
        let shape = || WriteError::Shape {
            path: path.clone(),
            key: "providers".to_owned(),
        };
        let list = document
            .entry("providers")
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let position = position(list, name);
        let table: &mut dyn TableLike = match (list, position) {
            (Item::ArrayOfTables(list), Some(position)) => {
                list.get_mut(position).ok_or_else(shape)?
            }
            (Item::ArrayOfTables(list), None) => {
                let mut table = Table::new();
                table.insert("name", toml_edit::value(name));
                table.insert("kind", toml_edit::value(kind.unwrap_or_default()));
                if let Some(variable) = variable {
                    table.insert("api_key_env", toml_edit::value(variable));
                }
                list.push(table);
                let new = list.len() - 1;
                list.get_mut(new).ok_or_else(shape)?
            }
            (Item::Value(Value::Array(list)), Some(position)) => {
                let value = list.get_mut(position);
                value
                    .and_then(Value::as_inline_table_mut)
                    .ok_or_else(shape)?
            }
            _ => return Err(shape()),
        };
        Ok((path.clone(), table))
    }

    /// The file whose list of providers is in force: a list in another file would replace it.
    fn file_of_providers(&self) -> Result<PathBuf, WriteError> {
        let in_file = self
            .loaded
            .entries
            .iter()
            .find_map(|entry| match &entry.origin {
                Origin::File { path, .. } if entry.key.starts_with("providers[") => {
                    Some(path.clone())
                }
                _ => None,
            });
        in_file.map_or_else(|| self.last_file(), Ok)
    }

    fn file_of(&self, key: &str) -> Result<PathBuf, WriteError> {
        match origin_of(&self.loaded.entries, key) {
            Origin::File { path, .. } => Ok(path),
            _ => self.last_file(),
        }
    }

    fn last_file(&self) -> Result<PathBuf, WriteError> {
        let last = self.loaded.files.last().or(self.loaded.home_file.as_ref());
        last.cloned().ok_or(WriteError::NoHome)
    }

    /// The file as it is now, so that edits since the last load are kept.
    fn document(&mut self, path: &Path) -> Result<&mut DocumentMut, WriteError> {
        if !self.documents.contains_key(path) {
            let content = match read_text(path) {
                Ok(content) => content,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(source) => {
                    return Err(WriteError::File {
                        path: path.to_owned(),
                        source,
                    });
                }
            };
            let (form, text) = TextForm::split(&content);
            let document: DocumentMut = text.parse().map_err(|_| WriteError::Unreadable {
                path: path.to_owned(),
            })?;
            self.documents.insert(path.to_owned(), (document, form));
        }
        let document = self.documents.get_mut(path).map(|(document, _)| document);
        document.ok_or(WriteError::NoHome)
    }

    fn table(&mut self, path: &Path, names: &[&str]) -> Result<&mut dyn TableLike, WriteError> {
        let document = self.document(path)?;
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for (index, name) in names.iter().enumerate() {
            let is_last = index + 1 == names.len();
            let item = table.entry(name).or_insert_with(|| {
                let mut table = Table::new();
                // [balancing] would be an empty header above [balancing.weights].
                table.set_implicit(!is_last);
                Item::Table(table)
            });
            table = item.as_table_like_mut().ok_or_else(|| WriteError::Shape {
                path: path.to_owned(),
                key: names[..=index].join("."),
            })?;
        }
        Ok(table)
    }
}

/// The value of a setting in a file; `None` for no limit.
fn setting_value(settings: &GlobalSettings, setting: GlobalSetting) -> Option<Value> {
    let usd = |limit: Option<Money>| limit.map(|limit| number(limit.usd()));
    match setting {
        GlobalSetting::Strategy => Some(settings.strategy.as_str().into()),
        GlobalSetting::BudgetPerDay => usd(settings.budget.per_day),
        GlobalSetting::BudgetPerMonth => usd(settings.budget.per_month),
        GlobalSetting::OverBudget => Some(settings.budget.on_limit.as_str().into()),
        GlobalSetting::BreakerFailures => Some(i64::from(settings.breaker.failures).into()),
        GlobalSetting::BreakerMaxOpen => Some(i64::from(settings.breaker.max_open_s).into()),
    }
}

/// Whether an effective setting has this value, in whatever form it is written.
fn has_value(entry: &ResolvedSetting, value: &Value) -> bool {
    let text = entry.value.trim_matches('"');
    let number = value
        .as_float()
        .or_else(|| value.as_integer().map(|it| it as f64));
    match number {
        Some(number) => text.parse() == Ok(number),
        None => value.as_str() == Some(text),
    }
}

/// Removes the weights that are no longer overridden, and the table when it is empty.
fn clear_weights(table: &mut dyn TableLike, own: &WeightEdit) {
    let Some(weights) = table.get_mut("weights").and_then(Item::as_table_like_mut) else {
        return;
    };
    for name in ["cost", "latency", "reliability"] {
        if !own.given().any(|(given, _)| given == name) {
            weights.remove(name);
        }
    }
    if weights.is_empty() {
        table.remove("weights");
    }
}

fn unpersisted(key: String, origin: &Origin) -> UnpersistedValue {
    let because = match origin {
        Origin::DotEnv { .. } => format!(".env sets it ({origin})"),
        origin => format!("{origin} sets it"),
    };
    UnpersistedValue { key, because }
}

/// The position of a provider in a list of tables or an inline list.
fn position(list: &Item, name: &str) -> Option<usize> {
    let has_name = |table: &dyn TableLike| table.get("name").and_then(Item::as_str) == Some(name);
    match list {
        Item::ArrayOfTables(list) => list.iter().position(|table| has_name(table)),
        Item::Value(Value::Array(list)) => list
            .iter()
            .position(|value| value.as_inline_table().is_some_and(|table| has_name(table))),
        _ => None,
    }
}

fn inline_table() -> Item {
    toml_edit::value(toml_edit::InlineTable::new())
}

/// Writes whole numbers without a decimal point.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the number has no fraction and lies within a million"
)]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e6 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// Sets a value and keeps the comment after the old one.
fn set(table: &mut dyn TableLike, name: &str, mut value: Value) {
    match table.get_mut(name) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => {
            table.insert(name, Item::Value(value));
        }
    }
}
