//! A gateway on a loopback port, with a real engine behind it and fake upstreams ahead.

use crate::upstream::Upstream;
use aibal_tui::domain::{
    Capabilities, Catalogue, Fleet, ModelTypes, Price, Provider, Route, Snapshot, Strategy, Target,
    TargetId, Weights,
};
use aibal_tui::engine::{self, Handle};
use aibal_tui::gateway::{Gateway, Limits, Recovery, router};
use aibal_tui::protocols::{Directory, Endpoint, Transport, TransportOptions, by_kind};
use aibal_tui::{clock, probe};
use axum::serve::ListenerExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A gateway under test.
pub struct Bench {
    pub url: String,
    pub handle: Handle,
    pub client: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Short enough for tests, long enough for a loaded machine.
pub fn limits() -> Limits {
    Limits {
        max_body: 1024 * 1024,
        max_retries: 3,
        timeout: Duration::from_secs(20),
        first_token_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        stream_timeout: Duration::from_mins(1),
        recovery: Recovery::Error,
        targets: Vec::new(),
    }
}

/// What is put in front of upstreams `a`, `b`, …: each serves `shared` and a model of its own,
/// `only-a`, `only-b`; the first is the cheapest, so that `best` asks it first.
pub async fn start(upstreams: &[&Upstream], limits: Limits) -> Bench {
    start_with(upstreams, limits, None).await
}

pub async fn start_with(
    upstreams: &[&Upstream],
    limits: Limits,
    probes: Option<Duration>,
) -> Bench {
    let mut catalogue = Catalogue::default();
    for place in 0..upstreams.len() {
        let name = char::from(b'a' + u8::try_from(place).unwrap()).to_string();
        catalogue.providers.push(provider(&name));
        for model in ["shared".to_owned(), format!("only-{name}")] {
            let price = Price::flat(1.0 + place as f64 * 3.0, 2.0 + place as f64 * 6.0);
            catalogue.targets.push(Target {
                id: TargetId::new(&name, &model),
                provider: place,
                types: ModelTypes::CHAT,
                capabilities: Capabilities::default(),
                price: Some(price),
            });
        }
    }
    catalogue.routes.push(Route {
        model: "smart".into(),
        targets: vec![0],
    });
    let protocol = by_kind("openai-compatible").unwrap();
    let endpoint = |upstream: &&Upstream| {
        Endpoint::new(
            &upstream.base_url,
            Some("upstream-key"),
            "openai-compatible",
            protocol,
        )
    };
    let directory = Directory {
        endpoints: upstreams.iter().map(endpoint).collect(),
        traits: Vec::new(),
    };
    start_fleet(catalogue, directory, Strategy::Best, limits, probes).await
}

/// Any fleet.
pub async fn start_fleet(
    catalogue: Catalogue,
    directory: Directory,
    strategy: Strategy,
    limits: Limits,
    probes: Option<Duration>,
) -> Bench {
    let fleet = Fleet::new(catalogue, strategy, Weights::default(), 1, clock::now());
    let (engine, handle, _kept) = engine::build(fleet, 1);
    let stop = CancellationToken::new();
    tokio::spawn(engine.run(stop.clone()));
    let directory = Arc::new(directory);
    let options = TransportOptions {
        connect_timeout: Duration::from_secs(2),
    };
    let transport = Transport::new(directory.endpoints.len(), options).unwrap();
    let (task, _asking) = probe::Probe::new(
        handle.clone(),
        Arc::clone(&directory),
        transport.clone(),
        probes,
    );
    tokio::spawn(task.run(stop.clone()));
    let gateway = Gateway {
        handle: handle.clone(),
        directory,
        transport,
        limits: Arc::new(limits),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    // As the real door does: small events do not wait for larger ones.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router(gateway)).await });
    Bench {
        url,
        handle,
        client: reqwest::Client::new(),
        stop,
    }
}

pub fn provider(name: &str) -> Provider {
    Provider {
        name: name.into(),
        kind: "openai-compatible".into(),
        priority: 50,
        max_concurrent: None,
        enabled: true,
        off: None,
        weights: aibal_tui::domain::WeightOverride::default(),
    }
}

impl Bench {
    pub async fn post(&self, body: &str) -> reqwest::Response {
        self.post_with(body, &[]).await
    }

    pub async fn post_with(&self, body: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self
            .client
            .post(format!("{}/chat/completions", self.url))
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Waits until a picture of the instance is as wished.
    pub async fn until(&self, wish: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        for _ in 0..2_400 {
            let picture = self.handle.snapshot(900).await.unwrap();
            if wish(&picture) {
                return picture;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the instance never came to what was waited for");
    }
}
