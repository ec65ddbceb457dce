//! Providers and models as the rules know them, and where to find them.

use crate::config::{self, ModelSettings, ProviderSettings, Settings};
use crate::domain::{
    Capabilities, Catalogue, ModelType, Money, Price, PriceTier, Provider, RateLimits, Route,
    Target, TargetId, WeightOverride,
};
use crate::gateway::{GatewayConfig, Recovery, TargetTimeouts};
use crate::protocols::{
    Endpoint, EndpointRegistry, ModelTraits, TokenSource, Transport, TransportOptions,
    VertexLocation, by_kind, certificates, read_body,
};
use futures_util::future::join_all;
use std::time::Duration;

/// How long a provider may take to list its models before we start without it.
const LIST_MODELS_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest model list that is read; it has room for tens of thousands of models.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// What is configured; what cannot be used is said in `warnings`. `known` are those that there were
/// before.
pub async fn build(
    settings: &Settings,
    known: &Catalogue,
    warnings: &mut Vec<String>,
) -> (Catalogue, EndpointRegistry, GatewayConfig) {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    let mut limits = Vec::new();
    let asked = settings.providers.iter().map(async |provider| {
        let mut warnings = Vec::new();
        let endpoint = endpoint(provider, &mut warnings);
        let (models, warning) = models(provider, endpoint.as_ref(), known).await;
        warnings.extend(warning);
        (endpoint, models, warnings)
    });
    let answers = join_all(asked).await;
    for (provider, (endpoint, models, told)) in settings.providers.iter().zip(answers) {
        let place = catalogue.providers.len();
        warnings.extend(told);
        for model in &models {
            catalogue.targets.push(target(place, provider, model));
            directory.traits.push(traits(model));
            limits.push(TargetTimeouts {
                timeout: Some(model.timeout),
                first_token_timeout: Some(model.first_token_timeout),
            });
        }
        let unreachable = endpoint
            .is_none()
            .then_some("nothing speaks its protocol, or its key is no header");
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
            rates: RateLimits {
                requests: provider.requests_per_minute,
                tokens: provider.tokens_per_minute,
            },
            enabled: provider.enabled,
            weights: WeightOverride {
                cost: provider.weights.cost,
                latency: provider.weights.latency,
                reliability: provider.weights.reliability,
            },
            off: off.as_deref().map(Into::into),
        });
        directory.endpoints.push(endpoint.filter(|_| off.is_none()));
    }
    routes(settings, &mut catalogue, warnings);
    (catalogue, directory, gateway_limits(settings, limits))
}

fn gateway_limits(settings: &Settings, targets: Vec<TargetTimeouts>) -> GatewayConfig {
    let balancing = &settings.balancing;
    GatewayConfig {
        max_body: settings.server.max_body_bytes,
        max_retries: balancing.max_retries,
        timeout: balancing.timeout,
        first_token_timeout: balancing.first_token_timeout,
        idle_timeout: balancing.idle_timeout,
        stream_timeout: balancing.stream_timeout,
        recovery: match settings.streaming.recovery {
            config::Recovery::Error => Recovery::Error,
            config::Recovery::Restart => Recovery::restart(),
        },
        targets,
    }
}

fn endpoint(provider: &ProviderSettings, warnings: &mut Vec<String>) -> Option<Endpoint> {
    if provider.skipped.is_some() {
        return None;
    }
    let key = provider.key.as_ref().map(crate::secrets::Secret::expose);
    let protocol = by_kind(&provider.kind)?;
    let mut endpoint = Endpoint::new(&provider.base_url, key, &provider.kind, protocol)?;
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
    let mut models = provider.models.iter();
    let probe_model = models.find(|model| model.types.contains(&config::ModelType::Chat));
    endpoint.probe_model = probe_model.map(|model| model.id.as_str().into());
    let Some(vertex) = &provider.vertex else {
        return Some(endpoint);
    };
    endpoint.location = Some(VertexLocation {
        project: vertex.project.clone(),
        location: vertex.location.clone(),
    });
    if key.is_some() {
        return Some(endpoint);
    }
    let file = vertex.credentials.clone();
    let tokens = TokenSource::new(file, || crate::clock::now().unix_seconds());
    Some(endpoint.with_tokens(tokens))
}

/// Those that are configured, else those that the provider itself lists, else those that it listed
/// before; and a warning where it lists none now.
async fn models(
    provider: &ProviderSettings,
    endpoint: Option<&Endpoint>,
    known: &Catalogue,
) -> (Vec<ModelSettings>, Option<String>) {
    let Some(endpoint) = endpoint.filter(|_| provider.models.is_empty() && provider.is_usable())
    else {
        return (provider.models.clone(), None);
    };
    if let Ok(Some(names)) = tokio::time::timeout(LIST_MODELS_TIMEOUT, listed(endpoint)).await {
        let models = names.iter().map(|name| provider.listed_model(name));
        return (models.collect(), None);
    }
    let before = known.active_targets();
    let before = before.filter(|(_, target)| *target.id.provider == *provider.name);
    let models: Vec<ModelSettings> = before
        .map(|(_, target)| provider.listed_model(&target.id.model))
        .collect();
    let hint = if models.is_empty() {
        "add [[providers.models]]"
    } else {
        "those that it listed before stay"
    };
    let (name, url) = (&provider.name, &provider.base_url);
    let warning = format!("{name}: no models are configured and {url} lists none; {hint}");
    (models, Some(warning))
}

async fn listed(endpoint: &Endpoint) -> Option<Vec<String>> {
    let options = TransportOptions::new(LIST_MODELS_TIMEOUT);
    let transport = Transport::over(std::slice::from_ref(&endpoint.connection), options).ok()?;
    let endpoint = endpoint.with_credentials(false).await.ok()?;
    let question = endpoint.protocol.build_probe(&endpoint);
    let answer = transport.send(0, question).await.ok()?;
    let body = read_body(answer, MAX_LIST_BYTES).await.ok()?;
    endpoint.protocol.model_names(&body)
}

fn target(place: usize, provider: &ProviderSettings, model: &ModelSettings) -> Target {
    Target {
        id: TargetId::new(&provider.name, &model.id),
        provider: place,
        types: model.types.iter().map(|kind| model_type(*kind)).collect(),
        capabilities: capabilities(&model.abilities),
        price: model.price.as_ref().map(price),
        max_concurrent: model.max_concurrent,
    }
}

fn capabilities(abilities: &config::ModelCapabilities) -> Capabilities {
    let config::ModelCapabilities {
        talk,
        embeddings,
        vision,
        tools,
        json_schema,
        reasoning,
        prefill,
        context_window,
        max_output,
    } = *abilities;
    Capabilities {
        talk,
        embeddings,
        vision,
        tools,
        json_schema,
        reasoning,
        prefill,
        context_window,
        max_output,
    }
}

/// What is not stated is as the protocol's newest models have it.
fn traits(model: &ModelSettings) -> ModelTraits {
    let usual = ModelTraits::UNSTATED;
    let (able, peculiar) = (&model.abilities, &model.peculiarities);
    ModelTraits {
        sampling: peculiar.sampling.unwrap_or(usual.sampling),
        forced_tools: peculiar.forced_tools.unwrap_or(usual.forced_tools),
        json_schema: able.json_schema.unwrap_or(usual.json_schema),
        reasoning: able.reasoning.unwrap_or(usual.reasoning),
        adaptive_thinking: peculiar
            .adaptive_thinking
            .unwrap_or(usual.adaptive_thinking),
        responses_only: peculiar.responses_only,
        max_output: able.max_output,
    }
}

fn model_type(kind: config::ModelType) -> ModelType {
    match kind {
        config::ModelType::Chat => ModelType::Chat,
        config::ModelType::Vision => ModelType::Vision,
        config::ModelType::Reasoning => ModelType::Reasoning,
        config::ModelType::Artifact => ModelType::Artifact,
        config::ModelType::Embedding => ModelType::Embedding,
    }
}

fn price(price: &config::Price) -> Price {
    Price {
        input: Money::per_token(price.input),
        output: Money::per_token(price.output),
        cached: price.cached_input.map(Money::per_token),
        written: price.cache_write.map(Money::per_token),
        above: price.above.map(|above| PriceTier {
            threshold: above.threshold_tokens,
            input: Money::per_token(above.input),
            output: Money::per_token(above.output),
            cached: above.cached_input.map(Money::per_token),
        }),
    }
}

fn routes(settings: &Settings, catalogue: &mut Catalogue, warnings: &mut Vec<String>) {
    for route in &settings.routes {
        let mut places = Vec::new();
        for target in &route.targets {
            match catalogue.target(&target.provider, &target.model) {
                Some(place) => places.push(place),
                None => warnings.push(format!(
                    "route {}: {}/{} is not there, so it is left out",
                    route.model, target.provider, target.model
                )),
            }
        }
        catalogue.routes.push(Route {
            model: route.model.as_str().into(),
            targets: places,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelCapabilities, ModelQuirks};
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
            listed(&endpoint).await
        };
        assert_eq!(names("small").await, Some(vec!["m".to_owned()]));
        assert_eq!(names("large").await, None);
        server.abort();
    }

    #[test]
    fn what_is_stated_of_a_model_reaches_its_protocol_and_the_rest_is_usual() {
        let mut model = ModelSettings {
            id: "m".to_owned(),
            types: [config::ModelType::Chat].into(),
            price: None,
            max_concurrent: None,
            abilities: ModelCapabilities::default(),
            peculiarities: ModelQuirks::default(),
            timeout: LIST_MODELS_TIMEOUT,
            first_token_timeout: LIST_MODELS_TIMEOUT,
        };
        assert_eq!(traits(&model), ModelTraits::UNSTATED);

        model.abilities = ModelCapabilities {
            json_schema: Some(false),
            reasoning: Some(true),
            max_output: Some(64_000),
            ..ModelCapabilities::default()
        };
        model.peculiarities = ModelQuirks {
            sampling: Some(false),
            forced_tools: Some(false),
            adaptive_thinking: Some(true),
            responses_only: true,
        };
        let stated = ModelTraits {
            sampling: false,
            forced_tools: false,
            json_schema: false,
            reasoning: true,
            adaptive_thinking: true,
            responses_only: true,
            max_output: Some(64_000),
        };
        assert_eq!(traits(&model), stated);
        assert_eq!(capabilities(&model.abilities).max_output, Some(64_000));
    }
}
