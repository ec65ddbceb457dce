//! How long a request may wait: what its client states, and what is known of its targets.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Step, Wire, whole};
use super::{asking_with, before, ended, pair, seconds, usual};
use reqwest::Response;
use std::time::Duration;
use tokio::task::JoinHandle;

fn post(bench: &crate::bench::Bench, max_tokens: u64) -> JoinHandle<Response> {
    let body = format!(
        r#"{{"model":"shared","max_tokens":{max_tokens},"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    let request = bench.client.post(format!("{}/chat/completions", bench.url));
    tokio::spawn(async move { request.body(body).send().await.unwrap() })
}

#[tokio::test(start_paused = true)]
async fn no_stated_number_of_tokens_makes_a_hung_request_wait_for_more_than_twice_its_limit() {
    let clock = Clock::stopped();
    for max_tokens in [4_096, 1_000_000_000, u64::MAX] {
        let a = Wire::start().await;
        a.behave(Some(vec![Step::Hang]));
        let bench = before(&[(&a, Speech::Chat)], usual()).await;
        let begun = clock.passed();
        let answer = post(&bench, max_tokens);
        while !answer.is_finished() && clock.since(begun) < seconds(400) {
            clock.pass(Duration::from_millis(500)).await;
        }
        assert_eq!(answer.await.unwrap().status(), 504, "{max_tokens}");
        assert!(
            clock.since(begun) <= seconds(61),
            "{:?}",
            clock.since(begun)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_is_not_given_up_before_the_time_that_it_is_known_to_need() {
    let clock = Clock::stopped();
    let (a, b, bench) = pair(Speech::Chat, usual()).await;
    for wire in [&a, &b] {
        wire.behave(Some(vec![
            Step::Wait(seconds(22)),
            whole(200, Speech::Chat.whole()),
        ]));
    }
    for (body, asked) in [
        (Speech::Chat.ask(false).replacen("shared", "a/shared", 1), 1),
        (Speech::Chat.ask(false), 2),
        (Speech::Chat.ask(false), 3),
    ] {
        let answer = asking_with(&bench, Speech::Chat, body, &[]);
        while !answer.is_finished() && clock.passed() < seconds(600) {
            clock.pass(Duration::from_millis(500)).await;
        }
        assert_eq!(answer.await.unwrap().status(), 200);
        assert_eq!(
            a.requests() + b.requests(),
            asked,
            "every answer is paid once"
        );
        ended(&bench, asked as u64).await;
    }
}
