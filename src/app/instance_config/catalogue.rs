//! Providers, models and routes as the domain knows them, and the endpoints that serve them.

use crate::app::free_call::free_call;
use crate::config::{KeySource, ModelSettings, ProviderSettings, Settings};
use crate::domain::{
    Catalogue, KeyIdx, ModelType, Provider, ProviderIdx, ProviderKey, ProviderKeys, Route,
    RouteOrder, Target, TargetId, resolve,
};
use crate::gateway::{GatewayConfig, TargetTimeouts};
use crate::protocols::{
    Endpoint, EndpointKey, EndpointRegistry, ModelTraits, TokenSource, VertexLocation, by_kind,
    certificates,
};
use futures_util::future::join_all;
use std::time::Duration;

/// A provider that takes longer to list its models starts with those that are known.
const LIST_MODELS_TIMEOUT: Duration = Duration::from_secs(3);

/// Builds the catalogue, its endpoints and the gateway's settings. What cannot be used is reported in
/// `warnings`; `known` is the catalogue in force.
pub(super) async fn build(
    settings: &Settings,
    known: &Catalogue,
    warnings: &mut Vec<String>,
) -> (Catalogue, EndpointRegistry, GatewayConfig) {
    let (mut catalogue, mut registry) = (Catalogue::default(), EndpointRegistry::default());
    let mut timeouts = Vec::new();
    let lookups = settings.providers.iter().map(async |provider| {
        let mut warnings = Vec::new();
        let endpoint = endpoint(provider, &mut warnings);
        let (models, warning) = models(provider, endpoint.as_ref(), known).await;
        warnings.extend(warning);
        (endpoint, models, warnings)
    });
    let found = join_all(lookups).await;
    for (provider, (endpoint, models, own_warnings)) in settings.providers.iter().zip(found) {
        let index = ProviderIdx::from(catalogue.providers.len());
        warnings.extend(own_warnings);
        for model in &models {
            catalogue.targets.push(target(index, provider, model));
            registry.traits.push(traits(model));
            timeouts.push(TargetTimeouts {
                timeout: Some(model.timeout),
                first_token_timeout: Some(model.first_token_timeout),
                prompt_cache: provider.prompt_cache,
            });
        }
        let unreachable = endpoint
            .is_none()
            .then_some("its protocol is not supported, or its key is not a valid header value");
        let empty = models.is_empty().then_some("it lists no models");
        let off = provider
            .skipped
            .clone()
            .or_else(|| unreachable.or(empty).map(str::to_owned));
        catalogue.providers.push(Provider {
            name: provider.name.as_str().into(),
            kind: provider.kind.as_str().into(),
            priority: provider.priority,
            max_concurrent: provider.max_concurrent,
            rates: provider.rates,
            enabled: provider.enabled,
            weights: provider.weights,
            keys: provider_keys(provider),
            off: off.as_deref().map(Into::into),
        });
        // One that lists no models yet is probed, and may list some later.
        let is_skipped = provider.skipped.is_some();
        registry.endpoints.push(endpoint.filter(|_| !is_skipped));
    }
    routes(settings, &mut catalogue, warnings);
    if let Some(name) = &settings.server.default_model {
        if let Err(unknown) = resolve(&catalogue, name) {
            warnings.push(format!("[server] default_model: {unknown}"));
        }
        catalogue.default_model = Some(name.as_str().into());
    }
    (catalogue, registry, gateway_config(settings, timeouts))
}

fn provider_keys(provider: &ProviderSettings) -> ProviderKeys {
    let keys = provider.key_pool.iter().map(|key| ProviderKey {
        name: key.name.as_str().into(),
        weight: key.weight,
    });
    ProviderKeys {
        keys: keys.collect(),
        shares_quota: provider.shares_quota,
    }
}

fn gateway_config(settings: &Settings, targets: Vec<TargetTimeouts>) -> GatewayConfig {
    let balancing = &settings.balancing;
    GatewayConfig {
        max_body: settings.server.max_body_bytes,
        max_retries: balancing.max_retries,
        timeout: balancing.timeout,
        first_token_timeout: balancing.first_token_timeout,
        idle_timeout: balancing.idle_timeout,
        stream_timeout: balancing.stream_timeout,
        keep_alive: settings.streaming.keep_alive,
        early_headers: settings.streaming.early_headers,
        requested_model_in_answer: settings.server.requested_model_in_answer,
        recovery: settings.streaming.recovery.into(),
        cache_affinity: balancing.cache_affinity,
        prompt_cache: balancing.prompt_cache,
        targets,
    }
}

/// The endpoint of a provider; `None` where it cannot be used.
/// The endpoint of a provider; `None` where it cannot be used.
pub(in crate::app) fn endpoint(
    provider: &ProviderSettings,
    warnings: &mut Vec<String>,
) -> Option<Endpoint> {
    if provider.skipped.is_some() {
        return None;
    }
    let protocol = by_kind(&provider.kind)?;
    let endpoint = Endpoint::new(&provider.base_url, None, &provider.kind, protocol)?;
    let endpoint = endpoint.with_keys(&endpoint_keys(provider))?;
    let headers = provider.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.expose()));
    let mut endpoint = endpoint.with_headers(headers, &provider.forward_headers);
    endpoint
        .connection
        .unix_socket
        .clone_from(&provider.unix_socket);
    if let Some(file) = &provider.ca_file {
        match certificates(file) {
            Ok(trusted) => endpoint.connection.authorities = trusted,
            Err(error) => warnings.push(format!(
                "{}: the certificates of {} are not trusted: {error}",
                provider.name,
                file.display()
            )),
        }
    }
    endpoint.lists_models = provider.lists_models();
    let mut models = provider.models.iter();
    let sample = models.find(|model| model.types.contains(ModelType::Chat));
    endpoint.probe_model = sample.map(|model| model.id.as_str().into());
    let Some(vertex) = &provider.vertex else {
        return Some(endpoint);
    };
    endpoint.location = Some(VertexLocation {
        project: vertex.project.clone(),
        location: vertex.location.clone(),
    });
    if provider.key.is_some() {
        return Some(endpoint);
    }
    let file = vertex.credentials.clone();
    let tokens = TokenSource::new(file, || crate::clock::now().unix_seconds());
    Some(endpoint.with_tokens(tokens))
}

/// The sources of all keys of a provider.
fn endpoint_keys(provider: &ProviderSettings) -> Vec<EndpointKey<'_>> {
    let several = provider.key_pool.iter().map(|key| &key.source);
    let first = provider
        .key
        .iter()
        .take(usize::from(provider.key_pool.is_empty()));
    first.chain(several).map(endpoint_key).collect()
}

fn endpoint_key(source: &KeySource) -> EndpointKey<'_> {
    match source {
        KeySource::Fixed(secret) => EndpointKey::Fixed(secret.expose()),
        KeySource::Command(command) => EndpointKey::Command(&command.program, command.refresh),
    }
}

/// The configured models, and those that the provider lists where any of them is served; without a
/// list those of the catalogue in force, with a warning.
async fn models(
    provider: &ProviderSettings,
    endpoint: Option<&Endpoint>,
    known: &Catalogue,
) -> (Vec<ModelSettings>, Option<String>) {
    let Some(endpoint) = endpoint.filter(|_| provider.lists_models() && provider.is_usable())
    else {
        return (provider.models.clone(), None);
    };
    let with_configured = |names: &mut dyn Iterator<Item = &str>| {
        let listed = names.filter_map(|name| provider.listed_model(name));
        let configured = provider.models.iter().cloned();
        configured.chain(listed).collect::<Vec<ModelSettings>>()
    };
    let listed = tokio::time::timeout(LIST_MODELS_TIMEOUT, list_models(endpoint));
    if let Ok(Some(names)) = listed.await {
        return (with_configured(&mut names.iter().map(String::as_str)), None);
    }
    let before = known.active_targets();
    let before = before.filter(|(_, target)| *target.id.provider == *provider.name);
    let models = with_configured(&mut before.map(|(_, target)| &*target.id.model));
    let hint = if models.is_empty() {
        "add [[providers.models]]"
    } else if provider.models.is_empty() {
        "the models of its last list stay"
    } else {
        "the configured models, and those of its last list, stay"
    };
    let (name, url) = (&provider.name, &provider.base_url);
    let what = if provider.patterns.is_empty() {
        "no models are configured"
    } else {
        "models are configured by a pattern"
    };
    let warning = format!("{name}: {what} and {url} lists none; {hint}");
    (models, Some(warning))
}

async fn list_models(endpoint: &Endpoint) -> Option<Vec<String>> {
    for key in KeyIdx::all(endpoint.key_count()) {
        let endpoint = endpoint.with_key(Some(key));
        let answer = free_call(&endpoint, LIST_MODELS_TIMEOUT).await.ok()?;
        if let Some(names) = answer.models {
            return Some(names);
        }
    }
    None
}

fn target(
    provider_index: ProviderIdx,
    provider: &ProviderSettings,
    model: &ModelSettings,
) -> Target {
    Target {
        id: TargetId::new(&provider.name, &model.id),
        provider: provider_index,
        types: model.types,
        capabilities: model.capabilities,
        price: model.price,
        max_concurrent: model.max_concurrent,
    }
}

/// Traits that are not stated are those of the protocol's newest models.
fn traits(model: &ModelSettings) -> ModelTraits {
    let default = ModelTraits::UNSTATED;
    let (capabilities, quirks) = (&model.capabilities, &model.quirks);
    ModelTraits {
        sampling: quirks.sampling.unwrap_or(default.sampling),
        forced_tools: quirks.forced_tools.unwrap_or(default.forced_tools),
        json_schema: capabilities.json_schema.unwrap_or(default.json_schema),
        reasoning: capabilities.reasoning,
        adaptive_thinking: quirks
            .adaptive_thinking
            .unwrap_or(default.adaptive_thinking),
        responses_only: quirks.responses_only,
        max_output: capabilities.max_output,
    }
}

fn routes(settings: &Settings, catalogue: &mut Catalogue, warnings: &mut Vec<String>) {
    for route in &settings.routes {
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for (at, target) in route.targets.iter().enumerate() {
            match catalogue.target(&target.provider, &target.model) {
                Some(index) => {
                    targets.push(index);
                    if let RouteOrder::Weighted(all) = &route.order {
                        weights.extend(all.get(at));
                    }
                }
                None => warnings.push(format!(
                    "route {}: {}/{} does not exist and is left out",
                    route.model, target.provider, target.model
                )),
            }
        }
        catalogue.routes.push(Route {
            model: route.model.as_str().into(),
            targets,
            order: match &route.order {
                RouteOrder::Weighted(_) => RouteOrder::Weighted(weights),
                order => order.clone(),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::free_call::MAX_LIST_BYTES;
    use crate::config::ModelQuirks;
    use crate::domain::{Capabilities, ModelTypes};
    use axum::Router;
    use axum::routing::get;
    use std::future::IntoFuture;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_model_list_beyond_the_limit_is_not_read() {
        let list = |padding: usize| {
            let text = format!(r#"{{"data":[{{"id":"m"}}]{}}}"#, " ".repeat(padding));
            get(async || text)
        };
        let app = Router::new()
            .route("/small/models", list(1_000))
            .route("/large/models", list(MAX_LIST_BYTES));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, app).into_future());

        let names = async |path: &str| {
            let (kind, url) = ("openai-compatible", format!("http://{address}/{path}"));
            let endpoint = Endpoint::new(&url, None, kind, by_kind(kind).unwrap()).unwrap();
            list_models(&endpoint).await
        };
        assert_eq!(names("small").await, Some(vec!["m".to_owned()]));
        assert_eq!(names("large").await, None);
        server.abort();
    }

    #[test]
    fn stated_capabilities_of_a_model_reach_its_protocol_and_the_rest_is_default() {
        let mut model = ModelSettings {
            id: "m".to_owned(),
            types: ModelTypes::CHAT,
            price: None,
            max_concurrent: None,
            capabilities: Capabilities::default(),
            quirks: ModelQuirks::default(),
            timeout: LIST_MODELS_TIMEOUT,
            first_token_timeout: LIST_MODELS_TIMEOUT,
        };
        assert_eq!(traits(&model), ModelTraits::UNSTATED);

        model.capabilities = Capabilities {
            json_schema: Some(false),
            reasoning: Some(true),
            max_output: Some(64_000),
            ..Capabilities::default()
        };
        model.quirks = ModelQuirks {
            sampling: Some(false),
            forced_tools: Some(false),
            adaptive_thinking: Some(true),
            responses_only: true,
        };
        let stated = ModelTraits {
            sampling: false,
            forced_tools: false,
            json_schema: false,
            reasoning: Some(true),
            adaptive_thinking: true,
            responses_only: true,
            max_output: Some(64_000),
        };
        assert_eq!(traits(&model), stated);
    }
}
