//! Differences between two configurations, secrets masked.

use super::check::load;
use super::edit::{Edit, WriteReport};
use super::loaded::Loaded;
use super::resolved::ResolvedSetting;
use super::settings::{KeySource, ProviderSettings};
use super::source::Sources;
use super::unsupported;
use crate::domain::GlobalSetting;
use crate::secrets::MASK;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Settings that are read once, when the program or its dashboard starts.
const AT_START: &[(&str, &str)] = &[
    ("server.listen", "needs a restart"),
    ("server.max_connections", "needs a restart"),
    ("server.keep_alive_seconds", "needs a restart"),
    ("budget.zone", "needs a restart"),
    ("cache.", "needs a restart"),
    ("store.", "needs a restart"),
    ("dashboard.", "takes effect when the dashboard starts again"),
];
/// Values in descriptions are cut to this number of characters.
const MAX_VALUE_CHARS: usize = 60;

/// One setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDiff {
    pub key: String,
    /// As TOML would write it, secrets masked; `None` where it is not set on that side.
    pub from: Option<String>,
    pub to: Option<String>,
    /// Why the change has no effect yet, or its cause where the values do not show it.
    pub note: Option<String>,
}

/// All differences, in the order of the later configuration, removed settings last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsDiff {
    pub changes: Vec<SettingDiff>,
    keys: BTreeSet<String>,
    /// Tables of a list that only the later configuration has, for example `providers[a]`.
    added: BTreeSet<String>,
    /// Tables of a list that only the earlier configuration has.
    removed: BTreeSet<String>,
}

impl Loaded {
    /// The differences of this configuration from an earlier one.
    pub fn difference(&self, earlier: &Self) -> SettingsDiff {
        let (old, new) = (by_key(&earlier.entries), by_key(&self.entries));
        let mut changes = Vec::new();
        for entry in &self.entries {
            let before = old.get(entry.key.as_str());
            if !before.is_some_and(|before| before.has_same_value(entry)) {
                let from = before.map(|before| before.value.clone());
                changes.push(change(entry, from, Some(entry.value.clone())));
            }
        }
        for entry in &earlier.entries {
            if !new.contains_key(entry.key.as_str()) {
                changes.push(change(entry, Some(entry.value.clone()), None));
            }
        }
        let mut difference = SettingsDiff {
            added: missing_tables(&self.entries, &earlier.entries),
            removed: missing_tables(&earlier.entries, &self.entries),
            keys: BTreeSet::new(),
            changes: Vec::new(),
        };
        for change in changes {
            difference.add(change);
        }
        for change in exchanged_keys(earlier, self) {
            difference.add(change);
        }
        difference
    }

    /// This configuration after a change was written back. Edits of other settings in the same files
    /// are not included, so that the next reload still finds them.
    #[must_use]
    pub fn after_writing(self, edit: &Edit, report: &WriteReport, sources: &Sources) -> Self {
        // The next reload reports errors that another edit made.
        let Ok(written) = load(&sources.with(&report.written)) else {
            return self;
        };
        let is_ours = |key: &str| match edit {
            Edit::Weights(_) => key.starts_with("balancing.weights."),
            Edit::Settings(_) => GlobalSetting::ALL.into_iter().any(|it| it.key() == key),
            Edit::Provider(edit) => {
                let below = key.strip_prefix("providers[");
                let below = below.and_then(|rest| rest.strip_prefix(edit.name.as_str()));
                let setting = below.and_then(|rest| rest.strip_prefix("]."));
                setting.is_some_and(|setting| {
                    matches!(setting, "enabled" | "priority" | "max_concurrent")
                        || setting.starts_with("weights.")
                })
            }
        };
        let old = by_key(&self.entries);
        let holds = |entry: &&ResolvedSetting| {
            let before = old.get(entry.key.as_str());
            is_ours(&entry.key) || before.is_some_and(|before| before.has_same_value(entry))
        };
        let mut entries: Vec<ResolvedSetting> =
            written.entries.iter().filter(holds).cloned().collect();
        let known: BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let others = self.entries.iter();
        entries.extend(
            others
                .filter(|entry| !known.contains(&entry.key) && !is_ours(&entry.key))
                .cloned(),
        );
        Self {
            entries,
            files: written.files,
            ..self
        }
    }
}

impl SettingsDiff {
    /// Adds a difference, unless one of the same key is there.
    pub fn add(&mut self, change: SettingDiff) {
        if self.keys.insert(change.key.clone()) {
            self.changes.push(change);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether the setting or a setting of that section differs.
    pub fn touches(&self, key: &str) -> bool {
        let section = format!("{key}.");
        let mut below = self.keys.range(section.clone()..);
        self.keys.contains(key) || below.next().is_some_and(|key| key.starts_with(&section))
    }

    /// A phrase for each setting, or for a table that was added or removed.
    pub fn descriptions(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for change in &self.changes {
            let text = match table(&change.key) {
                Some(table) if self.added.contains(table) => format!("{table} added"),
                Some(table) if self.removed.contains(table) => format!("{table} removed"),
                _ => change.to_string(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}

/// A phrase such as `balancing.weights.cost 30→50 (needs a restart)`.
impl fmt::Display for SettingDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from == to => write!(f, "{key} exchanged")?,
            (Some(from), Some(to)) => write!(f, "{key} {}→{}", short(from), short(to))?,
            (None, Some(to)) => write!(f, "{key} = {}", short(to))?,
            _ => write!(f, "{key} unset")?,
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

fn change(entry: &ResolvedSetting, from: Option<String>, to: Option<String>) -> SettingDiff {
    let is_meant = |(pattern, _): &&(&str, &str)| {
        entry.pattern == *pattern || pattern.ends_with('.') && entry.pattern.starts_with(pattern)
    };
    let at_start = AT_START.iter().find(is_meant);
    let at_start = at_start.map(|(_, note)| (*note).to_owned());
    SettingDiff {
        key: entry.key.clone(),
        from,
        to,
        note: at_start.or_else(|| unsupported::note(entry)),
    }
}

/// API keys that changed in the variable or file that the configuration names.
fn exchanged_keys(earlier: &Loaded, later: &Loaded) -> Vec<SettingDiff> {
    let masked = |is_set: bool| is_set.then(|| MASK.to_owned());
    let change = |key: String, from: bool, to: bool| SettingDiff {
        key,
        from: masked(from),
        to: masked(to),
        note: None,
    };
    let (old, new) = (&earlier.settings, &later.settings);
    let mut changes = Vec::new();
    let known: BTreeMap<&str, &ProviderSettings> = old
        .providers
        .iter()
        .map(|provider| (provider.name.as_str(), provider))
        .collect();
    for provider in &new.providers {
        let before = known.get(provider.name.as_str());
        let is_other = |before: &&&ProviderSettings| {
            let sources = |of: &ProviderSettings| -> Vec<KeySource> {
                of.key_pool.iter().map(|key| key.source.clone()).collect()
            };
            before.key != provider.key || sources(before) != sources(provider)
        };
        if let Some(before) = before.filter(is_other) {
            let name = if provider.key_pool.is_empty() {
                "api_key"
            } else {
                "api_keys"
            };
            let key = format!("providers[{}].{name}", provider.name);
            changes.push(change(key, before.key.is_some(), provider.key.is_some()));
        }
    }
    if old.client_token != new.client_token {
        let (from, to) = (old.client_token.is_some(), new.client_token.is_some());
        changes.push(change("AI_GATEWAY_API_KEY".to_owned(), from, to));
    }
    changes
}

fn by_key(entries: &[ResolvedSetting]) -> BTreeMap<&str, &ResolvedSetting> {
    let keyed = entries.iter().map(|entry| (entry.key.as_str(), entry));
    keyed.collect()
}

/// The table of a top-level list that a key belongs to, for example `providers[a]`.
fn table(key: &str) -> Option<&str> {
    key.find(']').map(|end| &key[..=end])
}

/// Tables of the first list that the second lacks.
fn missing_tables(first: &[ResolvedSetting], second: &[ResolvedSetting]) -> BTreeSet<String> {
    let tables = |entries: &[ResolvedSetting]| -> BTreeSet<String> {
        let named = entries.iter().filter_map(|entry| table(&entry.key));
        named.map(str::to_owned).collect()
    };
    &tables(first) - &tables(second)
}

fn short(value: &str) -> String {
    let cut: String = value.chars().take(MAX_VALUE_CHARS).collect();
    if cut.len() < value.len() {
        format!("{cut}…")
    } else {
        cut
    }
}
