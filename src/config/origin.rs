//! Where a value came from.
//!
//! Every value carries its origin through all layers, so that a mistake names its line, `config
//! show` explains each value, and a change goes back to the file that set it.

use std::fmt;
use std::path::PathBuf;

/// What set a value. Displayed as `built-in`, `aibal.toml:12`, `.env:3 NAME`, `env NAME` or
/// `flag --listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    File {
        path: PathBuf,
        /// The path as people know it: relative where it lies below the working directory.
        shown: String,
        /// Counted from 1; 0 where the file as a whole is meant.
        line: usize,
    },
    DotEnv {
        line: usize,
        name: String,
    },
    Environment {
        name: String,
    },
    Flag {
        name: &'static str,
    },
}

impl Origin {
    /// Whether a person set the value, rather than we.
    pub fn is_set(&self) -> bool {
        *self != Self::BuiltIn
    }

    /// The order in which mistakes are told: files by name and line, `.env`, environment, flags.
    pub(super) fn rank(&self) -> (u8, &str, usize) {
        match self {
            Self::BuiltIn => (0, "", 0),
            Self::File { shown, line, .. } => (1, shown, *line),
            Self::DotEnv { line, .. } => (2, "", *line),
            Self::Environment { name } => (3, name, 0),
            Self::Flag { name } => (4, name, 0),
        }
    }

    /// The variable or flag that outranks the files, where one set the value.
    pub fn outranks_files(&self) -> Option<&str> {
        match self {
            Self::BuiltIn | Self::File { .. } => None,
            Self::DotEnv { name, .. } | Self::Environment { name } => Some(name),
            Self::Flag { name } => Some(name),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.pad("built-in"),
            Self::File { shown, line: 0, .. } => f.pad(shown),
            Self::File { shown, line, .. } => f.pad(&format!("{shown}:{line}")),
            Self::DotEnv { line, name } => f.pad(&format!(".env:{line} {name}")),
            Self::Environment { name } => f.pad(&format!("env {name}")),
            Self::Flag { name } => f.pad(&format!("flag {name}")),
        }
    }
}

/// The origins of one load. A layered value can carry only a text, so it carries the place of its
/// origin in this list.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// A value with its origin.
    pub fn value(&mut self, origin: Origin, kind: impl Into<config::ValueKind>) -> config::Value {
        let place = self.0.len();
        self.0.push(origin);
        config::Value::new(Some(&place.to_string()), kind)
    }

    /// Where a value came from; tables that were made while merging are built in.
    pub fn of(&self, value: &config::Value) -> Origin {
        let place = value.origin().and_then(|text| text.parse::<usize>().ok());
        let origin = place.and_then(|place| self.0.get(place));
        origin.cloned().unwrap_or(Origin::BuiltIn)
    }
}
