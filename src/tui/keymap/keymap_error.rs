//! Keys of an operator that cannot be used.

use std::fmt;

/// One key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeymapError {
    /// The action whose key it is, as the configuration names it.
    pub action: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl KeymapError {
    pub(super) fn new(action: &str, problem: impl Into<String>) -> Self {
        Self {
            action: action.to_owned(),
            problem: problem.into(),
        }
    }
}

/// All keys that cannot be used; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeymapErrors(pub Vec<KeymapError>);

impl fmt::Display for KeymapErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}dashboard.keys.{}: {}", error.action, error.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for KeymapErrors {}
