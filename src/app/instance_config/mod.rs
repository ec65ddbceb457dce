//! From what was configured to what can be built.

mod catalogue;
mod global_limits;

use super::config_command::sources;
use super::instance::InstanceConfig;
use super::{ExitError, dashboard_thread};
use crate::access::{Role, Token, TokenAuth};
use crate::cli::arguments::Globals;
use crate::config::{self, Loaded, ProbeMode, Settings, Sources};
use crate::contract::Window;
use crate::demo::{VendorEndpoint as Simulated, Vendors};
use crate::domain::ProviderIdx;
use crate::domain::{
    Capabilities, Catalogue, ModelType, ModelTypes, Price, Provider, Strategy, Target, TargetId,
    Tuning, Weights,
};
use crate::gateway::{CacheLimits, GatewayConfig, Recovery};
use crate::logs::Logs;
use crate::protocols::{Endpoint, EndpointRegistry, by_kind};
use crate::server;
use crate::tui::Options;
use aws_lc_rs::digest::{SHA256, digest};
use std::net::SocketAddr;
use std::time::Duration;

/// The demo's vendors are probed more often than the world's: theirs cost nobody anything.
const DEMO_PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// As a configured instance has it by default.
const DEMO_DRAIN: Duration = Duration::from_secs(30);
const DEMO_CONNECTIONS: usize = 8192;

/// All that a configured instance is started with.
#[derive(Debug)]
pub(super) struct StartupPlan {
    pub blueprint: InstanceConfig,
    pub screen: Options,
    pub listen: SocketAddr,
    pub sources: Sources,
    pub loaded: Loaded,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What files, environment and flags say. With nobody to send requests to, the error says what was
/// looked for and names the two ways on.
pub(super) async fn from_configuration(
    globals: &Globals,
    logs: &Logs,
) -> Result<StartupPlan, ExitError> {
    let sources = sources(globals)?;
    let loaded =
        config::load(&sources).map_err(|mistakes| ExitError::usage(mistakes.to_string()))?;
    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let nobody_known = Catalogue::default();
    let blueprint =
        build_instance_config(&loaded, globals.no_save, &nobody_known, &mut warnings).await;
    let blueprint = blueprint.map_err(ExitError::usage)?;
    let settings = &loaded.settings;
    let place = settings.server.listen.to_string();
    let usual = dashboard_thread::options(globals, true, false, place, logs.recent.clone());
    let screen = dashboard_thread::configured(usual, globals, &settings.dashboard)?;
    Ok(StartupPlan {
        blueprint,
        screen,
        listen: settings.server.listen,
        warnings,
        sources,
        loaded,
    })
}

/// What a configuration makes of an instance. `known` are those that there are already, for
/// providers that list their models themselves and do not answer now. The error says that nobody
/// could serve, and why.
pub(super) async fn build_instance_config(
    loaded: &Loaded,
    no_save: bool,
    known: &Catalogue,
    warnings: &mut Vec<String>,
) -> Result<InstanceConfig, String> {
    let settings = &loaded.settings;
    let (catalogue, directory, limits) = catalogue::build(settings, known, warnings).await;
    if !directory.endpoints.iter().any(Option::is_some) {
        return Err(no_usable_provider(loaded, warnings));
    }
    let tokens = tokens(settings);
    Ok(InstanceConfig {
        catalogue,
        directory,
        strategy: strategy(settings.balancing.strategy),
        tuning: tuning(&settings.balancing.adaptive),
        weights: weights(settings),
        limits,
        connect_timeout: settings.balancing.connect_timeout,
        cache: settings.cache.enabled.then_some(CacheLimits {
            ttl: settings.cache.ttl,
            max_bytes: settings.cache.max_bytes,
            shared: settings.cache.shared,
        }),
        probe_interval: (settings.probe.mode != ProbeMode::Off).then_some(settings.probe.interval),
        allowances: global_limits::of(settings),
        access: TokenAuth::new(tokens.clone()),
        gateway_access: TokenAuth::new(tokens.into_iter().chain(client_token(settings)).collect()),
        environment: settings.server.environment.clone(),
        server: listener(&settings.server),
        drain: settings.server.drain,
        saved: super::persist::saved_to(loaded, no_save),
        seed: crate::clock::now().micros(),
    })
}

fn no_usable_provider(loaded: &Loaded, warnings: &[String]) -> String {
    let why = loaded
        .no_provider()
        .unwrap_or_else(|| "no provider can be used".to_owned());
    let known = loaded
        .looked_for
        .first()
        .map_or("one of theirs", String::as_str);
    let text = format!("{why}; set a key, for example {known}, or try `aibal-tui demo`");
    let lines = [text].into_iter().chain(warnings.iter().cloned());
    lines.collect::<Vec<_>>().join("\n  ")
}

fn strategy(configured: config::Strategy) -> Strategy {
    match configured {
        config::Strategy::Adaptive => Strategy::Adaptive,
        config::Strategy::Best => Strategy::Best,
        config::Strategy::Weighted => Strategy::Weighted,
        config::Strategy::RoundRobin => Strategy::RoundRobin,
        config::Strategy::LeastBusy => Strategy::LeastBusy,
        config::Strategy::LowestLatency => Strategy::LowestLatency,
        config::Strategy::LowestCost => Strategy::LowestCost,
    }
}

fn listener(settings: &config::ServerSettings) -> server::ConnectionLimits {
    server::ConnectionLimits::new(
        server::clamp_to_rlimit(settings.max_connections),
        settings.keep_alive,
        settings.drain,
    )
}

fn tuning(settings: &config::AdaptiveSettings) -> Tuning {
    Tuning {
        temperature: settings.temperature_points / 100.0,
        exploration: settings.exploration_percent / 100.0,
        first_token_reference: settings.first_token_reference.as_secs_f64(),
        token_reference: settings.token_reference.as_secs_f64(),
        guard: settings.guard,
    }
}

fn weights(settings: &Settings) -> Weights {
    let config::WeightSettings {
        cost,
        latency,
        reliability,
        load,
        priority,
    } = settings.balancing.weights;
    Weights {
        cost,
        latency,
        reliability,
        load,
        priority,
    }
}

fn tokens(settings: &Settings) -> Vec<Token> {
    let role = |role| match role {
        config::Role::Client => Role::Client,
        config::Role::Viewer => Role::Viewer,
        config::Role::Operator => Role::Operator,
    };
    let token = |token: &config::TokenSettings| Token {
        name: token.name.as_str().into(),
        sha256: token.sha256,
        role: role(token.role),
    };
    settings.tokens.iter().map(token).collect()
}

/// The token that clients of /v1 must send where the environment has one.
fn client_token(settings: &Settings) -> Option<Token> {
    let secret = settings.client_token.as_ref()?;
    let sha256 = digest(&SHA256, secret.expose().as_bytes())
        .as_ref()
        .try_into()
        .ok()?;
    Some(Token {
        name: "AI_GATEWAY_API_KEY".into(),
        sha256,
        role: Role::Client,
    })
}

/// A simulated vendor's models: the one that speaks, and the one that makes vectors.
fn demo_targets(place: ProviderIdx, vendor: &Simulated) -> impl Iterator<Item = Target> {
    let target = |model: &str, types: ModelTypes, price: Price| Target {
        id: TargetId::new(vendor.name, model),
        provider: place,
        types,
        capabilities: Capabilities::of(types),
        price: Some(price),
        max_concurrent: None,
    };
    let words = vendor.types.iter();
    let types = words.filter_map(|word| word.parse().ok()).collect();
    let price = Price::flat(vendor.input_usd_per_1m, vendor.output_usd_per_1m);
    let speaker = target(vendor.model, types, price);
    let embedder = vendor.embedder.map(|embedder| {
        let types = [ModelType::Embedding].into_iter().collect();
        target(
            embedder.model,
            types,
            Price::flat(embedder.input_usd_per_1m, 0.0),
        )
    });
    std::iter::once(speaker).chain(embedder)
}

/// As a configured instance has them by default.
fn built_in_limits() -> GatewayConfig {
    GatewayConfig {
        max_body: 20 * 1024 * 1024,
        max_retries: 3,
        timeout: Duration::from_secs(30),
        first_token_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(15),
        stream_timeout: Duration::from_mins(10),
        recovery: Recovery::Error,
        targets: Vec::new(),
    }
}

/// The demo: simulated vendors, built-in limits, nothing saved.
pub(super) fn of_demo(
    vendors: &Vendors,
    seed: u64,
    globals: &Globals,
    port: u16,
    logs: &Logs,
) -> (InstanceConfig, Options) {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (place, vendor) in ProviderIdx::enumerate(vendors.endpoints()) {
        catalogue.providers.push(Provider {
            max_concurrent: Some(vendor.max_concurrent),
            ..Provider::new(vendor.name, vendor.kind)
        });
        catalogue.targets.extend(demo_targets(place, vendor));
        let protocol = by_kind(vendor.kind);
        directory.endpoints.push(protocol.and_then(|protocol| {
            Endpoint::new(&vendor.base_url, vendor.api_key, vendor.kind, protocol)
        }));
    }
    let blueprint = InstanceConfig {
        catalogue,
        directory,
        strategy: Strategy::default(),
        tuning: Tuning::default(),
        weights: Weights::default(),
        limits: built_in_limits(),
        connect_timeout: Duration::from_secs(5),
        cache: None,
        probe_interval: Some(DEMO_PROBE_INTERVAL),
        allowances: global_limits::of_demo(),
        access: TokenAuth::default(),
        gateway_access: TokenAuth::default(),
        environment: "demo".to_owned(),
        server: server::ConnectionLimits::new(
            server::clamp_to_rlimit(DEMO_CONNECTIONS),
            Duration::from_mins(2),
            DEMO_DRAIN,
        ),
        drain: DEMO_DRAIN,
        saved: "in memory: a demo saves nothing".to_owned(),
        seed,
    };
    let options = dashboard_thread::options(
        globals,
        true,
        false,
        format!("127.0.0.1:{port}"),
        logs.recent.clone(),
    );
    // A minute shows a movement at once.
    (
        blueprint,
        Options {
            window: Window::Minute,
            ..options
        },
    )
}
