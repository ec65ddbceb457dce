//! Collects the errors and warnings of all checks.

use super::resolved::{self, ResolvedSetting};
use super::setting_error::{SettingError, SettingWarning};

/// The settings that checks read, and what they report.
pub(super) struct Report<'a> {
    pub entries: &'a [ResolvedSetting],
    pub errors: Vec<SettingError>,
    pub warnings: Vec<SettingWarning>,
}

impl Report<'_> {
    pub fn error(&mut self, key: &str, value: Option<String>, problem: impl Into<String>) {
        let error = self.error_of(key, value, problem);
        self.errors.push(error);
    }

    /// Makes an error without reporting it.
    pub fn error_of(
        &self,
        key: &str,
        value: Option<String>,
        problem: impl Into<String>,
    ) -> SettingError {
        let mut error = SettingError::new(resolved::origin_of(self.entries, key), key, problem);
        error.value = value;
        error
    }

    pub fn warn(&mut self, key: &str, message: impl Into<String>) {
        let origin = resolved::origin_of(self.entries, key);
        self.warnings
            .push(SettingWarning::new(origin, key, message));
    }

    /// Returns whether an error of that key or below was reported, so that its consequences are not
    /// reported too.
    pub fn has_error(&self, key: &str) -> bool {
        self.errors.iter().any(|error| error.key.starts_with(key))
    }
}
