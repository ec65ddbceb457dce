//! The configuration of a LiteLLM proxy.

mod deployment;
mod routes;
mod settings;
mod vendors;

use super::ImportError;
use super::document::{Document, ProviderEntry};
use super::note::ImportNote;
use super::yaml::YamlNode;
use deployment::{Deployment, DeploymentReader, Environment, KeyReference};
use routes::ImportedTarget;
use std::collections::{BTreeMap, BTreeSet};

/// An imported configuration.
#[derive(Debug)]
pub struct Imported {
    /// Our configuration, as TOML.
    pub toml: String,
    /// What has no counterpart, or must be completed by hand, in the order of the file.
    pub notes: Vec<ImportNote>,
    /// Number of providers.
    pub providers: usize,
    /// Number of routes.
    pub routes: usize,
}

/// Turns the configuration of a LiteLLM proxy into ours. `environment` looks up variables that hold
/// addresses; keys are only named. `source` is the name of the file, for a comment.
///
/// # Errors
///
/// The text is no YAML, too large, or has no deployment that can be taken.
pub fn import_litellm(
    text: &str,
    source: &str,
    environment: Environment<'_>,
) -> Result<Imported, ImportError> {
    let root = YamlNode::parse(text)?;
    if root
        .get("model_list")
        .is_none_or(|list| list.items().is_empty())
    {
        return Err(ImportError(
            "it has no model_list; a proxy that keeps its models in its database has none to import"
                .to_owned(),
        ));
    }
    let mut notes = Vec::new();
    let deployments = deployments(&root, environment, &mut notes);
    if deployments.is_empty() {
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        return Err(ImportError(format!(
            "no entry of model_list can be taken:\n  {}",
            notes.join("\n  ")
        )));
    }
    let mut document = Document::default();
    let mut providers = Providers {
        named: named_variables(&root),
        keys: Vec::new(),
        document: &mut document,
        notes: &mut notes,
    };
    let targets: Vec<ImportedTarget> = deployments
        .iter()
        .map(|deployment| providers.add(deployment))
        .collect();
    settings::read(&root, &mut document, &mut notes);
    routes::add(&root, &targets, &mut document, &mut notes);
    notes.sort_by_key(|note| note.line);
    Ok(Imported {
        toml: document.text(source, &notes),
        providers: document.providers.len(),
        routes: document.routes.len(),
        notes,
    })
}

fn deployments(
    root: &YamlNode,
    environment: Environment<'_>,
    notes: &mut Vec<ImportNote>,
) -> Vec<Deployment> {
    let named = |entry| {
        let entry: &YamlNode = entry;
        Some((entry.get("credential_name")?.text()?, entry))
    };
    let credentials = root.get("credential_list").map_or(&[][..], YamlNode::items);
    let mut reader = DeploymentReader {
        environment,
        credentials: credentials
            .iter()
            .filter_map(named)
            .collect::<BTreeMap<_, _>>(),
        notes,
    };
    let entries = root.get("model_list").map_or(&[][..], YamlNode::items);
    entries
        .iter()
        .filter_map(|entry| reader.read(entry))
        .collect()
}

/// The variables that the file names, which no invented name may be equal to.
fn named_variables(root: &YamlNode) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        open.extend(node.entries().iter().map(|(_, value)| value));
        let name = node
            .text()
            .and_then(|text| text.strip_prefix("os.environ/"));
        names.extend(name.map(|name| name.trim().to_owned()));
    }
    names
}

/// The providers so far: deployments with the same vendor, address, key and limits are one.
struct Providers<'a> {
    named: BTreeSet<String>,
    /// The key of each provider.
    keys: Vec<KeyReference>,
    document: &'a mut Document,
    notes: &'a mut Vec<ImportNote>,
}

impl Providers<'_> {
    fn add(&mut self, deployment: &Deployment) -> ImportedTarget {
        let index = self
            .find(deployment)
            .unwrap_or_else(|| self.create(deployment));
        let provider = &mut self.document.providers[index];
        if !provider.models.contains(&deployment.model) {
            provider.models.push(deployment.model.clone());
        }
        ImportedTarget {
            line: deployment.line,
            group: deployment.group.clone(),
            provider: provider.name.clone(),
            model: deployment.model.id.clone(),
            weight: deployment.weight,
            order: deployment.order,
        }
    }

    /// A provider that this deployment can be part of. Limits of a deployment are those of one model.
    fn find(&self, deployment: &Deployment) -> Option<usize> {
        let wanted = &deployment.provider;
        let fits = |(provider, key): (&ProviderEntry, &KeyReference)| {
            let shape = ProviderEntry {
                name: String::new(),
                api_key_env: None,
                models: Vec::new(),
                ..provider.clone()
            };
            let mut models = provider.models.iter();
            let has_limits =
                wanted.requests_per_minute.is_some() || wanted.tokens_per_minute.is_some();
            let agrees = match models.find(|it| it.id == deployment.model.id) {
                Some(model) => *model == deployment.model,
                None => !has_limits,
            };
            shape == *wanted
                && *key == deployment.key
                && agrees
                && base_name(&provider.name) == deployment.vendor.name
        };
        let providers = self.document.providers.iter().zip(&self.keys);
        providers.into_iter().position(fits)
    }

    fn create(&mut self, deployment: &Deployment) -> usize {
        let vendor = &deployment.vendor;
        let names = self.document.providers.iter();
        let names: BTreeSet<&str> = names.map(|it| it.name.as_str()).collect();
        let numbered = (2_usize..).map(|number| format!("{}-{number}", vendor.name));
        let mut candidates = [vendor.name.to_owned()].into_iter().chain(numbered);
        let name = candidates.find(|name| !names.contains(name.as_str()));
        let name = name.unwrap_or_default();
        let api_key_env = match &deployment.key {
            KeyReference::Variable(variable) => Some(variable.clone()),
            KeyReference::Usual | KeyReference::NotNeeded => None,
            KeyReference::Plain(_) => Some(self.invent(&name, deployment)),
        };
        self.keys.push(deployment.key.clone());
        self.document.providers.push(ProviderEntry {
            name,
            api_key_env,
            ..deployment.provider.clone()
        });
        self.keys.len() - 1
    }

    /// The variable for a key that stands in the file.
    fn invent(&mut self, provider: &str, deployment: &Deployment) -> String {
        let letter = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        let stem: String = provider.chars().map(letter).collect();
        let mut variable = format!("{stem}_API_KEY");
        if self.named.contains(&variable) {
            variable = format!("{stem}_IMPORTED_KEY");
        }
        self.notes.push(ImportNote::new(
            deployment.key_line,
            format!("model_list[{}].api_key", deployment.group),
            format!("stands in the file and is not copied; put it in the variable {variable}"),
        ));
        variable
    }
}

/// The name of a provider without the number that tells it from others of its vendor.
fn base_name(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((base, number)) if number.parse::<u32>().is_ok() => base,
        _ => name,
    }
}
