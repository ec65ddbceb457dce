use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How severe a log line is, the most severe first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something that an operator may have to look at.
    Warn,
    /// What happens usually.
    Info,
    /// Details for developers.
    Debug,
    /// All details.
    Trace,
}

impl LogLevel {
    /// Every level, the most severe first.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Its word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let level = Self::ALL.into_iter().find(|level| level.as_str() == word);
        level.ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("no level is called {word:?}: it is {words}")
        })
    }
}

/// The latest lines of the instance's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogList {
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// `after` of the next call, which continues where this list ends.
    pub next: u64,
    /// Lines after `after` that are no longer kept, of any level.
    pub removed: u64,
    /// Lines that could not be written to the file or stream of the log since the start.
    pub dropped: u64,
}

/// One line of a log; its texts hold no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Counts the lines of the process from 1.
    pub sequence: u64,
    /// RFC 3339; empty where it is unknown.
    pub at: String,
    /// How severe it is.
    pub level: LogLevel,
    /// The part of the program that wrote it.
    pub target: String,
    /// The message, and its fields as `name=value`; at most 1,000 characters.
    pub text: String,
}
