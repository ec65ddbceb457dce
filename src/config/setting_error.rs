//! Errors and warnings of a configuration: what is wrong, where, and what was expected.

use super::origin::Origin;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// One error, displayed as one line:
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
    source: Option<ErrorSource>,
}

/// The error of a lower layer, shared so that a [`SettingError`] can be cloned; compared by its text.
#[derive(Debug, Clone)]
struct ErrorSource(Arc<dyn Error + Send + Sync>);

impl PartialEq for ErrorSource {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl Eq for ErrorSource {}

impl SettingError {
    pub(super) fn new(origin: Origin, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            origin: Some(origin),
            ..Self::without_origin(key, problem)
        }
    }

    /// An error of a value whose origin the caller does not know.
    pub fn without_origin(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            origin: None,
            key: key.into(),
            value: None,
            problem: problem.into(),
            source: None,
        }
    }

    pub(super) fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Keeps the error that `problem` describes as the source. Not for errors that quote a file, because
    /// it may contain keys.
    pub(super) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(ErrorSource(Arc::new(source)));
        self
    }
}

impl Error for SettingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source.as_ref()?.0)
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

/// All errors of a configuration, displayed one line each; `source()` is the first. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingErrors(pub Vec<SettingError>);

impl SettingErrors {
    /// The errors in the order of their origins.
    pub(super) fn sorted(mut errors: Vec<SettingError>) -> Self {
        let rank = |error: &SettingError| {
            let origin = error.origin.as_ref().map(Origin::rank);
            origin.map(|(layer, name, line)| (layer, name.to_owned(), line))
        };
        errors.sort_by_cached_key(rank);
        Self(errors)
    }
}

impl Error for SettingErrors {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.first().map(|error| error as _)
    }
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{error}")?;
        }
        Ok(())
    }
}

/// A setting that has not the effect its author may expect, displayed as one line:
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

/// Known names similar to the given one, most similar first, at most three.
pub fn near_names<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    const MIN_SIMILARITY: f64 = 0.7;
    let given = given.to_lowercase();
    let similarity = |name: &'a str| (strsim::jaro_winkler(&given, &name.to_lowercase()), name);
    let mut names: Vec<(f64, &str)> = known.into_iter().map(similarity).collect();
    names.retain(|(similarity, _)| *similarity >= MIN_SIMILARITY);
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    names.dedup();
    names.truncate(3);
    names.into_iter().map(|(_, name)| name).collect()
}

/// `; did you mean a or b?`, or empty where no known name is similar.
pub(super) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let names = near_names(given, known);
    if names.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", names.join(" or "))
}
