//! Effective settings one by one, for `config show` and for the comparison of a reload.

use super::constraint::InputValue;
use super::origin::{Origin, Origins};
use super::parse::element_name;
use super::setting_specs::{self, Node, SettingSpec};
use crate::secrets::{MASK, Secret, SecretRef};
use config::{Map, Value, ValueKind};

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSetting {
    /// For example `balancing.weights.cost` or `providers[openai].priority`.
    pub key: String,
    /// The value as TOML would write it, secrets masked.
    pub value: String,
    pub origin: Origin,
    /// The key as the table of settings writes it, for example `providers[].priority`.
    pub(super) pattern: &'static str,
    /// The unmasked value, where the shown one is masked.
    pub(super) hidden: Option<Secret>,
}

impl ResolvedSetting {
    /// Returns whether both have the same value, whatever their origins.
    pub(super) fn has_same_value(&self, other: &Self) -> bool {
        self.value == other.value && self.hidden == other.hidden
    }
}

/// The origin of a key; built in where it is not set.
pub(super) fn origin_of(entries: &[ResolvedSetting], key: &str) -> Origin {
    let entry = entries.iter().find(|entry| entry.key == key);
    entry.map_or(Origin::BuiltIn, |entry| entry.origin.clone())
}

/// All settings of a merged tree, in the order of the table of settings.
pub(super) fn flatten(tree: &Value, origins: &Origins) -> Vec<ResolvedSetting> {
    let mut flattener = Flattener {
        origins,
        entries: Vec::new(),
    };
    if let ValueKind::Table(table) = &tree.kind {
        flattener.table(table, "", "");
    }
    flattener.entries
}

struct Flattener<'a> {
    origins: &'a Origins,
    entries: Vec<ResolvedSetting>,
}

impl Flattener<'_> {
    fn table(&mut self, table: &Map<String, Value>, pattern: &str, shown: &str) {
        let join = |path: &str, name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let mut names: Vec<&str> = setting_specs::names_in(pattern);
        if setting_specs::takes_any_name(pattern) {
            names = table.keys().map(String::as_str).collect();
            names.sort_unstable();
        }
        for name in names {
            let Some(value) = table.get(name) else {
                continue;
            };
            let (pattern, shown) = (join(pattern, name), join(shown, name));
            match (setting_specs::node(&pattern), &value.kind) {
                (Some(Node::Leaf(key)), _) => self.leaf(key, shown, value),
                (Some(Node::Section), ValueKind::Table(table)) => {
                    self.table(table, &pattern, &shown);
                }
                (Some(Node::List), ValueKind::Array(items)) => self.list(items, &pattern, &shown),
                _ => {}
            }
        }
    }

    fn list(&mut self, items: &[Value], pattern: &str, shown: &str) {
        let identity = setting_specs::identity(pattern);
        for (index, item) in items.iter().enumerate() {
            if let ValueKind::Table(table) = &item.kind {
                let name = element_name(text_in(table, identity), index);
                self.table(table, &format!("{pattern}[]"), &format!("{shown}[{name}]"));
            }
        }
    }

    fn leaf(&mut self, key: &'static SettingSpec, shown: String, value: &Value) {
        let given = given(value);
        let value_shown = match (key.path, &given) {
            ("providers[].api_key", InputValue::Text(text)) => {
                let reference = SecretRef::parse(text);
                reference.map_or(MASK.to_owned(), |reference| reference.masked())
            }
            ("keystore.unlock", InputValue::Text(text)) => match SecretRef::parse(text) {
                Some(command @ SecretRef::Command(_)) => command.masked(),
                _ => key.rule.masked(&given),
            },
            _ => key.rule.masked(&given),
        };
        let plain = given.to_string();
        self.entries.push(ResolvedSetting {
            key: shown,
            hidden: (value_shown != plain).then(|| Secret::from(plain.as_str())),
            value: value_shown,
            origin: self.origins.get(value),
            pattern: key.path,
        });
    }
}

fn given(value: &Value) -> InputValue {
    match &value.kind {
        ValueKind::Boolean(flag) => InputValue::Flag(*flag),
        ValueKind::I64(whole) => InputValue::Whole(*whole),
        ValueKind::Float(number) => InputValue::Number(*number),
        ValueKind::String(text) => InputValue::Text(text.clone()),
        ValueKind::Array(items) => InputValue::List(items.iter().map(given).collect()),
        ValueKind::Table(table) => weighted_key(table).unwrap_or(InputValue::Table),
        // The constraints produce no other kinds.
        _ => InputValue::Table,
    }
}

fn weighted_key(table: &Map<String, Value>) -> Option<InputValue> {
    let key = text_in(table, "key")?.to_owned();
    let ValueKind::Float(weight) = table.get("weight")?.kind else {
        return None;
    };
    Some(InputValue::WeightedKey { key, weight })
}

/// The text at a key of a table.
pub(super) fn text_in<'a>(table: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    match &table.get(name)?.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}
