//! What the API answers from the store, and what is deleted.

use super::gateway::Gateway;
use super::{TestDatabase, now, on_both};
use crate::upstream::{Behaviour, Upstream};
use aibal_tui::domain::UnixTime;
use aibal_tui::store::{EventRow, Record};
use serde_json::Value;
use std::time::Duration;

/// A day in microseconds.
const DAY_US: u64 = 86_400_000_000;

fn ids(list: &Value) -> Vec<String> {
    let decisions = list["decisions"].as_array().unwrap().iter();
    decisions
        .map(|decision| decision["decisionId"].as_str().unwrap().to_owned())
        .collect()
}

on_both! {
    async fn decisions_are_listed_page_by_page(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..7 {
            gateway.ask().await;
        }
        let all = ids(&gateway.get("/api/decisions").await);
        assert_eq!(all.len(), 7);

        let mut seen = ids(&gateway.get("/api/decisions?limit=3").await);
        loop {
            let path = format!("/api/decisions?limit=3&before={}", seen.last().unwrap());
            let page = ids(&gateway.get(&path).await);
            if page.is_empty() {
                break;
            }
            seen.extend(page);
        }
        assert_eq!(seen, all);
        let unknown = gateway.get("/api/decisions?before=0123456789abcdef").await;
        assert_eq!(unknown["status"], 422, "{unknown}");
    }

    async fn figures_are_filtered_by_token_and_have_a_course(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let mut gateway = Gateway::start(&database, &upstream.base_url).await;
        for _ in 0..4 {
            gateway.ask().await;
        }
        // A stop writes all, and a new process continues the sums of this minute.
        gateway.stop().await;
        gateway.begin().await;
        gateway.ask().await;
        gateway.stop().await;
        gateway.begin().await;
        let figures = async |query: &str| {
            gateway.get(&format!("/api/monitoring/performance?hours=1&{query}")).await
        };

        let all = figures("").await;
        for query in ["provider=a", "model=m", "token=local"] {
            let some = figures(query).await;
            assert_eq!(some["totals"]["requests"], 5, "{query}: {some}");
            assert_eq!(some["providers"][0]["latencyMs"], all["providers"][0]["latencyMs"]);
            assert_eq!(some["providers"][0]["totalCostUsd"], all["providers"][0]["totalCostUsd"]);
        }
        let none = figures("token=unknown").await;
        assert_eq!(none["totals"]["requests"], 0);
        let course = figures("step=300").await;
        let steps = course["series"].as_array().unwrap();
        let sum: u64 = steps.iter().map(|step| step["requests"].as_u64().unwrap()).sum();
        assert_eq!(sum, 5, "{course}");
        assert_eq!(figures("step=7").await["status"], 422);
    }

    async fn old_rows_are_deleted_and_new_ones_stay(database: TestDatabase) {
        let mut options = database.options.clone();
        options.rows_days = 2;
        let store = aibal_tui::store::Store::open(options).await.unwrap();
        for (days, rows) in [(0, 10), (1, 10), (5, 3_500), (9, 20)] {
            for number in 0..rows {
                store.record(Record::Event(EventRow {
                    sequence: store.next_sequence(),
                    at: UnixTime::from_micros(now().micros() - days * DAY_US),
                    number,
                    kind: "info",
                    text: "old".to_owned(),
                    ..EventRow::default()
                }));
            }
        }
        store.flush().await;

        while database.count("SELECT count(*) FROM events").await > 20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        store.close().await;
        assert_eq!(database.count("SELECT count(*) FROM events").await, 20);
    }
}
