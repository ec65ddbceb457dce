//! What the program remembers after a restart.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use serde_json::{Value, json};

on_both! {
    async fn the_last_hour_is_the_same_after_a_restart(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..5 {
            gateway.ask().await;
        }
        let before = gateway.hour().await;
        assert_eq!(before["totals"]["requests"], 5);

        for _ in 0..2 {
            gateway.stop().await;
            gateway.begin().await;
            assert_eq!(gateway.hour().await, before);
        }
        gateway.ask().await;
        gateway.stop().await;
        gateway.begin().await;
        assert_eq!(gateway.hour().await["totals"]["requests"], 6);
    }

    async fn the_last_minutes_by_the_second_are_the_same_after_a_restart(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..5 {
            gateway.ask().await;
        }
        let minutes = async |gateway: &Gateway| {
            let status = gateway.get("/api/status?window=5m").await;
            let provider = status["providers"][0].clone();
            let of = |name: &str| (status["totals"][name].clone(), provider[name].clone());
            ["requests", "attempts", "totalCostUsd", "successRate", "latencyMs", "costBasis"]
                .map(of)
        };
        let before = minutes(&gateway).await;
        assert_eq!(before[0], (json!(5), json!(5)));

        for _ in 0..2 {
            gateway.stop().await;
            gateway.begin().await;
            assert_eq!(minutes(&gateway).await, before);
        }
    }

    async fn totals_keep_what_a_removed_provider_did(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let more = format!(
            "[[providers]]\nname = \"b\"\nkind = \"openai-compatible\"\nbase_url = {:?}\n\
             [[providers.models]]\nid = \"n\"\ninput_usd_per_1m = 1.0\noutput_usd_per_1m = 2.0\n",
            upstream.base_url
        );
        let mut gateway = Gateway::start_with(&database, &upstream.base_url, &more).await;
        gateway.ask().await;
        let body = r#"{"model":"n","messages":[{"role":"user","content":"hi"}]}"#;
        let request = gateway.client.post(format!("{}/v1/chat/completions", gateway.url));
        assert_eq!(request.body(body).send().await.unwrap().status(), 200);
        let before = gateway.hour().await;
        assert_eq!(before["providers"].as_array().map(Vec::len), Some(2));
        gateway.stop().await;
        gateway.configure(&database, &upstream.base_url, "");
        gateway.begin().await;

        let after = gateway.hour().await;
        assert_eq!(after["providers"].as_array().map(Vec::len), Some(1));
        assert_eq!(after["totals"], before["totals"]);
        assert_eq!(after["totals"]["attempts"], 2);
    }

    async fn decisions_and_events_are_the_same_after_a_restart(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..3 {
            gateway.ask().await;
        }
        let before = gateway.get("/api/decisions").await;
        let newest = before["decisions"][0]["decisionId"].as_str().unwrap().to_owned();
        let path = format!("/api/decisions/{newest}");
        let explained = gateway.get(&path).await;
        gateway.stop().await;
        gateway.begin().await;

        assert_eq!(gateway.get("/api/decisions").await, before);
        let after = gateway.get(&path).await;
        let of = |detail: &Value| {
            let round = &detail["rounds"][0];
            (round["reasonCode"].clone(), round["draw"].clone(), round["candidates"].clone())
        };
        assert_eq!(of(&after).0, of(&explained).0);
        assert_eq!(of(&after).1, of(&explained).1);
        assert_eq!(after["rounds"][0]["candidates"].as_array().map(Vec::len), Some(1));
        let status = gateway.get("/api/status").await;
        assert_eq!(status["store"]["state"], "ok");
        assert_eq!(status["store"]["dropped"], 0);
    }

    async fn a_failed_request_is_explained_after_a_restart_too(database: TestDatabase) {
        let body = r#"{"error":{"message":"the model is on fire","type":"server_error"}}"#;
        let upstream = Upstream::start(Behaviour::Status(500, body, Vec::new())).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        let request = gateway.client.post(format!("{}/v1/chat/completions", gateway.url));
        let request = request.header("x-request-id", "trace-77");
        let asked = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        assert!(request.body(asked).send().await.unwrap().status().is_server_error());
        let explained = gateway.get("/api/decisions/trace-77").await;
        let troubled = gateway.get("/api/decisions?trouble=failed").await;
        assert_eq!(troubled["troubled"], json!({"kept": 1, "dropped": 0}));
        gateway.stop().await;
        gateway.begin().await;

        assert_eq!(gateway.get("/api/decisions?trouble=failed").await, troubled);
        let after = gateway.get("/api/decisions/trace-7").await;
        assert_eq!(after["attempts"], explained["attempts"]);
        assert_eq!(after["errorClass"], "server");
        let (code, text, _) = gateway.command(&["explain", "trace-77", &gateway.url]);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("answered 500 (server): \"the model is on fire\""), "{text}");
        let (code, _, mistake) = gateway.command(&["explain", "trace-78", &gateway.url]);
        assert!(code == 1 && mistake.contains("trace-78 is not remembered"), "{code} {mistake}");
    }
}
