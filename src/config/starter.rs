//! The starter file of `config init`: every setting with its default, and the providers that were found.

use super::layers::{self, SAMPLE};
use super::source::Sources;
use super::text_form::toml_string;
use super::vendors::{self, VendorPreset};
use std::fmt::Write;

/// The comment of the sample before which providers stand.
const AFTER_PROVIDERS: &str = "# A model name for clients, and the targets that may serve it.\n";

/// A provider for the starter file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarterProvider {
    pub name: String,
    pub kind: String,
    /// `None`: the vendor's own.
    pub base_url: Option<String>,
    /// The variable that holds its key.
    pub api_key_env: Option<String>,
    /// How it was found; one line.
    pub comment: String,
}

/// The vendors whose keys are in the environment or in `.env`; the keys themselves are not read further.
pub fn vendors_with_keys(sources: &Sources) -> Vec<StarterProvider> {
    let Ok(layered) = layers::layer(sources) else {
        return Vec::new();
    };
    let found = |vendor: &VendorPreset| {
        let mut variables = vendor.api_key_env.iter();
        let (variable, origin) = variables.find_map(|name| {
            let (_, origin) = layered.env_vars.get(name)?;
            Some((name.clone(), origin.clone()))
        })?;
        let place = match origin.outranks_files() {
            Some(_) if origin.to_string().starts_with(".env") => ".env",
            _ => "the environment",
        };
        Some(StarterProvider {
            name: vendor.name.clone(),
            kind: vendor.kind.clone(),
            base_url: None,
            comment: format!("{variable} is set in {place}."),
            api_key_env: Some(variable),
        })
    };
    vendors::presets().iter().filter_map(found).collect()
}

/// The starter file with these providers.
pub fn starter(providers: &[StarterProvider]) -> String {
    let Some((before, after)) = SAMPLE.split_once(AFTER_PROVIDERS) else {
        return SAMPLE.to_owned();
    };
    let mut text = before.to_owned();
    for provider in providers {
        let _ = write!(
            text,
            "# {}\n[[providers]]\nname = {}\nkind = {}\n",
            provider.comment,
            toml_string(&provider.name),
            toml_string(&provider.kind)
        );
        if let Some(url) = &provider.base_url {
            let _ = writeln!(text, "base_url = {}", toml_string(url));
        }
        if let Some(variable) = &provider.api_key_env {
            let _ = writeln!(text, "api_key_env = {}", toml_string(variable));
        }
        text.push('\n');
    }
    text + AFTER_PROVIDERS + after
}
