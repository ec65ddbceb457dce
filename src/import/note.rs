//! What an import did not take, or took in another form.

use std::fmt;

/// A part of the imported file that has no counterpart, or one that an operator must complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// Counted from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The key's path, for example `router_settings.redis_host`.
    pub key: String,
    /// What became of it, and what to do.
    pub text: String,
}

impl ImportNote {
    pub(super) fn new(line: usize, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            line,
            key: key.into(),
            text: text.into(),
        }
    }
}

/// `line 12: router_settings.redis_host: …`
impl fmt::Display for ImportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{}: {}", self.key, self.text)
    }
}
