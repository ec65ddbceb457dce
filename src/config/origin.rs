//! Origins of values.
//!
//! Every value carries its origin through all layers, so that an error names its line, `config
//! show` explains each value, and a change is written to the file that set it.

use std::fmt;
use std::path::PathBuf;

/// The source of a value. Displayed as `built-in`, `aibal.toml:12`, `.env:3 NAME`, `env NAME` or
/// `flag --listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    File {
        path: PathBuf,
        /// The path for messages: relative where it lies below the working directory.
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
    /// Returns whether the operator set the value.
    pub fn is_set(&self) -> bool {
        *self != Self::BuiltIn
    }

    /// The order of errors: files by name and line, `.env`, environment, flags.
    pub(super) fn rank(&self) -> (u8, &str, usize) {
        match self {
            Self::BuiltIn => (0, "", 0),
            Self::File { shown, line, .. } => (1, shown, *line),
            Self::DotEnv { line, .. } => (2, "", *line),
            Self::Environment { name } => (3, name, 0),
            Self::Flag { name } => (4, name, 0),
        }
    }

    /// The variable or flag that set the value, which outranks the files.
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

/// The origins of one load. A layered value can carry only a text, so it carries the index of its
/// origin in this list.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    /// A value with its origin.
    pub fn value(&mut self, origin: Origin, kind: impl Into<config::ValueKind>) -> config::Value {
        let index = self.0.len();
        self.0.push(origin);
        config::Value::new(Some(&index.to_string()), kind)
    }

    /// The origin of a value; tables that the merge created are built in.
    pub fn get(&self, value: &config::Value) -> Origin {
        let index = value.origin().and_then(|text| text.parse::<usize>().ok());
        let origin = index.and_then(|index| self.0.get(index));
        origin.cloned().unwrap_or(Origin::BuiltIn)
    }
}
