//! Settings in variables of the environment and of `.env`.
//!
//! The environment is an argument and is never changed. An empty variable counts as not set, as in
//! most programs and container files; only text settings of `AIBAL__…` may be empty.

use super::constraint::{Constraint, InputValue};
use super::origin::{Origin, Origins};
use super::parse::line_at;
use super::setting_error::{SettingError, SettingWarning, did_you_mean};
use super::setting_specs::{self, Node, SettingSpec};
use config::{Map, Value, ValueKind};
use std::collections::BTreeMap;

/// Names any setting: `AIBAL__BALANCING__WEIGHTS__COST`.
const PREFIX: &str = "AIBAL__";

/// Variables with a name of their own, which outrank `AIBAL__…`.
const NAMED: &[(&str, &str)] = &[
    ("LOAD_BALANCER_WEIGHT_COST", "balancing.weights.cost"),
    ("LOAD_BALANCER_WEIGHT_LATENCY", "balancing.weights.latency"),
    (
        "LOAD_BALANCER_WEIGHT_RELIABILITY",
        "balancing.weights.reliability",
    ),
    ("LOAD_BALANCER_WEIGHT_LOAD", "balancing.weights.load"),
    (
        "LOAD_BALANCER_WEIGHT_PRIORITY",
        "balancing.weights.priority",
    ),
    ("LOAD_BALANCER_MAX_RETRIES", "balancing.max_retries"),
    ("LOAD_BALANCER_TIMEOUT_MS", "balancing.timeout_ms"),
];

/// The problem of a variable that names a list.
const FILE_ONLY: &str = "is a list of tables, which only a file can hold";

/// The variables of one source: `.env`, or the environment.
#[derive(Default)]
pub(super) struct Variables(BTreeMap<String, (String, Origin)>);

/// Without the values, which may be keys.
impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// All variables: those of the environment, and below them those of `.env`.
#[derive(Debug, Default)]
pub(super) struct EnvVars {
    pub environment: Variables,
    pub dot_env: Variables,
}

impl EnvVars {
    /// The variable with its origin, unless it is empty.
    pub fn get(&self, name: &str) -> Option<(&str, &Origin)> {
        self.environment
            .get(name)
            .or_else(|| self.dot_env.get(name))
    }
}

/// The settings of one source of variables.
#[derive(Default)]
pub(super) struct VariableLayer {
    pub values: Map<String, Value>,
    /// Settings of single providers, applied when all providers are known.
    pub patches: Vec<ProviderVariable>,
}

/// A variable such as `AIBAL__PROVIDERS__OPENAI__PRIORITY=70`.
pub(super) struct ProviderVariable {
    /// The provider's name as a variable spells it: `openai`, `my_vllm`.
    pub provider: String,
    /// Below the provider: `priority`, `weights.cost`.
    pub key: String,
    pub value: ValueKind,
    pub origin: Origin,
}

impl Variables {
    pub fn environment(variables: &BTreeMap<String, String>) -> Self {
        let known = |(name, value): (&String, &String)| {
            let origin = Origin::Environment { name: name.clone() };
            (name.clone(), (value.clone(), origin))
        };
        Self(variables.iter().map(known).collect())
    }

    /// Reads a `.env`; the last value of a name counts. An invalid line is left out with a warning.
    pub fn dot_env(content: &str, warnings: &mut Vec<SettingWarning>) -> Self {
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        let mut variables = BTreeMap::new();
        for item in dotenvy::from_read_iter(content.as_bytes()) {
            match item {
                Ok((name, value)) => {
                    let line = line_of(content, &name);
                    let origin = Origin::DotEnv {
                        line,
                        name: name.clone(),
                    };
                    variables.insert(name, (value, origin));
                }
                Err(error) => warnings.push(unreadable_line(content, &error)),
            }
        }
        Self(variables)
    }

    /// The variable with its origin, unless it is empty.
    pub fn get(&self, name: &str) -> Option<(&str, &Origin)> {
        let (value, origin) = self.0.get(name)?;
        (!value.trim().is_empty()).then_some((value.as_str(), origin))
    }

    /// The settings of these variables.
    pub fn layer(&self, origins: &mut Origins, errors: &mut Vec<SettingError>) -> VariableLayer {
        let mut layer = VariableLayer::default();
        for (name, (text, origin)) in &self.0 {
            let Some(path) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let segments: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
            let setting = SettingVariable {
                text,
                origin,
                path: segments.join("."),
            };
            match segments.split_first() {
                Some((first, [provider, rest @ ..])) if first == "providers" => {
                    layer
                        .patches
                        .extend(setting.patch(provider, &rest.join("."), errors));
                }
                _ => setting.set(&mut layer.values, origins, errors),
            }
        }
        for (name, path) in NAMED {
            if let Some((text, origin)) = self.get(name) {
                let setting = SettingVariable {
                    text,
                    origin,
                    path: (*path).to_owned(),
                };
                setting.set(&mut layer.values, origins, errors);
            }
        }
        layer
    }
}

/// A variable of a setting.
struct SettingVariable<'a> {
    text: &'a str,
    origin: &'a Origin,
    path: String,
}

impl SettingVariable<'_> {
    fn set(
        &self,
        values: &mut Map<String, Value>,
        origins: &mut Origins,
        errors: &mut Vec<SettingError>,
    ) {
        let Some(Node::Leaf(key)) = setting_specs::node(&self.path) else {
            errors.push(self.unknown());
            return;
        };
        if let Some(value) = self.value(key, errors) {
            let value = origins.value(self.origin.clone(), value);
            let segments: Vec<&str> = match key.path.strip_suffix(".*") {
                Some(section) => {
                    let name = &self.path[section.len() + 1..];
                    section.split('.').chain([name]).collect()
                }
                None => self.path.split('.').collect(),
            };
            insert(values, &segments, value);
        }
    }

    fn patch(
        &self,
        provider: &str,
        below: &str,
        errors: &mut Vec<SettingError>,
    ) -> Option<ProviderVariable> {
        let Some(Node::Leaf(key)) = setting_specs::node(&format!("providers[].{below}")) else {
            errors.push(self.unknown_below_provider(provider, below));
            return None;
        };
        Some(ProviderVariable {
            provider: provider.to_owned(),
            key: below.to_owned(),
            value: self.value(key, errors)?,
            origin: self.origin.clone(),
        })
    }

    fn value(&self, key: &SettingSpec, errors: &mut Vec<SettingError>) -> Option<ValueKind> {
        let is_unset = self.text.trim().is_empty();
        if is_unset && !matches!(key.rule, Constraint::Text | Constraint::Webhook) {
            return None;
        }
        let given = InputValue::from_variable(self.text, &key.rule);
        let value = key.rule.check(&given);
        if value.is_none() {
            let error =
                SettingError::new(self.origin.clone(), &self.path, key.rule.problem(&given));
            errors.push(error.with_value(key.rule.masked(&given)));
        }
        value
    }

    fn unknown(&self) -> SettingError {
        if let Some(Node::List) = setting_specs::node(&self.path) {
            return SettingError::new(self.origin.clone(), &self.path, FILE_ONLY);
        }
        let (section, name) = self.path.rsplit_once('.').unwrap_or(("", &self.path));
        let mut near = did_you_mean(name, setting_specs::names_in(section));
        if near.is_empty() {
            near = did_you_mean(
                &self.path,
                setting_specs::SETTINGS.iter().map(|key| key.path),
            );
        }
        let problem = format!("unknown key{near}");
        SettingError::new(self.origin.clone(), &self.path, problem)
    }

    fn unknown_below_provider(&self, provider: &str, below: &str) -> SettingError {
        let key = format!("providers[{provider}].{below}");
        if below.starts_with("models") {
            return SettingError::new(self.origin.clone(), key, FILE_ONLY);
        }
        let (section, name) = match below.rsplit_once('.') {
            Some((section, name)) => (format!("providers[].{section}"), name),
            None => ("providers[]".to_owned(), below),
        };
        let near = did_you_mean(name, setting_specs::names_in(&section));
        SettingError::new(self.origin.clone(), key, format!("unknown key{near}"))
    }
}

/// Inserts a value into nested tables, which are created where they are missing.
pub(super) fn insert(values: &mut Map<String, Value>, segments: &[&str], value: Value) {
    match segments {
        [] => {}
        [name] => {
            values.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let empty = || Value::new(None, Map::<String, Value>::new());
            let table = values.entry((*name).to_owned()).or_insert_with(empty);
            if !matches!(table.kind, ValueKind::Table(_)) {
                *table = empty();
            }
            if let ValueKind::Table(table) = &mut table.kind {
                insert(table, rest, value);
            }
        }
    }
}

/// The line on which a name is given its value, the last one where there are several.
fn line_of(content: &str, name: &str) -> usize {
    let sets_name = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let rest = line.strip_prefix(name).unwrap_or_default();
        rest.trim_start().starts_with('=')
    };
    let last = content
        .lines()
        .enumerate()
        .filter(|(_, line)| sets_name(line))
        .last();
    last.map_or(1, |(index, _)| index + 1)
}

/// A warning, not an error, because other programs often use the file too. The line itself is not
/// shown: most lines of such a file are keys.
fn unreadable_line(content: &str, error: &dotenvy::Error) -> SettingWarning {
    let at = match error {
        dotenvy::Error::LineParse(line, _) => content.find(line.as_str()).unwrap_or(0),
        _ => 0,
    };
    let line = line_at(content, at);
    let origin = Origin::File {
        path: ".env".into(),
        shown: ".env".to_owned(),
        line,
    };
    let message = "this line is left out: it must be NAME=value, with quotation marks closed and \
                   around white space";
    SettingWarning::new(origin, "", message)
}
