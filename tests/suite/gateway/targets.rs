//! What becomes of targets: abandoned, probed, broken, listed.

use super::{ASK, STREAM, header, pair};
use crate::bench::{limits, start_with};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use aibal_tui::domain::HealthState;
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

#[tokio::test]
async fn a_client_disconnect_ends_the_upstream_call_and_is_no_failure() {
    let (a, _b, bench) = pair(Behaviour::Events(vec![ROLE, HELLO], Ending::Stall)).await;
    let mut body = bench.post(STREAM).await.bytes_stream();
    body.next().await.unwrap().unwrap();
    drop(body);

    let waiting = bench
        .client
        .post(format!("{}/chat/completions", bench.url))
        .body(ASK);
    a.behave(Behaviour::Hang);
    let waiting = tokio::spawn(waiting.send());
    while a.requests() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiting.abort();

    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(
        (
            picture.totals.success_rate,
            picture.providers[0].success_rate
        ),
        (None, None)
    );
    assert_eq!(picture.providers[0].in_flight, 0);
    while a.abandoned() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn probes_find_a_dead_provider_and_its_return_without_traffic() {
    let (a, b) = (
        Upstream::start(Behaviour::Status(503, "", vec![])).await,
        Upstream::start(Behaviour::Good).await,
    );
    let bench = start_with(&[&a, &b], limits(), Some(Duration::from_millis(100))).await;

    bench
        .until(|picture| picture.providers[0].state == HealthState::Down)
        .await;
    assert!(a.probes() >= 3 && a.requests() == 0);
    assert_eq!(header(&bench.post(ASK).await, "x-aibal-provider"), "b");

    a.behave(Behaviour::Good);
    bench
        .until(|picture| picture.providers[0].state == HealthState::HalfOpen)
        .await;
    let trial = bench.post(ASK).await;
    assert_eq!(
        (header(&trial, "x-aibal-provider"), trial.status().as_u16()),
        ("a".to_owned(), 200)
    );
}

#[tokio::test]
async fn an_open_breaker_gets_no_request() {
    let (a, b, bench) = pair(Behaviour::Status(500, "{}", vec![])).await;
    for _ in 0..20 {
        assert_eq!(bench.post(ASK).await.status(), 200);
    }
    bench.until(|picture| picture.totals.requests == 20).await;

    assert!(
        a.requests() <= 8,
        "{} requests went to a broken upstream",
        a.requests()
    );
    assert_eq!(b.requests(), 20);
}

#[tokio::test]
async fn models_are_listed_in_either_shape() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    let get = |path: &'static str| bench.client.get(format!("{}{path}", bench.url));

    let list: Value = get("/models").send().await.unwrap().json().await.unwrap();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "auto",
            "auto:chat",
            "auto:artifact",
            "smart",
            "shared",
            "only-a",
            "only-b",
            "a/shared",
            "a/only-a",
            "b/shared",
            "b/only-b"
        ]
    );
    let other: Value = get("/models")
        .header("anthropic-version", "2023-06-01")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (other["has_more"].as_bool(), other["first_id"].as_str()),
        (Some(false), Some("auto"))
    );
    let one: Value = get("/models/b/shared")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (one["id"].as_str(), one["owned_by"].as_str()),
        (Some("b/shared"), Some("b"))
    );
    assert_eq!(get("/models/nope").send().await.unwrap().status(), 404);
}
