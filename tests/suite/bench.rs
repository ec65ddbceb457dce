//! A gateway on a loopback port, with a real engine and fake upstreams.

use crate::upstream::Upstream;
use aibal_tui::access::TokenAuth;
use aibal_tui::domain::{
    BalancerState, Capabilities, Catalogue, GlobalLimits, ModelTypes, Price, Provider, Route,
    RouteOrder, Snapshot, Strategy, Target, TargetId, Tuning, Weights,
};
use aibal_tui::engine::{self, EngineHandle};
use aibal_tui::gateway::{
    AnswerMemory, BodyBuffer, BodyWork, Cache, CacheLimits, CountMeter, Gateway, GatewayConfig,
    OwnedObjects, RequestTags, ShutdownSignal, router, with_auth,
};
use aibal_tui::protocols::{
    Endpoint, EndpointRegistry, ResponseStore, TransportOptions, UpstreamSet, by_kind,
};
use aibal_tui::store::{Journal, Store};
use aibal_tui::telemetry::SpanSink;
use aibal_tui::{clock, probe, server};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A gateway under test.
pub struct Bench {
    pub url: String,
    pub handle: EngineHandle,
    pub client: reqwest::Client,
    pub cache: Option<Arc<Cache>>,
    router: axum::Router,
    stop: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Short enough for tests, long enough for a loaded machine.
pub fn limits() -> GatewayConfig {
    GatewayConfig {
        max_body: 1024 * 1024,
        timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(10),
        stream_timeout: Duration::from_mins(1),
        ..GatewayConfig::default()
    }
}

/// A gateway for upstreams `a`, `b`, …. Each serves `shared` and its own model `only-a`, `only-b`;
/// the first is the cheapest, so that `best` selects it first.
pub async fn start(upstreams: &[&Upstream], limits: GatewayConfig) -> Bench {
    start_with(upstreams, limits, None).await
}

pub async fn start_with(
    upstreams: &[&Upstream],
    limits: GatewayConfig,
    probes: Option<Duration>,
) -> Bench {
    let addresses = upstreams.iter().map(|upstream| &*upstream.base_url);
    start_at(&addresses.collect::<Vec<_>>(), limits, probes).await
}

/// The same by addresses.
pub async fn start_at(
    addresses: &[&str],
    limits: GatewayConfig,
    probes: Option<Duration>,
) -> Bench {
    let (catalogue, directory) = catalogue(addresses);
    start_fleet(catalogue, directory, Strategy::Best, limits, probes).await
}

/// The same with limits of providers and models (`change`), global limits, and tokens.
pub async fn start_allowed(
    upstreams: &[&Upstream],
    change: impl FnOnce(&mut Catalogue),
    allowances: &GlobalLimits,
    access: Option<TokenAuth>,
) -> Bench {
    let addresses: Vec<&str> = upstreams
        .iter()
        .map(|upstream| &*upstream.base_url)
        .collect();
    let (mut catalogue, directory) = catalogue(&addresses);
    change(&mut catalogue);
    let (best, weights) = (Strategy::Best, Weights::default());
    let fleet =
        BalancerState::new(catalogue, best, weights, 1, clock::now()).with_limits(allowances);
    let extras = Extras {
        access,
        ..Extras::default()
    };
    serve(fleet, directory, limits(), None, extras).await
}

/// The same with a cache.
pub async fn start_cached(addresses: &[&str], limits: GatewayConfig, cache: CacheLimits) -> Bench {
    let (catalogue, directory) = catalogue(addresses);
    let fleet = BalancerState::new(
        catalogue,
        Strategy::Best,
        Weights::default(),
        1,
        clock::now(),
    );
    let extras = Extras {
        cache: Some(cache),
        ..Extras::default()
    };
    serve(fleet, directory, limits, None, extras).await
}

fn catalogue(addresses: &[&str]) -> (Catalogue, EndpointRegistry) {
    let mut catalogue = Catalogue::default();
    for index in 0..addresses.len() {
        let name = char::from(b'a' + u8::try_from(index).unwrap()).to_string();
        catalogue.providers.push(provider(&name));
        for model in ["shared".to_owned(), format!("only-{name}")] {
            let price = Price::flat(1.0 + index as f64 * 3.0, 2.0 + index as f64 * 6.0);
            catalogue.targets.push(Target {
                id: TargetId::new(&name, &model),
                provider: index.into(),
                types: ModelTypes::CHAT,
                capabilities: Capabilities::default(),
                price: Some(price),
                max_concurrent: None,
            });
        }
    }
    catalogue.routes.push(Route {
        model: "smart".into(),
        targets: vec![0.into()],
        order: RouteOrder::Balanced,
    });
    let protocol = by_kind("openai-compatible").unwrap();
    let endpoint = |address: &&str| {
        Endpoint::new(address, Some("upstream-key"), "openai-compatible", protocol)
    };
    let directory = EndpointRegistry {
        endpoints: addresses.iter().map(endpoint).collect(),
        traits: Vec::new(),
    };
    (catalogue, directory)
}

/// A gateway for any catalogue.
pub async fn start_fleet(
    catalogue: Catalogue,
    directory: EndpointRegistry,
    strategy: Strategy,
    limits: GatewayConfig,
    probes: Option<Duration>,
) -> Bench {
    let fleet = BalancerState::new(catalogue, strategy, Weights::default(), 1, clock::now());
    serve(fleet, directory, limits, probes, Extras::default()).await
}

/// The same with constants of the balancer.
pub async fn start_tuned(
    catalogue: Catalogue,
    directory: EndpointRegistry,
    tuning: Tuning,
    limits: GatewayConfig,
) -> Bench {
    let (best, weights) = (Strategy::Best, Weights::default());
    let fleet = BalancerState::new(catalogue, best, weights, 1, clock::now()).with_tuning(tuning);
    serve(fleet, directory, limits, None, Extras::default()).await
}

/// The same with spans. The first provider gets the client's `traceparent`, the others do not.
#[cfg(feature = "otlp")]
pub async fn start_traced(upstreams: &[&Upstream], spans: SpanSink) -> Bench {
    let addresses: Vec<&str> = upstreams.iter().map(|it| &*it.base_url).collect();
    let (catalogue, mut directory) = catalogue(&addresses);
    let first = directory.endpoints[0].take().unwrap();
    directory.endpoints[0] = Some(first.with_headers([], &["traceparent".to_owned()]));
    let (best, weights) = (Strategy::Best, Weights::default());
    let fleet = BalancerState::new(catalogue, best, weights, 1, clock::now());
    let extras = Extras {
        spans,
        ..Extras::default()
    };
    serve(fleet, directory, limits(), None, extras).await
}

/// A gateway with memory for this many bytes of answers.
pub async fn start_within(upstreams: &[&Upstream], answer_bytes: usize) -> Bench {
    let addresses = upstreams.iter().map(|upstream| &*upstream.base_url);
    let (catalogue, directory) = catalogue(&addresses.collect::<Vec<_>>());
    let (best, weights) = (Strategy::Best, Weights::default());
    let fleet = BalancerState::new(catalogue, best, weights, 1, clock::now());
    let extras = Extras {
        answers: AnswerMemory::with_max_total(answer_bytes),
        ..Extras::default()
    };
    serve(fleet, directory, limits(), None, extras).await
}

/// The same with a store.
pub async fn start_stored(upstreams: &[&Upstream], store: Store) -> Bench {
    let addresses: Vec<&str> = upstreams.iter().map(|it| &*it.base_url).collect();
    let (catalogue, directory) = catalogue(&addresses);
    let (best, weights) = (Strategy::Best, Weights::default());
    let fleet = BalancerState::new(catalogue, best, weights, 1, clock::now());
    let extras = Extras {
        store: Some(store),
        ..Extras::default()
    };
    serve(fleet, directory, limits(), None, extras).await
}

/// What only some benches have.
#[derive(Debug, Default)]
struct Extras {
    access: Option<TokenAuth>,
    cache: Option<CacheLimits>,
    spans: SpanSink,
    answers: AnswerMemory,
    store: Option<Store>,
}

async fn serve(
    fleet: BalancerState,
    directory: EndpointRegistry,
    limits: GatewayConfig,
    probes: Option<Duration>,
    extras: Extras,
) -> Bench {
    let Extras {
        access,
        cache,
        spans,
        answers,
        store,
    } = extras;
    let (engine, handle, _persist_requests) = engine::build(fleet, 1);
    let journal = store.map(|store| Journal::new(store, clock::now()));
    let engine = engine.with_journal(journal.unwrap_or_default());
    let stop = CancellationToken::new();
    tokio::spawn(engine.run(stop.clone()));
    let options = TransportOptions::new(Duration::from_secs(2));
    let upstreams = UpstreamSet::new(directory, options).unwrap();
    let upstreams = Arc::new(ArcSwap::from_pointee(upstreams));
    let interval = watch::channel(probes).1;
    let (task, _probe_requests) =
        probe::Probe::new(handle.clone(), Arc::clone(&upstreams), interval);
    tokio::spawn(task.run(stop.clone()));
    let cache = cache.map(|limits| Arc::new(Cache::new(limits)));
    let gateway = Gateway {
        handle: handle.clone(),
        upstreams,
        config: Arc::new(ArcSwap::from_pointee(limits)),
        cache: cache.clone(),
        shutdown: ShutdownSignal::default(),
        spans,
        bodies: BodyBuffer::default(),
        answers,
        body_work: BodyWork::default(),
        counts: CountMeter::default(),
        tags: RequestTags::default(),
        responses: ResponseStore::default(),
        objects: OwnedObjects::default(),
        prompt_caches: Arc::default(),
    };
    let router = match access {
        Some(access) => with_auth(router(gateway), access),
        None => router(gateway),
    };
    let mut bench = Bench {
        url: String::new(),
        handle,
        client: reqwest::Client::new(),
        cache,
        router,
        stop,
    };
    let limits = server::ConnectionLimits::new(4_096, Duration::from_mins(2), Duration::ZERO);
    let address = bench.listen(limits).await;
    bench.url = format!("http://{address}/v1");
    bench
}

pub fn provider(name: &str) -> Provider {
    Provider::new(name, "openai-compatible")
}

impl Bench {
    /// One more listener, with limits of its own.
    pub async fn listen(&self, limits: server::ConnectionLimits) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, stop) = (self.router.clone(), self.stop.clone());
        tokio::spawn(server::serve(
            listener,
            None,
            router,
            limits,
            server::WorkerThreads::default(),
            stop,
        ));
        address
    }

    pub async fn post(&self, body: &str) -> reqwest::Response {
        self.post_with(body, &[]).await
    }

    pub async fn post_with(&self, body: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        self.post_to("/chat/completions", body, headers).await
    }

    /// Posts to a path below the base URL.
    pub async fn post_to(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> reqwest::Response {
        let mut request = self
            .client
            .post(format!("{}{path}", self.url))
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Waits until a snapshot satisfies the condition, at most one minute.
    pub async fn until(&self, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        for _ in 0..2_400 {
            let snapshot = self.handle.snapshot(900).await.unwrap();
            if condition(&snapshot) {
                return snapshot;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the snapshot did not satisfy the condition within a minute");
    }
}
