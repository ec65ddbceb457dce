//! Failures of providers that say how long and for what they last.

use super::{ASK, STREAM, error, header, pair};
use crate::bench::{limits, start};
use crate::upstream::{Behaviour, Ending, HELLO, ROLE, Upstream};
use reqwest::StatusCode;

fn told(status: u16, body: &'static str) -> Behaviour {
    Behaviour::Status(status, body, Vec::new())
}

const ONLY_A: &str = r#"{"model":"only-a","messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn a_refused_key_is_asked_once_for_all_models() {
    let (a, _b, bench) = pair(told(401, r#"{"error":{"message":"wrong key"}}"#)).await;
    let saved = bench.post(ASK).await;
    assert_eq!(header(&saved, "x-aibal-provider"), "b");
    bench.until(|picture| picture.totals.requests == 1).await;

    let refused = bench.post(ONLY_A).await;
    assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(header(&refused, "x-should-retry"), "false");
    assert_eq!(header(&refused, "retry-after"), "");
    assert_eq!(error(refused).await["code"], "upstream_auth");
    assert_eq!(a.requests(), 1);
}

#[tokio::test]
async fn what_concerns_one_request_fails_over_and_leaves_the_target_in_use() {
    let affordable = r#"{"error":{"message":"This request requires more credits, or fewer max_tokens. You can only afford 12.","code":402}}"#;
    let unknown = r#"{"error":{"message":"The model `shared` does not exist","code":null}}"#;
    for behaviour in [told(402, affordable), told(400, unknown)] {
        let (a, _b, bench) = pair(behaviour).await;
        let saved = bench.post(ASK).await;
        assert_eq!(header(&saved, "x-aibal-provider"), "b");
        bench.until(|picture| picture.totals.requests == 1).await;
        a.behave(Behaviour::Good);
        let own = bench.post(ONLY_A).await;
        assert_eq!(own.status(), StatusCode::OK);
        let preferred = [("x-aibal-preferred-provider", "a")];
        let again = bench.post_with(ASK, &preferred).await;
        assert_eq!(header(&again, "x-aibal-provider"), "a");
    }
}

#[tokio::test]
async fn a_used_up_quota_with_a_delay_keeps_the_delay_and_ends_with_it() {
    let quota =
        r#"{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let behaviour = Behaviour::Status(429, quota, vec![("retry-after", "11")]);
    let a = Upstream::start(behaviour).await;
    let bench = start(&[&a], limits()).await;
    for _ in 0..2 {
        let limited = bench.post(ASK).await;
        let after: u64 = header(&limited, "retry-after").parse().unwrap();
        assert!((10..=13).contains(&after), "{after}");
        assert_eq!(header(&limited, "x-should-retry"), "");
        bench.until(|picture| picture.totals.requests >= 1).await;
    }
}

#[tokio::test]
async fn a_redirect_is_asked_for_once_and_never_followed() {
    let a = Upstream::start(Behaviour::Status(308, "", vec![("location", "/v1/other")])).await;
    let bench = start(&[&a], limits()).await;
    let response = bench.post(ASK).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert!(response.text().await.unwrap().contains("never followed"));
    assert_eq!(a.requests(), 1);
}

#[tokio::test]
async fn a_key_that_a_provider_quotes_reaches_no_client() {
    let quoting = r#"{"error":{"message":"wrong value near upstream-key","type":"x upstream-key","code":"upstream-key"}}"#;
    let event = r#"{"error":{"message":"broken near upstream-key","type":"server_error"}}"#;
    let whole_200 = r#"{"error":{"message":"broken near upstream-key","type":"server_error"}}"#;
    for (behaviour, body) in [
        (told(400, quoting), ASK),
        (told(500, quoting), ASK),
        (told(200, whole_200), ASK),
        (Behaviour::Events(vec![event], Ending::Close), STREAM),
        (
            Behaviour::Events(vec![ROLE, HELLO, event], Ending::Close),
            STREAM,
        ),
    ] {
        let a = Upstream::start(behaviour.clone()).await;
        let bench = start(&[&a], limits()).await;
        let response = bench.post(body).await;
        let told = response.text().await.unwrap();
        assert!(told.contains("near [key]"), "{behaviour:?}: {told}");
        assert!(!told.contains("upstream-key"), "{behaviour:?}: {told}");
    }
}
