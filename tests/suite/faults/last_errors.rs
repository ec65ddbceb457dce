//! The error that a client gets when every attempt failed, and the wait of a request whose target
//! asks for one meanwhile.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{asking, before, head, header, seconds, served_by, usual};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_failure_of_all_targets_says_when_to_come_back_and_forbids_no_retry() {
    let clock = Clock::stopped();
    let (a, b) = (Wire::start().await, Wire::start().await);
    for wire in [&a, &b] {
        wire.behave(Some(vec![whole(500, r#"{"error":{"message":"broken"}}"#)]));
    }
    let bench = before(&[(&a, Speech::Chat), (&b, Speech::Chat)], usual()).await;

    for stream in [false, true] {
        let answer = asking(&bench, Speech::Chat, stream);
        while !answer.is_finished() && clock.passed() < seconds(600) {
            clock.pass(Duration::from_millis(100)).await;
        }
        let answer = answer.await.unwrap();
        assert!(answer.status().is_server_error());
        assert_eq!(header(&answer, "x-should-retry"), "");
        let after: u64 = header(&answer, "retry-after").parse().unwrap();
        assert!((1..=30).contains(&after), "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_its_retry_pause_waits_for_a_429_that_another_gets() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], usual()).await;
    let limited = Step::Whole(429, "retry-after: 6\r\n".to_owned(), "{}".to_owned());
    a.script([
        vec![whole(500, r#"{"error":{"message":"broken"}}"#)],
        vec![limited],
    ]);

    let first = asking(&bench, Speech::Chat, false);
    a.until_requests(1).await;
    let second = asking(&bench, Speech::Chat, false);
    a.until_requests(2).await;
    clock.pass(seconds(12)).await;

    assert_eq!(head(&first.await.unwrap()), served_by("a", 2));
    assert_eq!(head(&second.await.unwrap()), served_by("a", 2));
    assert_eq!(a.requests(), 4);
    assert!(clock.passed() < seconds(30));
}
