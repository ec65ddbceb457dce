//! Known faults of gateways that stores, memory and long views bring.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use serde_json::Value;
use std::time::Duration;

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const BUDGET: &str = "[budget]\nusd_per_day = 1000.0\n";

/// A provider whose model has no price.
fn unpriced(upstream: &Upstream) -> String {
    format!(
        "[[providers]]\nname = \"b\"\nkind = \"openai-compatible\"\nbase_url = {:?}\n\
         models = [{{ id = \"unpriced\" }}]\n",
        upstream.base_url
    )
}

/// Sends a body; `None` if no whole response came.
async fn send(client: &reqwest::Client, url: &str, body: String) -> Option<u16> {
    let request = client.post(format!("{url}/v1/chat/completions")).body(body);
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    response.bytes().await.ok().map(|_| status)
}

/// Sends a body and leaves once the upstream has the request.
async fn leave(gateway: &Gateway, upstream: &Upstream, body: &str) {
    let before = upstream.requests();
    let (client, url) = (gateway.client.clone(), gateway.url.clone());
    let body = body.to_owned();
    let asking = tokio::spawn(async move { send(&client, &url, body).await });
    while upstream.requests() == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asking.abort();
}

async fn until_count(database: &TestDatabase, sql: &str, expected: usize) {
    while database.count(sql).await != expected {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

on_both! {
    async fn every_upstream_call_is_one_row_with_its_outcome_and_its_cost(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let tables = unpriced(&upstream);
        let gateway = Gateway::start_with(&database, &upstream.base_url, &tables).await;
        let ask = async |body: &str| send(&gateway.client, &gateway.url, body.to_owned()).await;
        gateway.ask().await;
        upstream.script([Behaviour::Status(500, "{}", Vec::new())]);
        gateway.ask().await;
        upstream.script([Behaviour::Status(400, r#"{"error":{"message":"no"}}"#, Vec::new())]);
        assert_eq!(ask(&STREAM.replace("true", "false")).await, Some(400));
        upstream.script([Behaviour::Events(vec![ROLE, HELLO], Ending::Cut)]);
        ask(STREAM).await;
        upstream.script([Behaviour::Hang]);
        leave(&gateway, &upstream, STREAM).await;
        assert_eq!(ask(&STREAM.replace("\"m\"", "\"unpriced\"")).await, Some(200));

        until_count(&database, "SELECT count(*) FROM attempts", upstream.requests()).await;
        assert_eq!(upstream.requests(), 7);
        let rows = async |condition: &str| {
            database.count(&format!("SELECT count(*) FROM attempts WHERE {condition}")).await
        };
        assert_eq!(rows("outcome = 'ok'").await, 3);
        assert_eq!(rows("outcome = 'error' AND status = 500").await, 1);
        assert_eq!(rows("outcome = 'error' AND status = 400").await, 1);
        assert_eq!(rows("outcome = 'cancelled'").await, 1);
        assert_eq!(rows("cost_basis NOT IN ('exact', 'estimated', 'unknown')").await, 0);
        assert_eq!(rows("(cost_basis = 'unknown') <> (cost_pico IS NULL)").await, 0);
        assert_eq!(rows("model = 'unpriced' AND cost_basis = 'unknown'").await, 1);
        until_count(&database, "SELECT count(*) FROM requests", 6).await;
        // What has no price is unknown everywhere, and never free.
        let report = loop {
            let report = gateway.get("/api/monitoring/performance?hours=1&model=unpriced").await;
            if report["totals"]["requests"] == 1 {
                break report;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(report["totals"]["totalCostUsd"], Value::Null, "{report}");
        let usage = gateway.get("/api/usage?by=model").await;
        let rows = usage["usage"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == "unpriced").unwrap();
        assert_eq!(row["costUsd"], Value::Null, "{row}");
        let (code, text, _) = gateway.command(&["usage", "--by", "model"]);
        let line = text.lines().find(|line| line.starts_with("unpriced ")).unwrap();
        assert!(code == 0 && line.ends_with(" -"), "{text}");
    }

    async fn a_locked_database_delays_no_request_and_loses_no_row(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let gateway = Gateway::start_with(&database, &upstream.base_url, BUDGET).await;
        gateway.ask().await;
        let lock = database.lock().await;
        // The lock is released after the last response: a request that waited for the database would
        // never have one.
        for _ in 0..100 {
            gateway.ask().await;
        }
        let store = gateway.get("/api/status").await["store"].clone();
        assert!(store["queued"].as_u64() > Some(100), "{store}");
        lock.release().await;

        until_count(&database, "SELECT count(*) FROM attempts", 101).await;
        until_count(&database, "SELECT count(*) FROM requests", 101).await;
        assert_eq!(gateway.get("/api/status").await["store"]["dropped"], 0);
    }

    async fn figures_come_from_sums_and_not_from_rows(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..5 {
            gateway.ask().await;
        }
        gateway.stop().await;
        gateway.begin().await;
        let figures = async |gateway: &Gateway| {
            let mut all = Vec::new();
            for query in ["hours=1", "hours=8760", "hours=1&model=m", "hours=1&token=local"] {
                let path = format!("/api/monitoring/performance?{query}");
                all.push(gateway.get(&path).await["totals"].clone());
            }
            all.push(gateway.get("/api/usage?by=provider").await["total"].clone());
            all
        };
        let before = figures(&gateway).await;
        assert!(before.iter().all(|totals| totals["requests"] == 5 || totals["attempts"] == 5));
        gateway.stop().await;
        database.execute("DELETE FROM attempts").await;
        database.execute("DELETE FROM requests").await;
        gateway.begin().await;

        assert_eq!(figures(&gateway).await, before);
    }
}

/// Memory of a process in kB.
#[cfg(target_os = "linux")]
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_large_requests_streams_and_clients_that_leave() {
    const PROMPT: usize = 32 * 1024;
    const ROUND: usize = 100;
    let database = TestDatabase::sqlite();
    let upstream = Upstream::start(Behaviour::Good).await;
    let gateway = Gateway::start_with(&database, &upstream.base_url, BUDGET).await;
    let stream = STREAM.replace("hi", &"x".repeat(PROMPT));
    let whole = stream.replace("true", "false");
    let round = async || {
        for number in 0..ROUND {
            match number % 10 {
                0 => {
                    upstream.script([Behaviour::Hang]);
                    leave(&gateway, &upstream, &stream).await;
                }
                1..5 => assert!(
                    send(&gateway.client, &gateway.url, stream.clone())
                        .await
                        .is_some()
                ),
                _ => assert!(
                    send(&gateway.client, &gateway.url, whole.clone())
                        .await
                        .is_some()
                ),
            }
        }
    };
    for _ in 0..8 {
        round().await;
    }
    let before = resident(gateway.process());
    let rounds = 16;
    for _ in 0..rounds {
        round().await;
    }
    let grown = resident(gateway.process()).saturating_sub(before);

    // A quarter of what the prompts alone would take; decisions are still being collected.
    let prompts = rounds * ROUND * PROMPT / 1024;
    assert!(
        grown < prompts as u64 / 4,
        "{grown} kB more after {prompts} kB of prompts"
    );
}
