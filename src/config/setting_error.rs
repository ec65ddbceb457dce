//! Mistakes and warnings: what is wrong, where, and what was expected instead.

use super::origin::Origin;
use std::fmt;

/// One thing that is wrong, as one line:
/// `aibal.toml:12: balancing.weights.cost: 130: must be a number from 0 to 100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    pub origin: Option<Origin>,
    /// The key's path, for example `providers[openai].priority`; empty where a whole file is meant.
    pub key: String,
    /// The value as it was written, secrets masked.
    pub value: Option<String>,
    /// What was expected, for example `must be a number from 0 to 100`.
    pub problem: String,
}

impl SettingError {
    pub(super) fn new(origin: Origin, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            origin: Some(origin),
            key: key.into(),
            value: None,
            problem: problem.into(),
        }
    }

    pub(super) fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, "{value}: ")?;
        }
        f.write_str(&self.problem)
    }
}

/// All that is wrong, one line each. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingErrors(pub Vec<SettingError>);

impl SettingErrors {
    /// The mistakes in the order in which one mends them: by place.
    pub(super) fn sorted(mut mistakes: Vec<SettingError>) -> Self {
        let rank = |mistake: &SettingError| {
            let origin = mistake.origin.as_ref().map(Origin::rank);
            origin.map(|(layer, name, line)| (layer, name.to_owned(), line))
        };
        mistakes.sort_by_cached_key(rank);
        Self(mistakes)
    }
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{mistake}")?;
        }
        Ok(())
    }
}

/// What works otherwise than its author may think, as one line like a [`SettingError`]:
/// `aibal.toml:30: budget.usd_per_day: accepted, but not built yet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingWarning {
    pub origin: Option<Origin>,
    pub key: String,
    pub message: String,
}

impl SettingWarning {
    pub(super) fn new(origin: Origin, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            origin: Some(origin),
            key: key.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for SettingWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// The known names that the given one may have meant, nearest first, three at most.
pub fn near_names<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    const LIKENESS_MIN: f64 = 0.7;
    let given = given.to_lowercase();
    let likeness = |name: &'a str| (strsim::jaro_winkler(&given, &name.to_lowercase()), name);
    let mut names: Vec<(f64, &str)> = known.into_iter().map(likeness).collect();
    names.retain(|(likeness, _)| *likeness >= LIKENESS_MIN);
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    names.dedup();
    names.truncate(3);
    names.into_iter().map(|(_, name)| name).collect()
}

/// `; did you mean a, b?`, or nothing where no known name is near.
pub(super) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let names = near_names(given, known);
    if names.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", names.join(" or "))
}
