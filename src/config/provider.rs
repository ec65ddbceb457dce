//! Settings of providers, from the file, the table of vendors and the environment.

use super::address;
use super::connection;
use super::file::{self, File};
use super::headers;
use super::key_pool::{self, FoundKeys};
use super::model::{self, Timeouts};
use super::origin::{Origin, Origins};
use super::provider_context::ProviderContext;
use super::report::Report;
use super::resolved::text_in;
use super::setting_error::SettingError;
use super::settings::{ModelPattern, ModelSettings, ProviderSettings, VertexSettings};
use super::source::Sources;
use super::text_file::read_text;
use super::vendors::GatewayKeyMode;
use crate::domain::{ModelTypes, RateLimits, WeightOverride};
use config::{Value, ValueKind};
use std::path::Path;
use std::time::Duration;

pub(super) fn providers(
    file: &File,
    context: &ProviderContext<'_>,
    timeouts: &Timeouts,
    report: &mut Report<'_>,
) -> Vec<ProviderSettings> {
    let complete = |provider: &&file::Provider| {
        // Missing or invalid parts were reported when the file was read.
        !provider.name.is_empty() && !provider.kind.is_empty()
    };
    let providers = file.providers.iter().filter(complete);
    providers
        .map(|provider| {
            check_weights(provider, &file.balancing.weights, report);
            check_models(provider, report);
            settings(provider, context, timeouts, report)
        })
        .collect()
}

fn settings(
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    timeouts: &Timeouts,
    report: &mut Report<'_>,
) -> ProviderSettings {
    let base_url = base_url(provider, report);
    let vertex = vertex(provider, context.sources, report);
    let (FoundKeys { first: key, pool }, keyless) = match key_pool::keys(provider, context, report)
    {
        Ok(keys) => (keys, None),
        Err(reason) => (FoundKeys::default(), Some(reason)),
    };
    let file = vertex
        .as_ref()
        .and_then(|vertex| vertex.credentials.as_deref());
    let unusable = || {
        file.filter(|_| key.is_none())
            .and_then(unusable_credentials)
    };
    let keyless = keyless
        .or_else(unusable)
        .or_else(|| connection::untrusted_address(provider, key.is_some(), context, report));
    let key = key.filter(|_| keyless.is_none());
    connection::warn_of_plain_http(provider, &base_url, key.is_some(), report);
    let skipped = skip(provider, context, keyless, report);
    let own_headers = headers::fixed(provider, context.secrets, report);
    let (models, patterns) = models(provider, timeouts, report);
    let provider_timeouts = timeouts.resolve(provider, None, ModelTypes::default());
    ProviderSettings {
        name: provider.name.clone(),
        kind: provider.kind.clone(),
        base_url,
        unix_socket: connection::unix_socket(provider, context.sources, report),
        ca_file: connection::ca_file(provider, context.sources, report),
        key,
        key_pool: pool,
        shares_quota: provider.quota.as_deref() == Some("account"),
        forward_headers: headers::forwarded(provider, report),
        enabled: provider.enabled,
        skipped: skipped.or(own_headers.as_ref().err().cloned()),
        headers: own_headers.unwrap_or_default(),
        priority: provider.priority,
        max_concurrent: provider.max_concurrent,
        rates: RateLimits {
            requests: provider.requests_per_minute,
            tokens: provider.tokens_per_minute,
        },
        weights: own_weights(provider),
        vertex,
        models,
        patterns,
        timeout: provider_timeouts.timeout,
        first_token_timeout: provider_timeouts.first_token,
        prompt_cache: provider.prompt_cache_ms.map(Duration::from_millis),
    }
}

/// The models that are configured one by one, and the patterns of others.
fn models(
    provider: &file::Provider,
    timeouts: &Timeouts,
    report: &mut Report<'_>,
) -> (Vec<ModelSettings>, Vec<ModelPattern>) {
    let named = provider.models.iter().filter(|model| !model.id.is_empty());
    let (patterns, models): (Vec<_>, Vec<_>) = named.partition(|model| model.id.contains('*'));
    let models = models.into_iter().map(|model| {
        let warnings = &mut report.warnings;
        model::model(provider, model, timeouts, report.entries, warnings)
    });
    let models = models.collect();
    (
        models,
        patterns.into_iter().cloned().map(ModelPattern).collect(),
    )
}

fn own_weights(provider: &file::Provider) -> WeightOverride {
    let weights = provider.weights.as_ref();
    weights.map_or(WeightOverride::default(), |weights| WeightOverride {
        cost: weights.cost,
        latency: weights.latency,
        reliability: weights.reliability,
    })
}

/// The reason that a provider cannot be used, with a warning unless `enabled = false`.
fn skip(
    provider: &file::Provider,
    context: &ProviderContext<'_>,
    keyless: Option<String>,
    report: &mut Report<'_>,
) -> Option<String> {
    let at = |name: &str| format!("providers[{}].{name}", provider.name);
    if !context
        .sources
        .built_kinds
        .contains(&provider.kind.as_str())
    {
        let reason = format!(
            "the kind {:?} is accepted, but not built yet",
            provider.kind
        );
        report.warn(&at("kind"), format!("{reason}; the provider is off"));
        return Some(reason);
    }
    if let (GatewayKeyMode::Local(origin), false) = (context.mode, provider.kind == "ollama") {
        let reason = "AI_GATEWAY_API_KEY=local allows Ollama only".to_owned();
        let message = format!("{reason} ({origin}); the provider is off");
        report.warn(&at("kind"), message);
        return Some(reason);
    }
    if let (Some(reason), true) = (&keyless, provider.enabled) {
        let name = match (&provider.api_key, &provider.api_key_env) {
            _ if !provider.api_keys.is_empty() => "api_keys",
            (Some(_), _) => "api_key",
            (None, Some(_)) => "api_key_env",
            (None, None) => "credentials",
        };
        report.warn(&at(name), format!("{reason}; the provider is off"));
    }
    keyless
}

fn base_url(provider: &file::Provider, report: &mut Report<'_>) -> String {
    let key = format!("providers[{}].base_url", provider.name);
    match connection::base_url(provider, report.entries) {
        Some(url) if address::is_base_url(url) => address::normal_base_url(&provider.kind, url),
        // From OLLAMA_HOST; values of files were checked when they were read.
        Some(url) => {
            let value = format!("{:?}", address::without_password(url));
            let problem = "must be a host with or without http:// and port, for example \
                           127.0.0.1:11434";
            report.error(&key, Some(value), problem);
            String::new()
        }
        None => {
            if !report.has_error(&key) {
                let problem = format!("missing, but must be given for kind {:?}", provider.kind);
                let kind = format!("providers[{}].kind", provider.name);
                let origin = super::resolved::origin_of(report.entries, &kind);
                report.errors.push(SettingError::new(origin, key, problem));
            }
            String::new()
        }
    }
}

fn vertex(
    provider: &file::Provider,
    sources: &Sources,
    report: &mut Report<'_>,
) -> Option<VertexSettings> {
    let at = |name: &str| format!("providers[{}].{name}", provider.name);
    if provider.kind != "vertex" {
        let fields = [
            ("project", provider.project.is_some()),
            ("location", provider.location.is_some()),
            ("credentials", provider.credentials.is_some()),
        ];
        for (name, _) in fields.iter().filter(|(_, is_given)| *is_given) {
            report.error(
                &at(name),
                None,
                "must not be given unless kind is \"vertex\"",
            );
        }
        return None;
    }
    let Some(project) = provider.project.clone() else {
        let origin = super::resolved::origin_of(report.entries, &at("kind"));
        let problem = "missing, but must be given for kind \"vertex\"; GOOGLE_CLOUD_PROJECT also \
                       names it";
        report
            .errors
            .push(SettingError::new(origin, at("project"), problem));
        return None;
    };
    Some(VertexSettings {
        project,
        location: provider
            .location
            .clone()
            .unwrap_or_else(|| "global".to_owned()),
        credentials: provider
            .credentials
            .as_ref()
            .map(|path| sources.cwd.join(path)),
    })
}

/// The problem of a credentials file that reading it shows; whether Google accepts it shows with the
/// first token.
fn unusable_credentials(path: &Path) -> Option<String> {
    let problem = match read_text(path) {
        Ok(text) => match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) if json["type"].is_string() => return None,
            Ok(_) => "has no `type`, so it is not a Google credentials file".to_owned(),
            Err(_) => "is not JSON".to_owned(),
        },
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(format!("the file {} {problem}", path.display()))
}

/// Checks that an override leaves at least one weight above 0.
fn check_weights(provider: &file::Provider, global: &file::Weights, report: &mut Report<'_>) {
    let Some(weights) = &provider.weights else {
        return;
    };
    let sum = weights.cost.unwrap_or(global.cost)
        + weights.latency.unwrap_or(global.latency)
        + weights.reliability.unwrap_or(global.reliability);
    let key = format!("providers[{}].weights", provider.name);
    if sum <= 0.0 && !report.has_error(&key) && !report.has_error("balancing.weights") {
        let problem = "cost, latency and reliability are all 0, but one must be more";
        let origin = super::resolved::origin_of(report.entries, &format!("{key}.cost"));
        report.errors.push(SettingError::new(origin, key, problem));
    }
}

fn check_models(provider: &file::Provider, report: &mut Report<'_>) {
    for (index, model) in provider.models.iter().enumerate() {
        let is_repeated = provider.models[..index]
            .iter()
            .any(|known| known.id == model.id);
        if is_repeated && !model.id.is_empty() {
            let key = format!("providers[{}].models[{}].id", provider.name, model.id);
            let problem = format!("is given twice in {}, but must be unique", provider.name);
            report.error(&key, Some(format!("{:?}", model.id)), problem);
        }
        for (name, flag) in [("vision", model.vision), ("reasoning", model.reasoning)] {
            let types = model.types.as_deref().unwrap_or_default();
            if flag == Some(false) && types.iter().any(|word| word == name) {
                let key = format!("providers[{}].models[{}].{name}", provider.name, model.id);
                let problem = format!("is false, but types names {name}; remove one of the two");
                report.error(&key, None, problem);
            }
        }
    }
}

/// An error for every name that an earlier provider has. Compared without case, because variables
/// name providers in upper case.
pub(super) fn repeated_names(tree: &Value, origins: &Origins) -> Vec<SettingError> {
    let ValueKind::Table(tree) = &tree.kind else {
        return Vec::new();
    };
    let Some(ValueKind::Array(providers)) = tree.get("providers").map(|list| &list.kind) else {
        return Vec::new();
    };
    let mut known: Vec<(String, Origin)> = Vec::new();
    let mut errors = Vec::new();
    for provider in providers {
        let ValueKind::Table(table) = &provider.kind else {
            continue;
        };
        let Some((name, value)) = text_in(table, "name").zip(table.get("name")) else {
            continue;
        };
        let origin = origins.get(value);
        let first = known
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, first)) = first {
            let key = format!("providers[{name}].name");
            let problem =
                format!("is also the name of another provider ({first}), but must be unique");
            let error = SettingError::new(origin.clone(), key, problem);
            errors.push(error.with_value(format!("{name:?}")));
        }
        known.push((name.to_owned(), origin));
    }
    errors
}
