//! What operators changed, what was spent and what the balancer learnt survive the process.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use serde_json::json;

const BUDGET: &str = "[budget]\nusd_per_day = 1.0\n";

on_both! {
    async fn drains_trials_and_revisions_survive_even_a_kill(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start_with(&database, &upstream.base_url, "").await;
        let trial = json!({"cost": 60, "latency": 10, "reason": "try", "revertAfterSeconds": 900});
        let changed = gateway.send("PUT", "/api/weights", trial).await;
        assert_eq!(changed["revision"], 2);
        let drain = json!({"draining": true});
        gateway.send("PATCH", "/api/providers/a", drain).await;
        let before = gateway.get("/api/revisions").await;
        gateway.until_stored().await;
        gateway.kill().await;
        gateway.begin().await;

        assert_eq!(gateway.get("/api/revisions").await, before);
        let weights = gateway.get("/api/weights").await;
        assert_eq!((&weights["cost"], &weights["revertsAt"]), (&json!(60.0), &changed["revertsAt"]));
        let status = gateway.get("/api/status").await;
        assert_eq!(status["providers"][0]["draining"], true);
        assert_eq!(status["revision"], before["revisions"][0]["revision"]);
    }

    async fn what_was_spent_survives_a_stop_and_a_kill(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start_with(&database, &upstream.base_url, BUDGET).await;
        for _ in 0..3 {
            gateway.ask().await;
        }
        let spent = async |gateway: &Gateway| {
            let day = gateway.get("/api/status").await["budget"]["day"].clone();
            day["spentUsd"].as_f64().unwrap()
        };
        let before = spent(&gateway).await;
        assert!(before > 0.0);
        gateway.stop().await;
        gateway.begin().await;
        gateway.until_spent(before).await;
        assert!((spent(&gateway).await - before).abs() < 1e-9, "no lease is left open");

        gateway.ask().await;
        // Where the first lease takes longer than a request waits for it, spending is not known yet.
        gateway.until_stored().await;
        gateway.kill().await;
        gateway.begin().await;
        gateway.until_spent(before * 4.0 / 3.0).await;
        let after = spent(&gateway).await;
        assert!(after <= before * 4.0 / 3.0 + 0.011, "at most a lease of 1 % more: {after}");
    }

    async fn the_balancer_knows_its_targets_again(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start_with(&database, &upstream.base_url, "").await;
        for _ in 0..30 {
            gateway.ask().await;
        }
        let estimate = async |gateway: &Gateway| {
            let selection = gateway.get("/api/load-balancing?modelType=chat").await;
            selection["estimatedLatencyMs"].as_f64().unwrap()
        };
        let before = estimate(&gateway).await;
        assert!(before < 200.0, "far below what an unmeasured target is expected to take: {before}");
        gateway.stop().await;
        gateway.begin().await;

        let after = estimate(&gateway).await;
        assert!((after - before).abs() < 0.5 * before, "{before} and {after}");
    }
}
