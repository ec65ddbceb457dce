//! Configuration: files, variables and flags become validated values.
//!
//! Layers, later ones win: built-in defaults → `$XDG_CONFIG_HOME/aibal-tui/config.toml` →
//! `./aibal.toml` → `--config FILE` (replaces the two before) → `.env` → environment → flags. Every
//! value keeps its origin. All errors are reported at once, each with origin, key, value and what was
//! expected; keys and tokens are never shown.
//!
//! A new setting: a field in `file.rs`, a row in `keys.rs`, a line in `assets/config.sample.toml`,
//! and a field in `settings.rs`; tests fail until they agree.

mod source;

mod constraint;
mod credential;
mod origin;
mod setting_error;
mod setting_specs;

mod address;
mod alerts;
mod auth_file;
mod connection;
mod file;
mod headers;
mod key_pool;
mod key_store;
mod layers;
mod like;
mod parse;
mod text_file;
mod variables;
mod vendors;

pub mod prices;

mod capabilities;
mod check;
mod enums;
mod loaded;
mod model;
mod provider;
mod provider_context;
mod report;
mod resolved;
mod route;
mod secret_reader;
mod settings;
mod unsupported;

mod command;
mod diff;
mod price_list;
mod schedule;
mod schema;

mod atomic_write;
mod edit;
mod leftovers;
mod local_servers;
mod starter;
mod text_form;
mod time_zone;
mod tokens;
mod write_back;

pub use capabilities::ModelQuirks;
pub use check::load;
pub use command::{CheckReport, path, sample, show, write_new};
pub use diff::{SettingDiff, SettingsDiff};
pub use edit::{
    Edit, ProviderEdit, UnpersistedValue, WeightEdit, WriteError, WriteReport, WrittenFile,
};
pub use key_store::{
    KeyStoreSettings, LockedStore, UnlockMethod, passphrase_of, read_key_store, unlock_key_store,
    write_key_store,
};
pub use layers::listen;
pub use leftovers::remove_leftovers;
pub use loaded::Loaded;
pub use local_servers::{LOCAL_SERVERS, LocalServer};
pub use origin::Origin;
pub use price_list::price_list;
pub use resolved::ResolvedSetting;
pub use schema::schema;
pub use setting_error::{SettingError, SettingErrors, SettingWarning, near_names};
pub use settings::{
    AlertSettings, ArmMode, BalancingSettings, CacheSettings, DashboardSettings, KeyCommand,
    KeySource, ModelSettings, PoolKey, ProbeMode, ProbeSettings, ProviderSettings, RouteSettings,
    RouteTarget, ServerSettings, Settings, StoreSettings, StreamingSettings, TokenSettings,
    VertexSettings, WebhookSettings,
};
pub use source::{Flags, Sources};
pub use starter::{StarterProvider, starter, vendors_with_keys};
pub use text_file::read_bytes;
pub use text_form::toml_string;
pub use vendors::provider_variables;
pub use write_back::write_back;

#[cfg(test)]
mod tests;
