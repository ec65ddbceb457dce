//! CONFIGURATION: TOML, variables and flags → values that cannot be wrong.
//!
//! Layers, later ones win: built-in defaults → `$XDG_CONFIG_HOME/aibal-tui/config.toml` →
//! `./aibal.toml` → `--config FILE` (replaces the two before) → `.env` → environment → flags. Every
//! value keeps its origin. All mistakes are found at once, each with its place, key and value, and
//! with what was expected; keys and tokens are never shown.
//!
//! A new setting: a field in `file.rs`, a row in `keys.rs`, a line in `assets/config.sample.toml`,
//! and a field in `settings.rs`; tests fail until they agree.

mod source;

mod constraint;
mod keys;
mod origin;
mod setting_error;

mod address;
mod connection;
mod file;
mod layers;
mod parse;
mod variables;
mod vendors;

pub mod prices;

mod capabilities;
mod check;
mod enums;
mod model;
mod provider;
mod resolved;
mod route;
mod settings;
mod unsupported;

mod command;
mod diff;
mod price_list;

mod atomic_write;
mod edit;
mod write_back;

pub use command::{CheckReport, check, init, path, sample, schema, show};
pub use diff::{SettingDiff, SettingsDiff};
pub use edit::{
    Edit, ProviderEdit, UnpersistedValue, WeightEdit, WriteError, WriteReport, WrittenFile,
};
pub use origin::Origin;
pub use price_list::price_list;
pub use resolved::ResolvedSetting;
pub use setting_error::{SettingError, SettingErrors, SettingWarning, near_names};
pub use settings::{
    AdaptiveSettings, AlertSettings, ArmMode, BalancingSettings, BudgetSettings, CacheSettings,
    DashboardSettings, ModelCapabilities, ModelQuirks, ModelSettings, ModelType, ModelTypes, Price,
    ProbeMode, ProbeSettings, ProviderSettings, Recovery, Role, RouteSettings, RouteTarget,
    ServerSettings, Settings, StoreSettings, Strategy, StreamingSettings, TokenSettings,
    VertexSettings, WeightOverrides, WeightSettings,
};
pub use source::{Flags, Sources};
pub use write_back::write_back;

use std::path::PathBuf;

/// The commented starter file, which also holds the defaults.
const SAMPLE: &str = include_str!("../../assets/config.sample.toml");

/// A configuration that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub settings: Settings,
    /// Every setting in force with its origin, secrets masked.
    pub entries: Vec<ResolvedSetting>,
    pub warnings: Vec<SettingWarning>,
    /// The files that were read, lowest first.
    pub files: Vec<PathBuf>,
    /// The variables that alone would bring a provider, for the message where there is none.
    pub looked_for: Vec<String>,
    /// Where a change is written when there is no file yet.
    pub(crate) home_file: Option<PathBuf>,
}

impl Loaded {
    /// The files that hold keys.
    pub fn key_files(&self) -> impl Iterator<Item = &std::path::Path> {
        let keys = self.entries.iter();
        let keys = keys.filter(|entry| entry.pattern == "providers[].api_key");
        keys.filter_map(|entry| Some(std::path::Path::new(entry.value.strip_prefix("file:")?)))
    }

    /// Why no provider can serve, as sentences for people; `None` where one can.
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

/// Reads all layers and checks them; all mistakes are reported at once.
pub fn load(sources: &Sources) -> Result<Loaded, SettingErrors> {
    check::check(layers::layer(sources)?, sources)
}

#[cfg(test)]
mod tests;
