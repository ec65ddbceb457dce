//! Changes to write back to the configuration files, and their results.

use crate::domain::GlobalSettings;
use std::fmt;
use std::path::PathBuf;

/// A change to write back; `None` leaves a value as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Weights(WeightEdit),
    /// Strategy, budgets and breakers.
    Settings(GlobalSettings),
    Provider(ProviderEdit),
}

/// Points from 0 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeightEdit {
    pub cost: Option<f64>,
    pub latency: Option<f64>,
    pub reliability: Option<f64>,
    pub load: Option<f64>,
    pub priority: Option<f64>,
}

impl WeightEdit {
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = [
            ("cost", self.cost),
            ("latency", self.latency),
            ("reliability", self.reliability),
            ("load", self.load),
            ("priority", self.priority),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderEdit {
    pub name: String,
    pub enabled: Option<bool>,
    pub priority: Option<u8>,
    pub max_concurrent: Option<u32>,
    /// The whole override: a weight that is `None` here is removed from the file.
    pub weights: Option<WeightEdit>,
}

/// The result of writing a change back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteReport {
    pub written: Vec<WrittenFile>,
    pub unpersisted: Vec<UnpersistedValue>,
}

/// A written file with its content, so that our own write is not taken for a change by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub content: String,
}

/// A value that is not written. Displayed as
/// `balancing.weights.cost stays in memory because env LOAD_BALANCER_WEIGHT_COST sets it`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpersistedValue {
    pub key: String,
    pub because: String,
}

impl fmt::Display for UnpersistedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stays in memory because {}", self.key, self.because)
    }
}

/// A change that could not be written; it stays in memory.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("write the change: there is no home directory for a configuration file")]
    NoHome,
    #[error("write {path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("write {path}: it is no longer valid TOML")]
    // Without a source: the parser's error quotes the line, which may contain a key.
    Unreadable { path: PathBuf },
    #[error("write {path}: {key} is not a table there")]
    Shape { path: PathBuf, key: String },
    #[error("write the change: there is no provider {name:?}")]
    UnknownProvider { name: String },
}
