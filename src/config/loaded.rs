//! A validated configuration with the origin of each value.

use super::resolved::{ResolvedSetting, origin_of};
use super::setting_error::{SettingError, SettingWarning};
use super::settings::{ProviderSettings, Settings};
use std::path::PathBuf;

/// A configuration that was read and validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub settings: Settings,
    /// Every effective setting with its origin, secrets masked.
    pub entries: Vec<ResolvedSetting>,
    pub warnings: Vec<SettingWarning>,
    /// The files that were read, lowest precedence first.
    pub files: Vec<PathBuf>,
    /// The files that hold keys, whether they exist or not.
    pub key_files: Vec<PathBuf>,
    /// Others than this machine reach the address, and no token is configured: an error unless the
    /// store holds a token.
    pub needs_stored_token: Option<SettingError>,
    /// A key is in the key store, and the passphrase that opens it was not given.
    pub needs_passphrase: bool,
    /// The variables that add a provider, for the message where there is none.
    pub looked_for: Vec<String>,
    /// The file for changes where no file exists yet.
    pub(crate) home_file: Option<PathBuf>,
}

impl Loaded {
    /// An error of a setting that was read, with its origin and value: for checks that only others can
    /// make.
    pub fn error(&self, key: &str, problem: impl Into<String>) -> SettingError {
        let error = SettingError::new(origin_of(&self.entries, key), key, problem);
        match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) => error.with_value(entry.value.as_str()),
            None => error,
        }
    }

    /// The reason that no provider can serve, as a sentence; `None` where one can.
    pub fn no_provider(&self) -> Option<String> {
        if self.settings.has_usable_provider() {
            return None;
        }
        if self.settings.providers.is_empty() {
            let names = self.looked_for.join(", ");
            return Some(format!(
                "no provider is configured, and none of {names} is set"
            ));
        }
        let reason = |provider: &ProviderSettings| {
            let reason = provider.skipped.as_deref().unwrap_or("enabled = false");
            format!("{}: {reason}", provider.name)
        };
        let reasons: Vec<String> = self.settings.providers.iter().map(reason).collect();
        Some(format!(
            "no configured provider can be used: {}",
            reasons.join("; ")
        ))
    }
}
