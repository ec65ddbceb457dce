//! Figures of groups of tokens, and answers that are repeated.

use super::gateway::Gateway;
use super::{TestDatabase, on_both};
use crate::upstream::{Behaviour, Upstream};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use std::fmt::Write as _;

const ASK: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

fn token(name: &str, role: &str, group: Option<&str>) -> String {
    let mut text = format!("[[auth.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"");
    for byte in digest(&SHA256, name.as_bytes()).as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text.push_str("\"\n");
    if let Some(group) = group {
        writeln!(text, "group = {group:?}").unwrap();
    }
    text
}

fn tables(cache_ms: u32, group_of_bob: Option<&str>) -> String {
    format!(
        "[server]\nmetrics_cache_ms = {cache_ms}\n{}{}{}",
        token("ana", "operator", Some("team-a")),
        token("bob", "client", group_of_bob),
        token("eve", "client", None)
    )
}

async fn ask(gateway: &Gateway, token: &str, times: usize) {
    for _ in 0..times {
        let url = format!("{}/v1/chat/completions", gateway.url);
        let request = gateway.client.post(url).bearer_auth(token).body(ASK);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

/// Requests in the answer, or its status if it is an error.
async fn requests(gateway: &Gateway, query: &str) -> u64 {
    let url = format!("{}/api/monitoring/performance?hours=1{query}", gateway.url);
    let answer = gateway
        .client
        .get(url)
        .bearer_auth("ana")
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    let count = answer["totals"]["requests"].as_u64();
    count.unwrap_or_else(|| answer["status"].as_u64().unwrap())
}

async fn until(gateway: &Gateway, query: &str, expected: u64) {
    while requests(gateway, query).await != expected {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

on_both! {
    async fn figures_of_a_group_are_those_of_its_tokens(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let configured = tables(0, Some("team-a"));
        let gateway = Gateway::start_with(&database, &upstream.base_url, &configured).await;
        for (token, times) in [("ana", 1), ("bob", 2), ("eve", 4)] {
            ask(&gateway, token, times).await;
        }
        until(&gateway, "&token=eve", 4).await;
        until(&gateway, "&group=team-a", 3).await;
        assert_eq!(requests(&gateway, "&group=team-a&token=bob").await, 2);
        assert_eq!(requests(&gateway, "&group=team-a&token=eve").await, 0);
        assert_eq!(requests(&gateway, "&group=team-b").await, 404);

        gateway.configure(&database, &upstream.base_url, &tables(0, Some("team-b")));
        until(&gateway, "&group=team-b", 2).await;
        assert_eq!(requests(&gateway, "&group=team-a").await, 1);
    }

    async fn an_answer_from_the_store_is_repeated_for_the_configured_time(database: TestDatabase) {
        let upstream = Upstream::start(Behaviour::Good).await;
        let configured = tables(60_000, Some("team-a"));
        let gateway = Gateway::start_with(&database, &upstream.base_url, &configured).await;
        assert_eq!(requests(&gateway, "&token=bob").await, 0);
        ask(&gateway, "bob", 2).await;
        until(&gateway, "", 2).await;
        while database.count("SELECT count(*) FROM roll_ups WHERE client = 'bob'").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }

        assert_eq!(requests(&gateway, "&token=bob").await, 0);
        gateway.configure(&database, &upstream.base_url, &tables(0, Some("team-a")));
        until(&gateway, "&token=bob", 2).await;
    }
}
