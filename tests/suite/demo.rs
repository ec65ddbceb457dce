//! The whole loop without a screen: simulated vendors, the gateway, traffic through its door.

use crate::bench::{Bench, limits, start_fleet};
use aibal_tui::demo::{Fault, Scenario, Traffic, TrafficMeter, Vendors};
use aibal_tui::domain::{
    Capabilities, Catalogue, Command, HealthState, ModelType, Price, Provider, Snapshot, Strategy,
    Target, TargetId, WeightsPatch,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, by_kind};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// So many stretches of traffic are given to come to what is right.
const STRETCHES: usize = 12;

struct Loop {
    vendors: Vendors,
    bench: Bench,
    meter: TrafficMeter,
    _traffic: DropGuard,
}

/// A world that runs `pace` times as fast as the real one, with eight times that many requests a
/// second.
async fn start(pace: f64) -> Loop {
    let vendors = Vendors::start_at(7, Scenario::steady(), pace)
        .await
        .unwrap();
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (place, vendor) in vendors.endpoints().iter().enumerate() {
        catalogue.providers.push(Provider {
            max_concurrent: Some(vendor.max_concurrent),
            ..Provider::new(vendor.name, vendor.kind)
        });
        catalogue.targets.push(Target {
            id: TargetId::new(vendor.name, vendor.model),
            provider: place.into(),
            types: [ModelType::Chat].into_iter().collect(),
            capabilities: Capabilities::default(),
            price: Some(Price::flat(
                vendor.input_usd_per_1m,
                vendor.output_usd_per_1m,
            )),
            max_concurrent: None,
        });
        let protocol = by_kind(vendor.kind).unwrap();
        directory.endpoints.push(Endpoint::new(
            &vendor.base_url,
            vendor.api_key,
            vendor.kind,
            protocol,
        ));
    }
    let bench = start_fleet(catalogue, directory, Strategy::default(), limits(), None).await;
    let traffic = Traffic::new(&bench.url, 7, 8.0 * pace).unwrap();
    let (meter, stop) = (traffic.meter(), CancellationToken::new());
    tokio::spawn(traffic.run(stop.clone()));
    Loop {
        vendors,
        bench,
        meter,
        _traffic: stop.drop_guard(),
    }
}

impl Loop {
    async fn set_weights(&self, cost: f64, latency: f64, reliability: f64) {
        let patch = WeightsPatch {
            cost: Some(cost),
            latency: Some(latency),
            reliability: Some(reliability),
            who: "test".to_owned(),
            ..WeightsPatch::default()
        };
        self.bench
            .handle
            .execute(Command::SetWeights(patch))
            .await
            .unwrap();
    }

    /// Who gets what part of the next so many attempts.
    async fn parts(&self, attempts: u64) -> Vec<(String, f64)> {
        let count = |picture: &Snapshot| -> Vec<u64> {
            picture
                .providers
                .iter()
                .map(|provider| provider.requests)
                .collect()
        };
        let before = count(&self.bench.handle.snapshot(900).await.unwrap());
        let total: u64 = before.iter().sum();
        let after = self
            .bench
            .until(|picture| picture.totals.attempts >= total + attempts)
            .await;
        let made = (after.totals.attempts - total) as f64;
        let parts = count(&after)
            .into_iter()
            .zip(before)
            .map(|(now, then)| (now - then) as f64 / made);
        after
            .providers
            .iter()
            .map(|provider| provider.name.to_string())
            .zip(parts)
            .collect()
    }

    /// Stretches of so many attempts until one is as wished; the last where none is. A machine that
    /// is busy with other things may spoil one measurement, and what is learnt next mends it.
    async fn parts_until(
        &self,
        attempts: u64,
        wish: impl Fn(&[(String, f64)]) -> bool,
    ) -> Vec<(String, f64)> {
        let mut parts = self.parts(attempts).await;
        for _ in 1..STRETCHES {
            if wish(&parts) {
                break;
            }
            parts = self.parts(attempts).await;
        }
        parts
    }
}

fn part(parts: &[(String, f64)], name: &str) -> f64 {
    parts.iter().find(|(who, _)| who == name).unwrap().1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weight_on_cost_moves_the_traffic_to_the_cheapest() {
    // Its places are few, and on a loaded machine a faster world would fill them.
    let world = start(4.0).await;
    world
        .bench
        .until(|picture| picture.totals.requests > 60)
        .await;

    world.set_weights(100.0, 0.0, 0.0).await;

    let parts = world.parts(100).await;
    assert!(part(&parts, "ollama") > 0.6, "{parts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weight_on_latency_moves_the_traffic_to_the_fastest() {
    // Latencies are measured against fixed references, so this world runs at the real pace.
    let world = start(1.0).await;
    world.set_weights(0.0, 100.0, 0.0).await;
    let learnt = |picture: &Snapshot| {
        picture
            .providers
            .iter()
            .all(|provider| provider.requests > 0)
    };
    world.bench.until(learnt).await;

    let is_most = |parts: &[(String, f64)]| part(parts, "openai") > 0.5;
    let parts = world.parts_until(30, is_most).await;
    assert!(is_most(&parts), "{parts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_moves_the_traffic_away_and_no_client_sees_an_error() {
    let world = start(10.0).await;
    world
        .bench
        .until(|picture| picture.totals.requests > 60)
        .await;
    let picture = world.bench.handle.snapshot(900).await.unwrap();
    let busiest = picture
        .providers
        .iter()
        .max_by_key(|provider| provider.requests)
        .unwrap();
    let (victim, name) = (
        picture
            .providers
            .iter()
            .position(|provider| provider.name == busiest.name)
            .unwrap(),
        busiest.name.to_string(),
    );

    world.vendors.set_fault(&name, Some(Fault::Outage)).unwrap();
    world
        .bench
        .until(|picture| picture.providers[victim].state == HealthState::Open)
        .await;
    let during = world.parts(100).await;
    assert!(part(&during, &name) < 0.1, "{name}: {during:?}");

    world.vendors.set_fault(&name, None).unwrap();
    world
        .bench
        .until(|picture| picture.providers[victim].state.is_usable())
        .await;
    let count = world.meter.count();
    assert_eq!(count.failed, 0, "{count:?}");
    let picture = world.bench.handle.snapshot(900).await.unwrap();
    assert_eq!(picture.totals.success_rate, Some(1.0));
    assert!(picture.totals.attempts > picture.totals.requests);
    tokio::time::timeout(
        Duration::from_secs(30),
        world
            .bench
            .until(|picture| picture.providers[victim].state == HealthState::Ok),
    )
    .await
    .unwrap();
}
