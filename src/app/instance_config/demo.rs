//! The demo: simulated vendors, the defaults of a configuration, nothing saved.

use super::InstanceConfig;
use crate::access::TokenAuth;
use crate::app::{dashboard_thread, demo_clients};
use crate::cli::arguments::Globals;
use crate::client::TokenGroups;
use crate::contract::Window;
use crate::demo::{VendorEndpoint, Vendors};
use crate::domain::{
    AlertConfig, BreakerSettings, Capabilities, Catalogue, GlobalLimits, ModelType, ModelTypes,
    Price, Provider, ProviderIdx, Strategy, Target, TargetId, Tuning, Weights,
};
use crate::gateway::GatewayConfig;
use crate::logs::Logs;
use crate::protocols::{Endpoint, EndpointRegistry, by_kind};
use crate::server;
use crate::tui::Options;
use std::time::Duration;

/// Simulated vendors are probed more often than real ones, because their probes cost nothing.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

// The defaults of a configured instance.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const KEEP_ALIVE: Duration = Duration::from_mins(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONNECTIONS: usize = 8192;
const MAX_IN_FLIGHT: u32 = 8_192;
const METRICS_CACHE: Duration = Duration::from_secs(1);

/// Builds the demo's instance and the options of its dashboard.
pub(in crate::app) fn demo_instance_config(
    vendors: &Vendors,
    seed: u64,
    globals: &Globals,
    port: u16,
    logs: &Logs,
) -> (InstanceConfig, Options) {
    let (mut catalogue, mut endpoints) = (Catalogue::default(), EndpointRegistry::default());
    for (provider, vendor) in ProviderIdx::enumerate(vendors.endpoints()) {
        catalogue.providers.push(Provider {
            max_concurrent: Some(vendor.max_concurrent),
            ..Provider::new(vendor.name, vendor.kind)
        });
        catalogue.targets.extend(targets(provider, vendor));
        let protocol = by_kind(vendor.kind);
        endpoints.endpoints.push(protocol.and_then(|protocol| {
            Endpoint::new(&vendor.base_url, vendor.api_key, vendor.kind, protocol)
        }));
    }
    let instance = InstanceConfig {
        catalogue,
        endpoints,
        strategy: Strategy::default(),
        tuning: Tuning::default(),
        weights: Weights::default(),
        gateway: GatewayConfig::default(),
        connect_timeout: CONNECT_TIMEOUT,
        cache: None,
        probe_interval: Some(PROBE_INTERVAL),
        limits: GlobalLimits {
            clients: demo_clients::terms(),
            max_in_flight: Some(MAX_IN_FLIGHT),
            budget: demo_clients::budget(),
            breaker: BreakerSettings::default(),
            alerts: AlertConfig::default(),
        },
        access: TokenAuth::default(),
        gateway_access: demo_clients::access(),
        webhooks: Vec::new(),
        environment: "demo".to_owned(),
        server: server::ConnectionLimits::new(
            server::clamp_to_rlimit(MAX_CONNECTIONS),
            KEEP_ALIVE,
            DRAIN_TIMEOUT,
        ),
        drain: DRAIN_TIMEOUT,
        schedules: Vec::new(),
        pre_stop: Duration::ZERO,
        metrics_cache: METRICS_CACHE,
        token_groups: TokenGroups::new(),
        groups: Vec::new(),
        saved: "in memory: a demo saves nothing".to_owned(),
        seed,
        prepared: None,
    };
    let address = format!("127.0.0.1:{port}");
    let options = dashboard_thread::options(globals, true, false, address, logs.recent.clone());
    // As long as the history that it opens on.
    let options = Options {
        window: Window::Quarter,
        ..options
    };
    (instance, options)
}

/// A simulated vendor's chat model and, where it has one, its embedding model.
fn targets(provider: ProviderIdx, vendor: &VendorEndpoint) -> impl Iterator<Item = Target> {
    let target = |model: &str, types: ModelTypes, price: Price| Target {
        id: TargetId::new(vendor.name, model),
        provider,
        types,
        capabilities: Capabilities::of(types),
        price: Some(price),
        max_concurrent: None,
    };
    let names = vendor.types.iter();
    let types = names.filter_map(|name| name.parse().ok()).collect();
    let price = Price::flat(vendor.input_usd_per_1m, vendor.output_usd_per_1m);
    let chat = target(vendor.model, types, price);
    let embedding = vendor.embedder.map(|embedder| {
        let types = [ModelType::Embedding].into_iter().collect();
        target(
            embedder.model,
            types,
            Price::flat(embedder.input_usd_per_1m, 0.0),
        )
    });
    std::iter::once(chat).chain(embedding)
}
