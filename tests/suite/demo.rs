//! Simulated vendors, the gateway and traffic through its API, without a screen.

use crate::bench::{Bench, limits, start_fleet};
use aibal_tui::demo::{Fault, Scenario, Traffic, TrafficMeter, Vendors};
use aibal_tui::domain::{
    Capabilities, Catalogue, Command, HealthState, ModelType, Price, Provider, SelectionRound,
    Snapshot, Strategy, Target, TargetId, WeightsPatch,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, by_kind};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Measurements before a test fails.
const MAX_MEASUREMENTS: usize = 12;

struct DemoSystem {
    vendors: Vendors,
    bench: Bench,
    meter: TrafficMeter,
    _traffic: DropGuard,
}

/// Starts a demo at `pace` times real speed, with `8 · pace` requests per second.
async fn start(pace: f64) -> DemoSystem {
    let vendors = Vendors::start_at(7, Scenario::steady(), pace)
        .await
        .unwrap();
    let (mut catalogue, mut directory) = (Catalogue::default(), EndpointRegistry::default());
    for (index, vendor) in vendors.endpoints().iter().enumerate() {
        catalogue.providers.push(Provider {
            max_concurrent: Some(vendor.max_concurrent),
            ..Provider::new(vendor.name, vendor.kind)
        });
        catalogue.targets.push(Target {
            id: TargetId::new(vendor.name, vendor.model),
            provider: index.into(),
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
    DemoSystem {
        vendors,
        bench,
        meter,
        _traffic: stop.drop_guard(),
    }
}

impl DemoSystem {
    async fn set_weights(&self, cost: f64, latency: f64, reliability: f64) {
        let patch = WeightsPatch {
            cost: Some(cost),
            latency: Some(latency),
            reliability: Some(reliability),
            // Free slots depend on the machine.
            load: Some(0.0),
            who: "test".to_owned(),
            ..WeightsPatch::default()
        };
        self.bench
            .handle
            .execute(Command::SetWeights(patch))
            .await
            .unwrap();
    }

    /// Waits for so many selections under a weight of cost of 100 in which a provider was eligible, and
    /// returns the part that it won.
    async fn won(&self, selections: usize, name: &str) -> f64 {
        let snapshot = self.bench.handle.snapshot(900).await.unwrap();
        let mut providers = snapshot.providers.iter();
        let target = providers.position(|it| &*it.name == name).unwrap();
        loop {
            let decisions = self.bench.handle.decisions().await.unwrap();
            let rounds = decisions.iter().flat_map(|decision| &decision.rounds);
            let rounds: Vec<&SelectionRound> = rounds
                .filter(|round| round.weights.cost > 99.0)
                .filter(|round| round.candidates[target].row.is_eligible())
                .collect();
            if rounds.len() >= selections {
                let won = rounds.iter().filter(|it| it.chosen == Some(target.into()));
                return won.count() as f64 / rounds.len() as f64;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The share of each provider in the next `attempts` attempts.
    async fn shares(&self, attempts: u64) -> Vec<(String, f64)> {
        let count = |snapshot: &Snapshot| -> Vec<u64> {
            snapshot
                .providers
                .iter()
                .map(|provider| provider.requests)
                .collect()
        };
        let before = count(&self.bench.handle.snapshot(900).await.unwrap());
        let total: u64 = before.iter().sum();
        let after = self
            .bench
            .until(|snapshot| snapshot.totals.attempts >= total + attempts)
            .await;
        let made = (after.totals.attempts - total) as f64;
        let shares = count(&after)
            .into_iter()
            .zip(before)
            .map(|(now, then)| (now - then) as f64 / made);
        after
            .providers
            .iter()
            .map(|provider| provider.name.to_string())
            .zip(shares)
            .collect()
    }

    /// Measures shares until they satisfy the condition, and returns the last ones. A busy machine may
    /// spoil one measurement; the balancer corrects its estimates with the next.
    async fn shares_until(
        &self,
        attempts: u64,
        condition: impl Fn(&[(String, f64)]) -> bool,
    ) -> Vec<(String, f64)> {
        let mut shares = self.shares(attempts).await;
        for _ in 1..MAX_MEASUREMENTS {
            if condition(&shares) {
                break;
            }
            shares = self.shares(attempts).await;
        }
        shares
    }
}

fn share(shares: &[(String, f64)], name: &str) -> f64 {
    shares
        .iter()
        .find(|(provider, _)| provider == name)
        .unwrap()
        .1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weight_on_cost_moves_the_traffic_to_the_cheapest() {
    let demo = start(4.0).await;
    demo.bench
        .until(|snapshot| snapshot.totals.requests > 60)
        .await;

    demo.set_weights(100.0, 0.0, 0.0).await;

    // Ollama has few slots, and on a loaded machine they are full.
    let won = demo.won(100, "ollama").await;
    assert!(won > 0.8, "{won}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weight_on_latency_moves_the_traffic_to_the_fastest() {
    // Latencies are compared with fixed references, so this demo runs at real speed.
    let demo = start(1.0).await;
    demo.set_weights(0.0, 100.0, 0.0).await;
    let measured = |snapshot: &Snapshot| {
        snapshot
            .providers
            .iter()
            .all(|provider| provider.requests > 0)
    };
    demo.bench.until(measured).await;

    let is_most = |shares: &[(String, f64)]| share(shares, "openai") > 0.5;
    let shares = demo.shares_until(30, is_most).await;
    assert!(is_most(&shares), "{shares:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_moves_the_traffic_away_and_no_client_sees_an_error() {
    let demo = start(10.0).await;
    demo.bench
        .until(|snapshot| snapshot.totals.requests > 60)
        .await;
    let snapshot = demo.bench.handle.snapshot(900).await.unwrap();
    let busiest = snapshot
        .providers
        .iter()
        .max_by_key(|provider| provider.requests)
        .unwrap();
    let (target, name) = (
        snapshot
            .providers
            .iter()
            .position(|provider| provider.name == busiest.name)
            .unwrap(),
        busiest.name.to_string(),
    );

    demo.vendors.set_fault(&name, Some(Fault::Outage)).unwrap();
    demo.bench
        .until(|snapshot| snapshot.providers[target].state == HealthState::Open)
        .await;
    let during = demo.shares(100).await;
    assert!(share(&during, &name) < 0.1, "{name}: {during:?}");

    demo.vendors.set_fault(&name, None).unwrap();
    demo.bench
        .until(|snapshot| snapshot.providers[target].state.is_usable())
        .await;
    let count = demo.meter.count();
    assert_eq!(count.failed, 0, "{count:?}");
    let snapshot = demo.bench.handle.snapshot(900).await.unwrap();
    assert_eq!(snapshot.totals.success_rate, Some(1.0));
    assert!(snapshot.totals.attempts > snapshot.totals.requests);
    tokio::time::timeout(
        Duration::from_secs(30),
        demo.bench
            .until(|snapshot| snapshot.providers[target].state == HealthState::Ok),
    )
    .await
    .unwrap();
}
