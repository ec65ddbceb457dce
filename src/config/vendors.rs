//! Known vendors: defaults of their providers, and the variables that add them.

use super::address;
use super::origin::{Origin, Origins};
use super::prices;
use super::resolved::text_in;
use super::variables::EnvVars;
use crate::secrets::Secret;
use config::{File, FileFormat, Map, Value, ValueKind};
use serde::Deserialize;
use std::sync::LazyLock;

/// The default of `providers[].priority`.
pub(super) const DEFAULT_PRIORITY: i64 = 50;
/// The default of `providers[].enabled`.
pub(super) const DEFAULT_ENABLED: bool = true;

/// A row of `assets/vendors.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VendorPreset {
    pub name: String,
    pub kind: String,
    pub base_url: Option<String>,
    #[serde(default)]
    pub api_key_env: Vec<String>,
    #[serde(default)]
    pub from_environment: bool,
    pub models: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorTable {
    vendors: Vec<VendorPreset>,
}

static VENDORS: LazyLock<Vec<VendorPreset>> = LazyLock::new(|| {
    let text = include_str!("../../assets/vendors.toml");
    let source = File::from_str(text, FileFormat::Toml);
    let table = config::Config::builder().add_source(source).build();
    let table: VendorTable = table
        .and_then(config::Config::try_deserialize)
        .expect("the built-in table of vendors is read by a test");
    table.vendors
});

/// The meaning of `AI_GATEWAY_API_KEY`.
#[derive(Debug, Clone)]
pub(super) enum GatewayKeyMode {
    /// Not set.
    Unset,
    /// Ollama only.
    Local(Origin),
    /// Vertex AI as well.
    Vertex(Origin),
    /// Clients of /v1 must send this.
    Token(Secret),
}

impl GatewayKeyMode {
    pub fn new(env_vars: &EnvVars) -> Self {
        let Some((value, origin)) = env_vars.get("AI_GATEWAY_API_KEY") else {
            return Self::Unset;
        };
        match value.trim() {
            "local" => Self::Local(origin.clone()),
            "vertex" => Self::Vertex(origin.clone()),
            token => Secret::new(token).map_or(Self::Unset, Self::Token),
        }
    }

    /// The token that clients of /v1 must send, if it is one.
    pub fn into_token(self) -> Option<Secret> {
        match self {
            Self::Token(token) => Some(token),
            _ => None,
        }
    }
}

/// All known vendors.
pub(super) fn presets() -> &'static [VendorPreset] {
    &VENDORS
}

/// The variables that add a provider, for the message where none is configured.
pub fn provider_variables() -> Vec<String> {
    let vendors = VENDORS.iter().filter(|vendor| vendor.from_environment);
    let names = vendors.flat_map(|vendor| vendor.api_key_env.iter().cloned());
    names.chain(["OLLAMA_HOST".to_owned()]).collect()
}

/// The variables that add the provider of that name; empty for all other names.
pub(super) fn variables_of(name: &str) -> Vec<&'static str> {
    if name == "ollama" {
        return vec!["OLLAMA_HOST"];
    }
    let vendors = VENDORS
        .iter()
        .filter(|vendor| vendor.from_environment && vendor.name == name);
    vendors
        .flat_map(|vendor| vendor.api_key_env.iter().map(String::as_str))
        .collect()
}

/// Adds a provider for every known key in the environment whose vendor no file configures.
pub(super) fn add_found(providers: &mut Vec<Value>, env_vars: &EnvVars, origins: &mut Origins) {
    let is_configured = |vendor: &VendorPreset, providers: &[Value]| {
        providers.iter().any(|provider| match &provider.kind {
            ValueKind::Table(table) => {
                text_in(table, "name") == Some(&vendor.name)
                    || text_in(table, "kind") == Some(&vendor.kind)
            }
            _ => false,
        })
    };
    let mode = GatewayKeyMode::new(env_vars);
    let configured = providers.clone();
    for vendor in VENDORS
        .iter()
        .filter(|vendor| !is_configured(vendor, &configured))
    {
        let extra = match (vendor.kind.as_str(), &mode) {
            ("ollama", _) => ollama(env_vars, &mode),
            ("vertex", GatewayKeyMode::Vertex(origin)) => Some((vec![], origin.clone())),
            (_, GatewayKeyMode::Local(_)) => None,
            _ if vendor.from_environment => key_of(vendor, env_vars)
                .map(|(name, origin)| (vec![("api_key_env", name.to_owned())], origin.clone())),
            _ => None,
        };
        let Some((extra, origin)) = extra else {
            continue;
        };
        let own = [("name", vendor.name.clone()), ("kind", vendor.kind.clone())];
        let value =
            |(name, text): (&str, String)| (name.to_owned(), origins.value(origin.clone(), text));
        let table: Map<String, Value> = own.into_iter().chain(extra).map(value).collect();
        providers.push(origins.value(origin, table));
    }
}

type FoundSettings = (Vec<(&'static str, String)>, Origin);

fn ollama(env_vars: &EnvVars, mode: &GatewayKeyMode) -> Option<FoundSettings> {
    match (env_vars.get("OLLAMA_HOST"), mode) {
        (Some((host, origin)), _) => {
            // An invalid host is kept, so that the validation reports it.
            let url = address::ollama_base_url(host).unwrap_or_else(|| host.to_owned());
            Some((vec![("base_url", url)], origin.clone()))
        }
        (None, GatewayKeyMode::Local(origin)) => Some((vec![], origin.clone())),
        (None, _) => None,
    }
}

/// The first of the vendor's variables that is set.
fn key_of<'a>(vendor: &'a VendorPreset, env_vars: &'a EnvVars) -> Option<(&'a str, &'a Origin)> {
    let origin = |name: &'a String| {
        env_vars
            .get(name)
            .map(|(_, origin)| (name.as_str(), origin))
    };
    vendor.api_key_env.iter().find_map(origin)
}

/// Adds the defaults of a provider: those of its vendor, or those of all providers.
pub(super) fn complete(provider: &mut Value, env_vars: &EnvVars, origins: &mut Origins) {
    let ValueKind::Table(table) = &mut provider.kind else {
        return;
    };
    let vendor = vendor_of(table);
    let has_key = has_key(table);
    let mut fill = |name: &str, value: ValueKind, origin: Origin| {
        if !table.contains_key(name) {
            table.insert(name.to_owned(), origins.value(origin, value));
        }
    };
    let (priority, enabled) = (DEFAULT_PRIORITY, DEFAULT_ENABLED);
    fill("priority", ValueKind::I64(priority), Origin::BuiltIn);
    fill("enabled", ValueKind::Boolean(enabled), Origin::BuiltIn);
    let Some(vendor) = vendor else {
        return;
    };
    match (vendor.kind.as_str(), env_vars.get("OLLAMA_HOST")) {
        ("ollama", Some((host, origin))) => {
            if let Some(url) = address::ollama_base_url(host) {
                fill("base_url", ValueKind::String(url), origin.clone());
            }
        }
        ("vertex", _) => {
            let credentials = env_vars.get("GOOGLE_APPLICATION_CREDENTIALS");
            if let Some((path, origin)) = credentials.filter(|_| !has_key) {
                fill(
                    "credentials",
                    ValueKind::String(path.to_owned()),
                    origin.clone(),
                );
            }
            let project = ["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"];
            if let Some((text, origin)) = project.iter().find_map(|name| env_vars.get(name)) {
                fill(
                    "project",
                    ValueKind::String(text.trim().to_owned()),
                    origin.clone(),
                );
            }
            match env_vars.get("GOOGLE_CLOUD_LOCATION") {
                Some((text, origin)) => {
                    fill(
                        "location",
                        ValueKind::String(text.trim().to_owned()),
                        origin.clone(),
                    );
                }
                None => fill(
                    "location",
                    ValueKind::String("global".to_owned()),
                    Origin::BuiltIn,
                ),
            }
        }
        _ => {}
    }
    if let Some(url) = &vendor.base_url {
        fill("base_url", ValueKind::String(url.clone()), Origin::BuiltIn);
    }
    let variable = key_of(vendor, env_vars).map(|(name, _)| name.to_owned());
    let variable = variable.or_else(|| vendor.api_key_env.first().cloned());
    complete_rest(table, vendor, variable, origins);
}

fn has_key(table: &Map<String, Value>) -> bool {
    ["api_key", "api_key_env", "api_keys"]
        .iter()
        .any(|name| table.contains_key(*name))
}

fn complete_rest(
    table: &mut Map<String, Value>,
    vendor: &VendorPreset,
    variable: Option<String>,
    origins: &mut Origins,
) {
    let has_key = has_key(table);
    if let Some(variable) = variable.filter(|_| !has_key) {
        let value = origins.value(Origin::BuiltIn, variable);
        table.insert("api_key_env".to_owned(), value);
    }
    if vendor.kind == "vertex" && !table.contains_key("base_url") {
        let location = text_in(table, "location").unwrap_or("global");
        let value = origins.value(Origin::BuiltIn, address::vertex_base_url(location));
        table.insert("base_url".to_owned(), value);
    }
    let has_models = match table.get("models").map(|models| &models.kind) {
        Some(ValueKind::Array(models)) => !models.is_empty(),
        _ => false,
    };
    if !has_models {
        let models = vendor.models.iter().map(|id| model_table(id, origins));
        let models: Vec<Value> = models.collect();
        table.insert("models".to_owned(), origins.value(Origin::BuiltIn, models));
    }
}

/// Adds the known models that routes name to providers that have the short list of their vendor, so
/// that naming a model in a route is enough.
pub(super) fn serve_routed(tree: &mut Map<String, Value>, origins: &mut Origins) {
    let mut routed: Vec<String> = Vec::new();
    for route in tables(tree.get("routes")) {
        if let Some(ValueKind::Array(targets)) = route.get("targets").map(|list| &list.kind) {
            let text = |target: &Value| match &target.kind {
                ValueKind::String(text) => Some(text.clone()),
                _ => None,
            };
            routed.extend(targets.iter().filter_map(text));
        }
    }
    let Some(ValueKind::Array(providers)) = tree.get_mut("providers").map(|list| &mut list.kind)
    else {
        return;
    };
    for provider in providers {
        let ValueKind::Table(table) = &mut provider.kind else {
            continue;
        };
        let name = text_in(table, "name").unwrap_or_default().to_owned();
        let kind = text_in(table, "kind").unwrap_or_default().to_owned();
        let Some(models) = table.get_mut("models") else {
            continue;
        };
        let is_short_list = !origins.get(models).is_set();
        let ValueKind::Array(models) = &mut models.kind else {
            continue;
        };
        if !is_short_list || models.is_empty() {
            continue;
        }
        for target in &routed {
            let model = target.strip_prefix(&format!("{name}/")).unwrap_or_default();
            let is_listed = models.iter().any(|known| match &known.kind {
                ValueKind::Table(known) => text_in(known, "id") == Some(model),
                _ => false,
            });
            if !is_listed && prices::find(&kind, model).is_some() {
                models.push(model_table(model, origins));
            }
        }
    }
}

fn tables(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let items = match list.map(|list| &list.kind) {
        Some(ValueKind::Array(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match &item.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    })
}

fn model_table(id: &str, origins: &mut Origins) -> Value {
    let id = origins.value(Origin::BuiltIn, id.to_owned());
    Value::new(None, Map::from_iter([("id".to_owned(), id)]))
}

/// The vendor of a provider: of the same kind and, for the many vendors with OpenAI's protocol, of
/// the same name.
fn vendor_of(table: &Map<String, Value>) -> Option<&'static VendorPreset> {
    let kind = text_in(table, "kind")?;
    let name = text_in(table, "name").unwrap_or_default();
    let of_kind = || VENDORS.iter().filter(|vendor| vendor.kind == kind);
    let named = of_kind().find(|vendor| vendor.name == name);
    named.or_else(|| of_kind().find(|vendor| vendor.name == vendor.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting_specs;

    #[test]
    fn every_vendor_has_a_known_kind_and_address() {
        for vendor in VENDORS.iter() {
            assert!(
                setting_specs::KINDS.contains(&vendor.kind.as_str()),
                "{}",
                vendor.name
            );
            let url = vendor.base_url.as_deref();
            let is_normal = url.is_none_or(|url| {
                address::is_base_url(url) && address::normal_base_url(&vendor.kind, url) == url
            });
            assert!(is_normal, "{url:?}");
        }
    }

    #[test]
    fn every_model_of_a_short_list_has_a_price() {
        for vendor in VENDORS.iter() {
            for model in &vendor.models {
                assert!(prices::find(&vendor.kind, model).is_some(), "{model}");
            }
        }
    }
}
