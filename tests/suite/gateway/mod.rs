//! Clients ↔ gateway ↔ upstreams that fail in chosen ways.

mod bodies;
mod budgets;
mod cached;
mod capabilities;
mod completions;
mod costs;
mod described;
mod dropped;
mod forms;
mod forwarded;
mod identity;
mod load;
mod memory;
mod native_contents;
mod native_lines;
mod recovering;
mod refusals;
mod reported;
mod sessions;
mod stored;
mod targets;
mod tokens;

use crate::bench::{Bench, limits, start};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, STOP, USAGE, Upstream, WHOLE};
use serde_json::Value;
use std::time::Duration;

const ASK: &str = r#"{"model":"shared","messages":[{"role":"user","content":"hi"}]}"#;
const STREAM: &str =
    r#"{"model":"shared","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

fn header(response: &reqwest::Response, name: &str) -> String {
    response
        .headers()
        .get(name)
        .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn error(response: reqwest::Response) -> Value {
    assert_eq!(header(&response, "content-type"), "application/json");
    response.json::<Value>().await.unwrap()["error"].clone()
}

async fn pair(first: Behaviour) -> (Upstream, Upstream, Bench) {
    let (a, b) = (
        Upstream::start(first).await,
        Upstream::start(Behaviour::Good).await,
    );
    let bench = start(&[&a, &b], limits()).await;
    (a, b, bench)
}

#[tokio::test]
async fn a_response_is_unchanged_except_for_added_headers() {
    let (a, _b, bench) = pair(Behaviour::Good).await;

    let response = bench
        .post_with(
            r#"{"model":"shared","messages":[],"x_mine":{"n":1e2}, "user":"u"}"#,
            &[
                ("authorization", "Bearer client-token"),
                ("x-request-id", "mine-1"),
            ],
        )
        .await;

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-aibal-provider"), "a");
    assert_eq!(header(&response, "x-aibal-model"), "shared");
    assert_eq!(header(&response, "x-aibal-attempts"), "1");
    assert_eq!(header(&response, "x-aibal-cost-usd"), "0.000050000");
    assert_eq!(header(&response, "x-aibal-decision").len(), 16);
    assert_eq!(header(&response, "x-request-id"), "mine-1");
    assert_eq!(header(&response, "x-ratelimit-remaining-requests"), "41");
    assert_eq!(response.text().await.unwrap(), WHOLE);
    let (headers, body) = a.last();
    assert_eq!(headers["authorization"], "Bearer upstream-key");
    assert_eq!(
        body,
        r#"{"messages":[],"x_mine":{"n":1e2},"user":"u","model":"shared"}"#
    );
}

#[tokio::test]
async fn a_stream_shows_its_usage_only_to_clients_that_ask_for_it() {
    let (a, _b, bench) = pair(Behaviour::Good).await;
    let lines = |data: &[&str]| format!("data: {}\n\n", data.join("\n\ndata: "));

    let plain = bench.post(STREAM).await;
    assert_eq!(
        header(&plain, "content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(header(&plain, "x-aibal-provider"), "a");
    assert_eq!(
        plain.text().await.unwrap(),
        lines(&[ROLE, HELLO, STOP, DONE])
    );
    assert!(
        a.last()
            .1
            .contains(r#""stream_options":{"include_usage":true}"#)
    );

    let asked = bench
        .post(r#"{"model":"shared","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#)
        .await;
    assert_eq!(
        asked.text().await.unwrap(),
        lines(&[ROLE, HELLO, STOP, USAGE, DONE])
    );

    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.success_rate, Some(1.0));
    assert_eq!(picture.totals.tokens, 60);
    assert!((picture.totals.cost.unwrap().usd() - 0.000_1).abs() < 1e-12);
}

#[tokio::test]
async fn every_failure_before_the_first_content_is_answered_by_another_target() {
    let status = |status, body, headers: &[(&'static str, &'static str)]| {
        Behaviour::Status(status, body, headers.to_vec())
    };
    let faults = [
        status(500, r#"{"error":{"message":"oops"}}"#, &[]),
        status(503, "<html>busy</html>", &[]),
        status(429, "{}", &[("retry-after", "2")]),
        status(429, "{}", &[]),
        status(401, r#"{"error":{"message":"bad key"}}"#, &[]),
        status(404, r#"{"error":{"message":"no such model"}}"#, &[]),
        Behaviour::Events(vec![], Ending::Cut),
        Behaviour::Events(vec![ROLE], Ending::Cut),
        Behaviour::Events(vec![ROLE], Ending::Close),
        Behaviour::Events(
            vec![ROLE, r#"{"error":{"message":"overloaded"}}"#],
            Ending::Close,
        ),
        Behaviour::Events(vec!["{\"choices\":[{"], Ending::Close),
    ];
    for fault in faults {
        let (a, b, bench) = pair(fault.clone()).await;

        let response = bench.post(STREAM).await;

        assert_eq!(response.status(), 200, "{fault:?}");
        assert_eq!(header(&response, "x-aibal-provider"), "b", "{fault:?}");
        assert_eq!(header(&response, "x-aibal-attempts"), "2", "{fault:?}");
        let text = response.text().await.unwrap();
        assert!(
            text.contains("Hello") && text.ends_with("data: [DONE]\n\n"),
            "{fault:?}: {text}"
        );
        assert_eq!((a.requests(), b.requests()), (1, 1), "{fault:?}");
        let picture = bench.until(|picture| picture.totals.requests == 1).await;
        assert_eq!(
            (picture.totals.attempts, picture.totals.success_rate),
            (2, Some(1.0)),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_hung_upstream_is_left_early_enough_for_another_to_answer() {
    for ask in [ASK, STREAM] {
        let (a, b) = (
            Upstream::start(Behaviour::Hang).await,
            Upstream::start(Behaviour::Good).await,
        );
        let quick = aibal_tui::gateway::GatewayConfig {
            timeout: Duration::from_secs(2),
            first_token_timeout: Duration::from_secs(1),
            ..limits()
        };
        let bench = start(&[&a, &b], quick).await;

        let response = bench.post(ask).await;

        assert_eq!(
            (
                response.status().as_u16(),
                header(&response, "x-aibal-provider")
            ),
            (200, "b".to_owned())
        );
        assert_eq!(a.abandoned(), 1);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_after_content_ends_in_an_error_and_never_looks_complete() {
    for ending in [Ending::Cut, Ending::Close] {
        let (_a, b, bench) = pair(Behaviour::Events(vec![ROLE, HELLO], ending)).await;

        let response = bench.post(STREAM).await;
        assert_eq!(
            (
                response.status().as_u16(),
                header(&response, "x-aibal-provider")
            ),
            (200, "a".to_owned())
        );
        let text = response.text().await.unwrap();

        assert!(
            text.contains("Hello") && text.contains("upstream_disconnected"),
            "{text}"
        );
        assert!(
            !text.contains("[DONE]") && !text.contains("finish_reason\":\"stop"),
            "{text}"
        );
        assert_eq!(b.requests(), 0);
        let picture = bench.until(|picture| picture.totals.requests == 1).await;
        assert_eq!(picture.totals.success_rate, Some(0.0));
        assert_eq!(picture.providers[0].success_rate, Some(0.0));
    }
}

#[tokio::test]
async fn a_stream_that_stalls_after_content_is_ended_by_its_idle_limit() {
    let a = Upstream::start(Behaviour::Events(vec![ROLE, HELLO], Ending::Stall)).await;
    let impatient = aibal_tui::gateway::GatewayConfig {
        idle_timeout: Duration::from_millis(300),
        ..limits()
    };
    let bench = start(&[&a], impatient).await;

    let text = bench.post(STREAM).await.text().await.unwrap();

    assert!(
        text.contains("Hello") && text.contains("idle_timeout_ms") && !text.contains("[DONE]"),
        "{text}"
    );
}

#[tokio::test]
async fn a_finished_response_without_its_terminator_is_complete() {
    let (_a, _b, bench) = pair(Behaviour::Events(vec![ROLE, HELLO, STOP], Ending::Close)).await;

    let text = bench.post(STREAM).await.text().await.unwrap();

    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn model_names_select_the_documented_targets() {
    let (a, b, bench) = pair(Behaviour::Good).await;
    let ask = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
    for (model, provider, answered) in [
        ("auto", "a", "shared"),
        ("auto:artifact", "a", "shared"),
        ("smart", "a", "shared"),
        ("b/shared", "b", "shared"),
        ("only-b", "b", "only-b"),
    ] {
        let response = bench.post(&ask(model)).await;
        assert_eq!(
            (
                header(&response, "x-aibal-provider"),
                header(&response, "x-aibal-model")
            ),
            (provider.to_owned(), answered.to_owned()),
            "{model}"
        );
    }
    assert_eq!(bench.post(&ask("auto:vision")).await.status(), 503);
    let preferred = bench
        .post_with(&ask("auto"), &[("x-aibal-preferred-provider", "b")])
        .await;
    assert_eq!(header(&preferred, "x-aibal-provider"), "b");

    b.behave(Behaviour::Status(500, "{}", vec![]));
    let before = a.requests();
    assert_eq!(bench.post(&ask("b/shared")).await.status(), 500);
    assert_eq!(a.requests(), before, "a pinned request does not fall back");
}

#[tokio::test]
async fn constraints_are_never_relaxed() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;

    let fits = bench
        .post_with(ASK, &[("x-aibal-max-cost", "0.000002")])
        .await;
    assert_eq!(header(&fits, "x-aibal-provider"), "a");
    let none = bench
        .post_with(ASK, &[("x-aibal-max-cost", "0.000001")])
        .await;
    assert_eq!(
        (none.status().as_u16(), header(&none, "x-should-retry")),
        (503, "false".to_owned())
    );
    assert!(
        error(none).await["message"]
            .as_str()
            .unwrap()
            .contains("more expensive than maxCost")
    );
}
