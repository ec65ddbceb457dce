//! Upstreams that fail down to the last byte, under a clock that stands still: the sixteen fault
//! scenarios of a public suite for gateways, and the traps that other gateways fell into. What is
//! proved by which test is in `FAULTS.md` beside this file, and a test keeps that true.

mod accounts;
mod breaks;
mod clock;
mod coalesced;
mod commit;
mod counts;
mod hedging;
mod key_pools;
mod last_errors;
mod learning;
mod leaving;
mod outages;
mod restart;
mod scenarios;
mod shares;
mod silence;
mod sizes;
mod speech;
mod table;
mod times;
mod waits;
mod wire;

use crate::bench::{Bench, provider, start_fleet};
use aibal_tui::domain::{
    Capabilities, Catalogue, ModelTypes, Price, Snapshot, Strategy, Target, TargetId,
};
use aibal_tui::gateway::{GatewayConfig, StreamRecovery};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, VertexLocation, by_kind};
use clock::breathe;
use reqwest::Response;
use speech::Speech;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use wire::Wire;

/// The default limits; what clients get before the first content is a matter of `silence`.
fn usual() -> GatewayConfig {
    GatewayConfig {
        early_headers: false,
        ..GatewayConfig::default()
    }
}

/// The same, with broken streams restarted at another target.
fn restarting() -> GatewayConfig {
    GatewayConfig {
        recovery: StreamRecovery::restart(),
        ..GatewayConfig::default()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A gateway with the best upstream first: `a` is the cheapest.
async fn before(upstreams: &[(&Wire, Speech)], limits: GatewayConfig) -> Bench {
    fleet(upstreams, Strategy::Best, limits, None).await
}

async fn fleet(
    upstreams: &[(&Wire, Speech)],
    strategy: Strategy,
    limits: GatewayConfig,
    probes: Option<Duration>,
) -> Bench {
    let kinds: Vec<(&Wire, &str)> = upstreams
        .iter()
        .map(|(upstream, speech)| (*upstream, speech.kind()))
        .collect();
    fleet_of_kinds(&kinds, strategy, limits, probes).await
}

/// The same for any kinds of provider.
async fn fleet_of_kinds(
    upstreams: &[(&Wire, &str)],
    strategy: Strategy,
    limits: GatewayConfig,
    probes: Option<Duration>,
) -> Bench {
    let (catalogue, directory) = configured(upstreams);
    start_fleet(catalogue, directory, strategy, limits, probes).await
}

fn configured(upstreams: &[(&Wire, &str)]) -> (Catalogue, EndpointRegistry) {
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (place, (upstream, kind)) in upstreams.iter().enumerate() {
        let name = char::from(b'a' + u8::try_from(place).unwrap()).to_string();
        catalogue.providers.push(provider(&name));
        catalogue.targets.push(Target {
            id: TargetId::new(&name, "shared"),
            provider: place.into(),
            types: ModelTypes::CHAT,
            capabilities: Capabilities::default(),
            price: Some(Price::flat(
                1.0 + place as f64 * 3.0,
                2.0 + place as f64 * 6.0,
            )),
            max_concurrent: None,
        });
        let protocol = by_kind(kind).unwrap();
        let mut endpoint = Endpoint::new(&upstream.base_url, Some("key"), kind, protocol).unwrap();
        endpoint.location = Some(VertexLocation {
            project: "project".to_owned(),
            location: "global".to_owned(),
        });
        directory.endpoints.push(Some(endpoint));
    }
    (catalogue, directory)
}

/// Two upstreams of the same protocol, the second one well.
async fn pair(speech: Speech, limits: GatewayConfig) -> (Wire, Wire, Bench) {
    let (a, b) = (Wire::start().await, Wire::start().await);
    let bench = before(&[(&a, speech), (&b, speech)], limits).await;
    (a, b, bench)
}

/// Sends a request; returns when the response headers arrive.
fn asking(bench: &Bench, speech: Speech, stream: bool) -> JoinHandle<Response> {
    asking_with(bench, speech, speech.ask(stream), &[])
}

fn asking_with(
    bench: &Bench,
    speech: Speech,
    body: String,
    headers: &[(&'static str, &'static str)],
) -> JoinHandle<Response> {
    let url = format!("{}/{}", bench.url, speech.path());
    let mut request = bench.client.post(url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tokio::spawn(async move { request.send().await.unwrap() })
}

async fn ask(bench: &Bench, speech: Speech, stream: bool) -> Response {
    asking(bench, speech, stream).await.unwrap()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// Status, provider and number of attempts.
fn head(response: &Response) -> (u16, String, String) {
    (
        response.status().as_u16(),
        header(response, "x-aibal-provider"),
        header(response, "x-aibal-attempts"),
    )
}

fn served_by(provider: &str, attempts: u32) -> (u16, String, String) {
    (200, provider.to_owned(), attempts.to_string())
}

/// Waits until a snapshot of the instance fulfils the condition.
async fn seen(bench: &Bench, condition: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    for _ in 0..60_000 {
        let picture = bench.handle.snapshot(900).await.unwrap();
        if condition(&picture) {
            return picture;
        }
        breathe().await;
    }
    panic!("the instance never came to what was waited for");
}

/// So many requests have ended, and the instance knows.
async fn ended(bench: &Bench, requests: u64) -> Arc<Snapshot> {
    seen(bench, |picture| {
        let mut providers = picture.providers.iter();
        picture.totals.requests == requests && providers.all(|one| one.in_flight == 0)
    })
    .await
}

/// The first content of a stream from that target has come to the gateway.
async fn content_came(bench: &Bench, target: usize) {
    clock::until("the first content", || {
        let table = bench.handle.routing_table();
        let gauge = &table.candidates[target].load_counters;
        let waiting = gauge.waiting(aibal_tui::clock::now());
        gauge.in_flight() == 1 && waiting.count == 0
    })
    .await;
}
