//! Errors that clients get without a response of a provider.

use super::{ASK, error, header, pair};
use crate::bench::{limits, start};
use crate::upstream::{Behaviour, Upstream};
use serde_json::{Value, json};

#[tokio::test]
async fn attempts_are_limited_and_the_last_failure_keeps_its_retry_after() {
    let busy = || {
        Behaviour::Status(
            429,
            r#"{"error":{"message":"slow down"}}"#,
            vec![("retry-after", "7200")],
        )
    };
    let (a, b) = (Upstream::start(busy()).await, Upstream::start(busy()).await);
    let bench = start(&[&a, &b], limits()).await;

    let response = bench.post(ASK).await;

    assert_eq!(response.status(), 429);
    assert_eq!(header(&response, "retry-after"), "900");
    assert_eq!(header(&response, "x-aibal-attempts"), "2");
    assert_eq!(error(response).await["code"], "rate_limit_exceeded");
    assert_eq!((a.requests(), b.requests()), (1, 1));

    bench
        .until(|picture| {
            picture
                .providers
                .iter()
                .all(|provider| provider.in_flight == 0)
        })
        .await;
    let response = bench.post(ASK).await;
    assert_eq!(response.status(), 503);
    assert!(!header(&response, "retry-after").is_empty());
    let told = error(response).await;
    assert_eq!(told["code"], "no_target");
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("a/shared: asked to wait"),
        "{told}"
    );
}

#[tokio::test]
async fn a_single_target_is_retried_up_to_the_limit() {
    let a = Upstream::start(Behaviour::Good).await;
    a.script([
        Behaviour::Status(500, "{}", vec![]),
        Behaviour::Status(503, "{}", vec![]),
    ]);
    let bench = start(&[&a], limits()).await;

    let response = bench.post(ASK).await;

    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "x-aibal-attempts")
        ),
        (200, "3".to_owned())
    );
}

#[tokio::test]
async fn a_single_target_gets_the_pause_that_it_asks_for() {
    let a = Upstream::start(Behaviour::Good).await;
    a.script([Behaviour::Status(429, "{}", vec![("retry-after", "1")])]);
    let bench = start(&[&a], limits()).await;

    let response = bench
        .post(r#"{"model":"a/shared","messages":[{"role":"user","content":"hi"}]}"#)
        .await;

    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "x-aibal-attempts")
        ),
        (200, "2".to_owned())
    );
}

#[tokio::test]
async fn an_invalid_request_is_sent_once_and_counts_against_no_target() {
    let wrong = Behaviour::Status(
        400,
        r#"{"error":{"message":"temperature is odd","code":"invalid_value"}}"#,
        vec![],
    );
    let (a, b, bench) = pair(wrong).await;

    let response = bench.post(ASK).await;

    assert_eq!(
        (
            response.status().as_u16(),
            header(&response, "x-should-retry")
        ),
        (400, "false".to_owned())
    );
    let told = error(response).await;
    assert_eq!(
        (told["code"].as_str(), told["type"].as_str()),
        (Some("invalid_value"), Some("invalid_request_error"))
    );
    assert_eq!((a.requests(), b.requests()), (1, 0));
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(
        (
            picture.totals.success_rate,
            picture.providers[0].success_rate
        ),
        (None, None)
    );
}

#[tokio::test]
async fn a_rejected_gateway_key_is_not_reported_as_the_clients_mistake() {
    let a = Upstream::start(Behaviour::Status(
        401,
        r#"{"error":{"message":"bad upstream-key"}}"#,
        vec![],
    ))
    .await;
    let bench = start(&[&a], limits()).await;

    // The second one is not sent: the key is known to be refused.
    for _ in 0..2 {
        let response = bench.post(ASK).await;

        assert_eq!(response.status(), 502);
        assert_eq!(header(&response, "x-should-retry"), "false");
        let told = error(response).await;
        assert_eq!(told["code"], "upstream_auth");
        assert!(!told["message"].as_str().unwrap().contains("upstream-key"));
    }
    assert_eq!(a.requests(), 1);
}

#[tokio::test]
async fn bad_input_is_rejected_by_name() {
    let (a, _b, bench) = pair(Behaviour::Good).await;
    let cases = [
        ("{\"model\":", "not a JSON object (at line 1"),
        ("[]", "not a JSON object"),
        (r#"{"messages":[]}"#, "model is missing"),
        (
            r#"{"model":7,"messages":[]}"#,
            "model is 7, but must be a text",
        ),
        (r#"{"model":"shared"}"#, "messages is missing"),
        (
            r#"{"model":"shared","messages":[],"stream":"yes"}"#,
            "stream is \"yes\", but must be true or false",
        ),
    ];
    for (body, expected) in cases {
        let response = bench.post(body).await;
        assert_eq!(response.status(), 400, "{body}");
        let told = error(response).await;
        assert!(
            told["message"].as_str().unwrap().contains(expected),
            "{body}: {told}"
        );
        assert_eq!(told["type"], "invalid_request_error");
    }
    for (name, value) in [
        ("x-aibal-max-cost", "-1"),
        ("x-aibal-timeout-ms", "soon"),
        ("x-aibal-preferred-provider", "zz"),
        ("x-aibal-model-type", "poetry"),
    ] {
        let response = bench.post_with(ASK, &[(name, value)]).await;
        assert_eq!(response.status(), 400, "{name}");
        assert!(
            error(response).await["message"]
                .as_str()
                .unwrap()
                .contains(name)
        );
    }
    let unknown = bench.post(r#"{"model":"sharde","messages":[]}"#).await;
    assert_eq!(unknown.status(), 404);
    let told = error(unknown).await;
    assert_eq!(told["code"], "model_not_found");
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("did you mean shared"),
        "{told}"
    );
    assert_eq!(a.requests(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_rejected() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;
    let body = json!({"model": "shared", "messages": [{"role": "user", "content": "x".repeat(2_000_000)}]});

    let response = bench.post(&body.to_string()).await;

    assert_eq!(response.status(), 413);
    assert_eq!(error(response).await["code"], "request_too_large");
}

#[tokio::test]
async fn a_wrong_method_gets_an_error_in_the_protocol_of_the_path() {
    let (a, _b, bench) = pair(Behaviour::Good).await;
    for (path, allowed, is_messages) in [
        ("chat/completions", "POST", false),
        ("messages", "POST", true),
        ("embeddings", "POST", false),
        ("models", "GET,HEAD", false),
    ] {
        let url = format!("{}/{path}", bench.url);
        let response = bench.client.delete(url).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(header(&response, "allow"), allowed, "{path}");
        assert_eq!(header(&response, "content-type"), "application/json");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(body["type"] == "error", is_messages, "{path}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("DELETE"), "{message}");
    }
    assert_eq!(a.requests(), 0);
}
