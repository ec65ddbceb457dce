//! Errors that end the program, with their exit code.

use crate::config::SettingErrors;
use std::error::Error;

type BoxedError = Box<dyn Error + Send + Sync>;

/// A usage or configuration error, a port in use, a directory that cannot be written.
const EXIT_USAGE: u8 = 2;
/// The program failed while running.
const EXIT_FAILED: u8 = 1;

/// An error that ends the program.
///
/// `Display` is the complete text for the operator, one sentence or one line per mistake;
/// `source()` is the error behind it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct ExitError {
    text: String,
    code: u8,
    source: Option<BoxedError>,
}

impl ExitError {
    pub fn new(code: u8, text: impl Into<String>, source: impl Into<BoxedError>) -> Self {
        Self {
            text: text.into(),
            code,
            source: Some(source.into()),
        }
    }

    /// An error that the operator can correct.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: EXIT_USAGE,
            source: None,
        }
    }

    /// The same, with the error behind it.
    pub fn usage_caused_by(text: impl Into<String>, source: impl Into<BoxedError>) -> Self {
        Self::new(EXIT_USAGE, text, source)
    }

    pub fn failed(text: impl Into<String>, source: impl Into<BoxedError>) -> Self {
        Self::new(EXIT_FAILED, text, source)
    }

    /// The same error with a text before its own.
    pub fn prefixed(self, prefix: &str) -> Self {
        Self {
            text: format!("{prefix}{}", self.text),
            ..self
        }
    }

    pub fn code(&self) -> u8 {
        self.code
    }
}

impl From<anyhow::Error> for ExitError {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"), error)
    }
}

impl From<std::io::Error> for ExitError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string(), error)
    }
}

impl From<SettingErrors> for ExitError {
    fn from(errors: SettingErrors) -> Self {
        Self::usage_caused_by(errors.to_string(), errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_error_prints_the_whole_text_and_keeps_its_causes() {
        let error = anyhow::anyhow!("the disk is full").context("no log file");
        let error = ExitError::from(error).prefixed("serve: ");

        assert_eq!(error.to_string(), "serve: no log file: the disk is full");
        let source = error.source().expect("a source");
        assert_eq!(source.to_string(), "no log file");
        assert!(source.source().is_some());
        assert_eq!(error.code(), EXIT_FAILED);
    }
}
