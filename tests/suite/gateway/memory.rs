//! Memory that all answers share.

use super::{ASK, STREAM, error, header};
use crate::bench::start_within;
use crate::upstream::{Behaviour, HELLO, ROLE, Upstream, WHOLE};
use reqwest::StatusCode;

const MEMORY: usize = 1024 * 1024;
const LARGE: usize = 300 * 1024;

/// A text that lives as long as the test's process.
fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn events_that_never_end_take_a_share_of_the_memory_and_no_more() {
    let part = "x".repeat(LARGE);
    let begun = leaked(format!("data: {ROLE}\n\ndata: {HELLO}\n\ndata: {part}"));
    let a = Upstream::start(Behaviour::Unfinished(begun)).await;
    let bench = start_within(&[&a], MEMORY).await;

    let first = bench.post(STREAM).await;
    assert_eq!(first.status(), StatusCode::OK);
    // The first stream holds its part of an event; the second has no room.
    let second = bench.post(STREAM).await.text().await.unwrap();

    assert!(second.contains("take too much memory"), "{second}");
    assert!(!second.contains("[DONE]"), "{second}");
    assert_eq!(bench.handle.drop_counters().refused_answers(), 1);
    let snapshot = bench.until(|snapshot| snapshot.totals.requests == 1).await;
    assert_eq!(
        snapshot.totals.success_rate, None,
        "no failure of the provider"
    );
    a.behave(Behaviour::Good);
    let small = bench.post(STREAM).await.text().await.unwrap();
    assert!(small.ends_with("data: [DONE]\n\n"), "{small}");
}

#[tokio::test]
async fn a_whole_answer_without_room_is_refused_and_tried_nowhere_else() {
    let large = leaked(WHOLE.replace("Hello", &"x".repeat(2 * LARGE)));
    let a = Upstream::start(Behaviour::Status(200, large, Vec::new())).await;
    let b = Upstream::start(Behaviour::Good).await;
    let bench = start_within(&[&a, &b], MEMORY).await;

    let refused = bench.post(ASK).await;

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(header(&refused, "retry-after"), "");
    assert_eq!(error(refused).await["code"], "overloaded");
    assert_eq!((a.requests(), b.requests()), (1, 0));
    a.behave(Behaviour::Good);
    assert_eq!(bench.post(ASK).await.status(), StatusCode::OK);
}
