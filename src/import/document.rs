//! Our configuration, as far as an import fills it, and its text.

use super::note::ImportNote;
use crate::config::toml_string;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A configuration that an import makes.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Settings by section and key, as TOML writes their values.
    pub settings: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    pub providers: Vec<ProviderEntry>,
    pub routes: Vec<RouteEntry>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ProviderEntry {
    pub name: String,
    pub kind: &'static str,
    pub base_url: Option<String>,
    pub api_key_env: Option<String>,
    /// Vertex AI: project, location and the file of credentials.
    pub vertex: [Option<String>; 3],
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
    pub models: Vec<ModelEntry>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ModelEntry {
    pub id: String,
    pub is_embedding: bool,
    /// USD per 1,000,000 tokens, by our key.
    pub prices: BTreeMap<&'static str, f64>,
    /// Whole numbers by our key.
    pub counts: BTreeMap<&'static str, u64>,
    /// Capabilities by our key.
    pub flags: BTreeMap<&'static str, bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RouteEntry {
    pub model: String,
    /// Each as provider/model.
    pub targets: Vec<String>,
    pub order: ImportedOrder,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ImportedOrder {
    Balanced,
    Strict,
    /// One weight for each target; 0 for those that only serve when no other can.
    Weighted(Vec<u32>),
}

impl Document {
    /// Sets a setting; `value` as TOML writes it.
    pub fn set(&mut self, section: &'static str, key: &'static str, value: String) {
        let section = self.settings.entry(section).or_default();
        section.insert(key, value);
    }

    /// The file, which begins with what an operator has to do.
    pub fn text(&self, source: &str, notes: &[ImportNote]) -> String {
        let mut text = format!(
            "# Made by `aibal-tui import litellm` of {}. Check it with `aibal-tui config check`.\n",
            comment(source)
        );
        if !notes.is_empty() {
            text.push_str("#\n# What has no counterpart, or must be completed by hand:\n");
        }
        for note in notes {
            let _ = writeln!(text, "# - {}", comment(&note.to_string()));
        }
        for (section, settings) in &self.settings {
            let _ = writeln!(text, "\n[{section}]");
            for (key, value) in settings {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        for provider in &self.providers {
            provider.write(&mut text);
        }
        for route in &self.routes {
            route.write(&mut text);
        }
        text
    }
}

/// A text that stays on one line of a comment.
fn comment(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

impl ProviderEntry {
    fn write(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n[[providers]]\nname = {}\nkind = {}\n",
            toml_string(&self.name),
            toml_string(self.kind)
        );
        let [project, location, credentials] = &self.vertex;
        let texts = [
            ("base_url", &self.base_url),
            ("api_key_env", &self.api_key_env),
            ("project", project),
            ("location", location),
            ("credentials", credentials),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {}", toml_string(value));
            }
        }
        let counts = [
            ("requests_per_minute", self.requests_per_minute),
            ("tokens_per_minute", self.tokens_per_minute),
        ];
        for (key, value) in counts {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        for model in &self.models {
            model.write(text);
        }
    }
}

impl ModelEntry {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "[[providers.models]]\nid = {}", toml_string(&self.id));
        if self.is_embedding {
            text.push_str("types = [\"embedding\"]\n");
        }
        for (key, price) in &self.prices {
            let _ = writeln!(text, "{key} = {price}");
        }
        for (key, count) in &self.counts {
            let _ = writeln!(text, "{key} = {count}");
        }
        for (key, flag) in &self.flags {
            let _ = writeln!(text, "{key} = {flag}");
        }
    }
}

impl RouteEntry {
    fn write(&self, text: &mut String) {
        let targets: Vec<String> = self.targets.iter().map(|it| toml_string(it)).collect();
        let _ = write!(
            text,
            "\n[[routes]]\nmodel = {}\ntargets = [{}]\n",
            toml_string(&self.model),
            targets.join(", ")
        );
        match &self.order {
            ImportedOrder::Balanced => {}
            ImportedOrder::Strict => text.push_str("order = \"strict\"\n"),
            ImportedOrder::Weighted(weights) => {
                let _ = writeln!(text, "order = \"weighted\"\nweights = {weights:?}");
            }
        }
    }
}
