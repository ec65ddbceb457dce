//! Merges the layers: built-in defaults, files, `.env`, environment, flags; later ones win.
//!
//! Tables are merged key by key. A later file replaces a list (`[[providers]]`) as a whole, so that
//! the file of a project lists all its providers.

use super::constraint::InputValue;
use super::origin::{Origin, Origins};
use super::parse::{self, ConfigText};
use super::resolved::ResolvedSetting;
use super::setting_error::{SettingError, SettingErrors, SettingWarning};
use super::source::Sources;
use super::variables::{EnvVars, ProviderVariable, Variables, insert};
use super::vendors;
use super::{address, like, resolved, setting_specs};
use config::{Config, Map, Source, Value, ValueKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The commented starter file, which also holds the defaults.
pub(super) const SAMPLE: &str = include_str!("../../assets/config.sample.toml");

/// The merged and completed values, before they are validated as a whole. Holds keys, so it is not
/// printed.
pub(super) struct Layered {
    /// The merged values in the shape of `file.rs`.
    pub tree: Value,
    pub origins: Origins,
    /// The same values one by one, with their origins.
    pub entries: Vec<ResolvedSetting>,
    /// The files that exist, lowest precedence first.
    pub files: Vec<PathBuf>,
    pub env_vars: EnvVars,
    pub errors: Vec<SettingError>,
    pub warnings: Vec<SettingWarning>,
}

/// Reads and merges all layers. Invalid values are reported and left out.
pub(super) fn layer(sources: &Sources) -> Result<Layered, SettingErrors> {
    let mut origins = Origins::default();
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let mut layers = vec![built_in(&mut origins)];
    let mut files = Vec::new();
    for path in sources.files() {
        match sources.read(&path) {
            Ok(Some(content)) => {
                let shown = sources.shown(&path);
                let text = ConfigText {
                    path: &path,
                    shown: &shown,
                    content: &content,
                    is_built_in: false,
                };
                layers.push(parse::read(&text, &mut origins, &mut errors));
                files.push(path);
            }
            Ok(None) => {}
            Err(error) => errors.push(*error),
        }
    }
    let dot_env = match sources.read(&sources.dot_env()) {
        Ok(content) => Variables::dot_env(&content.unwrap_or_default(), &mut warnings),
        // Other programs use the file too, so it stops nothing.
        Err(error) => {
            let origin = error.origin.clone().unwrap_or(Origin::BuiltIn);
            let message = format!("{}; it is left out", error.problem);
            warnings.push(SettingWarning::new(origin, "", message));
            Variables::default()
        }
    };
    let environment = Variables::environment(&sources.environment);
    let mut patches = Vec::new();
    for variables in [&dot_env, &environment] {
        let layer = variables.layer(&mut origins, &mut errors);
        layers.push(layer.values);
        patches.extend(layer.patches);
    }
    layers.push(flags(sources, &mut origins, &mut errors));

    let mut tree = merge(layers)?;
    let env_vars = EnvVars {
        environment,
        dot_env,
    };
    let providers = list_in(&mut tree, "providers");
    vendors::add_found(providers, &env_vars, &mut origins);
    for patch in patches {
        apply(patch, providers, &mut origins, &mut errors);
    }
    like::inherit(providers, &origins, &mut errors);
    for provider in providers {
        vendors::complete(provider, &env_vars, &mut origins);
    }
    vendors::serve_routed(&mut tree, &mut origins);
    let tree = Value::new(None, tree);
    let entries = resolved::flatten(&tree, &origins);
    Ok(Layered {
        tree,
        origins,
        entries,
        files,
        env_vars,
        errors,
        warnings,
    })
}

/// The address to listen on, and its origin; also where other settings have errors.
pub fn listen(sources: &Sources) -> Option<(SocketAddr, Origin)> {
    let layered = layer(sources).ok()?;
    let mut entries = layered.entries.into_iter();
    let entry = entries.find(|entry| entry.key == "server.listen")?;
    let text = entry.value.trim_matches('"');
    Some((address::listen(text)?, entry.origin))
}

/// The defaults: the sample, including the settings that it only shows as a comment.
pub(super) fn defaults_text() -> String {
    let shows_default = |line: &str| {
        let name = line.strip_prefix('#').unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let line = |line: &'static str| {
        if shows_default(line) {
            &line[1..]
        } else {
            line
        }
    };
    SAMPLE.lines().map(line).collect::<Vec<&str>>().join("\n")
}

/// The defaults, one by one.
pub(super) fn defaults() -> Result<Vec<ResolvedSetting>, SettingErrors> {
    let mut origins = Origins::default();
    let tree = merge(vec![built_in(&mut origins)])?;
    Ok(resolved::flatten(&Value::new(None, tree), &origins))
}

fn built_in(origins: &mut Origins) -> Map<String, Value> {
    let content = defaults_text();
    let text = ConfigText {
        path: Path::new("assets/config.sample.toml"),
        shown: "assets/config.sample.toml",
        content: &content,
        is_built_in: true,
    };
    // A test proves that the sample has no errors.
    parse::read(&text, origins, &mut Vec::new())
}

fn flags(
    sources: &Sources,
    origins: &mut Origins,
    errors: &mut Vec<SettingError>,
) -> Map<String, Value> {
    let mut values = Map::new();
    let given = sources.flags.listen.as_ref();
    let Some((listen, setting_specs::Node::Leaf(key))) =
        given.zip(setting_specs::node("server.listen"))
    else {
        return values;
    };
    let origin = Origin::Flag { name: "--listen" };
    let given = InputValue::Text(listen.clone());
    if let Some(value) = key.rule.check(&given) {
        insert(
            &mut values,
            &["server", "listen"],
            origins.value(origin, value),
        );
    } else {
        let error = SettingError::new(origin, key.path, key.rule.problem(&given));
        errors.push(error.with_value(given.to_string()));
    }
    values
}

/// One layer's values as a source of the merging.
#[derive(Clone)]
struct LayerSource(Map<String, Value>);

/// Without the values, which may be keys.
impl std::fmt::Debug for LayerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerSource").finish_non_exhaustive()
    }
}

impl Source for LayerSource {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn merge(layers: Vec<Map<String, Value>>) -> Result<Map<String, Value>, SettingErrors> {
    let mut builder = Config::builder();
    for layer in layers {
        builder = builder.add_source(LayerSource(layer));
    }
    let merged = builder.build().and_then(|config| config.cache.into_table());
    merged.map_err(|error| {
        let problem = format!("the layers could not be merged: {error}");
        let error = SettingError::new(Origin::BuiltIn, "", problem).caused_by(error);
        SettingErrors(vec![error])
    })
}

/// The list at a top-level key, created where it is missing.
fn list_in<'a>(tree: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let empty = || Value::new(None, Vec::<Value>::new());
    let list = tree.entry(name.to_owned()).or_insert_with(empty);
    if !matches!(list.kind, ValueKind::Array(_)) {
        *list = empty();
    }
    match &mut list.kind {
        ValueKind::Array(items) => items,
        _ => unreachable!("the list was created above"),
    }
}

/// Applies a variable to the provider that it names.
fn apply(
    patch: ProviderVariable,
    providers: &mut [Value],
    origins: &mut Origins,
    errors: &mut Vec<SettingError>,
) {
    let normalized = |name: &str| name.to_ascii_lowercase().replace(['-', '.'], "_");
    let wanted = normalized(&patch.provider);
    let mut known = Vec::new();
    for provider in providers.iter_mut() {
        let ValueKind::Table(table) = &mut provider.kind else {
            continue;
        };
        let name = resolved::text_in(table, "name")
            .unwrap_or_default()
            .to_owned();
        if normalized(&name) == wanted {
            let segments: Vec<&str> = patch.key.split('.').collect();
            insert(table, &segments, origins.value(patch.origin, patch.value));
            return;
        }
        known.push(name);
    }
    let key = format!("providers[{}].{}", patch.provider, patch.key);
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    let problem = format!("there is no provider of that name; known: {known}");
    errors.push(SettingError::new(patch.origin, key, problem));
}
