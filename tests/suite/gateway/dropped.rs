//! Parts of requests that a provider's protocol has no place for.

use super::{error, header, pair};
use crate::upstream::Behaviour;

const MARKED: &str = r#"{"model":"shared","max_tokens":9,"messages":[{"role":"user","content":"a"}],
    "tools":[{"name":"tide","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}]}"#;

#[tokio::test]
async fn a_dropped_part_is_named_to_the_client_and_in_the_decision() {
    let (_a, _b, bench) = pair(Behaviour::Good).await;

    let response = bench.post_to("/messages", MARKED, &[]).await;

    assert_eq!(response.status(), 200);
    assert_eq!(
        header(&response, "x-aibal-dropped"),
        "tools[0].cache_control"
    );
    let counted = bench.until(|picture| picture.totals.requests == 1).await;
    let dropped: u64 = counted
        .providers
        .iter()
        .map(|provider| provider.dropped_fields)
        .sum();
    assert_eq!(dropped, 1);
}

#[tokio::test]
async fn a_strict_request_is_refused_where_a_part_of_it_would_be_dropped() {
    let (a, b, bench) = pair(Behaviour::Good).await;

    let strict = [("x-aibal-strict", "true")];
    let response = bench.post_to("/messages", MARKED, &strict).await;

    assert_eq!(response.status(), 400);
    let message = error(response).await["message"].to_string();
    assert!(message.contains("tools[0].cache_control"), "{message}");
    assert_eq!((a.requests(), b.requests()), (0, 0));

    let wrong = [("x-aibal-strict", "yes")];
    let response = bench.post_to("/messages", MARKED, &wrong).await;
    assert_eq!(response.status(), 400);
    let message = error(response).await["message"].to_string();
    assert!(message.contains("must be true or false"), "{message}");
}
