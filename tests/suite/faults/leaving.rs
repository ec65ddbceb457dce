//! Clients that leave: the upstream's work ends at once, while the clock stands still.

use super::clock::{Clock, breathe, until};
use super::speech::Speech;
use super::wire::{Script, Step, Wire, whole};
use super::{
    asking, asking_with, before, content_came, ended, fleet, pair, restarting, seconds, usual,
};
use crate::bench::Bench;
use aibal_tui::domain::{Money, Snapshot, Strategy};
use aibal_tui::gateway::GatewayConfig;
use std::time::Duration;

fn first_token(bench: &Bench, target: usize) -> f64 {
    let table = bench.handle.routing_table();
    table.candidates[target].estimate.first_token
}

/// Counted as cancelled, and not as a failure.
fn assert_cancelled(picture: &Snapshot, cancelled: u64) {
    let a = &picture.providers[0];
    assert_eq!((a.cancelled, a.success_rate), (cancelled, None));
    assert_eq!(picture.totals.success_rate, None);
    assert!(a.failures.is_empty(), "{:?}", a.failures);
}

#[tokio::test(start_paused = true)]
async fn a_client_disconnect_ends_the_upstream_call_at_once_at_any_stage() {
    let clock = Clock::stopped();
    let said = || Speech::Chat.stream(40, [Step::Hang]);
    let slow_body = vec![Step::Head(200, "application/json"), Step::Hang];
    let cases: [(&str, bool, GatewayConfig, Script); 6] = [
        ("whole, before the head", false, usual(), vec![Step::Hang]),
        ("whole, before the body", false, usual(), slow_body),
        ("stream, before the head", true, usual(), vec![Step::Hang]),
        (
            "stream, before content",
            true,
            usual(),
            Speech::Chat.stream(0, [Step::Hang]),
        ),
        ("stream, after content", true, usual(), said()),
        ("stream, held back", true, restarting(), said()),
    ];
    for (name, stream, limits, script) in cases {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        a.script([script]);
        let answer = asking(&bench, Speech::Chat, stream);
        a.until_hanging().await;
        let has_content = name.contains("after content") || name.contains("held");
        if has_content {
            content_came(&bench, 0).await;
        }
        let left = clock.passed();
        if name.contains("after content") {
            drop(answer.await.unwrap());
        } else {
            answer.abort();
        }
        a.until_left(1).await;
        assert_eq!(clock.passed(), left, "{name}");
        let picture = ended(&bench, 1).await;
        assert_cancelled(&picture, 1);
        assert_eq!(b.requests(), 0, "{name}");
        // Received text is billed; an unknown usage stays unknown.
        let [a, _] = &picture.providers[..] else {
            panic!()
        };
        if has_content {
            assert_eq!(a.cost_basis.estimated, 1, "{name}");
            assert!(a.tokens > 70 && a.cost > Some(Money::ZERO), "{name}");
        } else {
            assert_eq!((a.cost_basis.unknown, a.tokens), (1, 0), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_disconnect_during_a_held_response_ends_the_request() {
    let clock = Clock::stopped();
    // With its 200 and comments.
    let (a, b, bench) = pair(Speech::Chat, restarting()).await;
    a.script([Speech::Chat.stream(40, [Step::Wait(seconds(14)), Step::Hang])]);
    let answer = asking(&bench, Speech::Chat, true);
    a.until_hanging().await;
    content_came(&bench, 0).await;
    clock.pass(seconds(11)).await;
    drop(answer.await.unwrap());
    a.until_left(1).await;
    ended(&bench, 1).await;
    assert_eq!(b.requests(), 0);

    // In the pause before another attempt.
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], usual()).await;
    a.behave(Some(vec![whole(500, "{}")]));
    let answer = asking(&bench, Speech::Chat, false);
    a.until_requests(1).await;
    until("the pause", || {
        bench.handle.routing_table().candidates[0]
            .load_counters
            .in_flight()
            == 0
    })
    .await;
    answer.abort();
    ended(&bench, 1).await;
    clock.pass(seconds(20)).await;
    assert_eq!(a.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_resets_its_stream_counts_as_disconnected() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    a.behave(Some(Speech::Chat.stream(40, [Step::Hang])));
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!("{}/chat/completions", bench.url);
    let ask = || client.post(&url).body(Speech::Chat.ask(true)).send();
    let (left, stays) = (ask().await.unwrap(), ask().await.unwrap());
    until("both", || a.hanging() == 2).await;
    drop(left);
    a.until_left(1).await;
    for _ in 0..20 {
        breathe().await;
    }
    assert_eq!(
        (a.left(), a.hanging()),
        (1, 1),
        "on one connection, and only one of them"
    );
    drop(stays);
    a.until_left(2).await;
    assert_eq!(clock.passed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_stops_reading_holds_an_attempt_no_longer_than_over_http1() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    a.behave(Some(Speech::Chat.stream(40, [Step::Hang])));
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(16)
        .build()
        .unwrap();
    let url = format!("{}/chat/completions", bench.url);
    let unread = client.post(&url).body(Speech::Chat.ask(true)).send();
    let unread = unread.await.unwrap();
    a.until_hanging().await;
    content_came(&bench, 0).await;

    clock.pass(seconds(80)).await;
    a.until_left(1).await;
    ended(&bench, 1).await;
    assert!(unread.text().await.is_err(), "it is not taken for whole");
}

/// Clients that disconnect before the limits would otherwise hide that a target hangs.
#[tokio::test(start_paused = true)]
async fn leaving_after_the_first_token_limit_counts_as_slowness() {
    let clock = Clock::stopped();
    for (waits, is_slow) in [(9, false), (11, true)] {
        let (a, _b, bench) = pair(Speech::Chat, usual()).await;
        a.script([vec![Step::Hang]]);
        let usual = first_token(&bench, 0);
        let answer = asking(&bench, Speech::Chat, false);
        a.until_hanging().await;
        clock.pass(seconds(waits)).await;
        answer.abort();
        a.until_left(1).await;
        let picture = ended(&bench, 1).await;
        assert_cancelled(&picture, 1);
        let learnt = first_token(&bench, 0);
        assert_eq!(
            learnt > usual + 1.0,
            is_slow,
            "after {waits} s: {learnt} for {usual}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_response_without_streaming_is_not_slow_within_its_expected_time() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    a.script([vec![Step::Hang]]);
    let usual = first_token(&bench, 0);
    // 2000 tokens are expected to take 41 s.
    let body = Speech::Chat
        .ask(false)
        .replacen('{', r#"{"max_tokens":2000,"#, 1);
    let answer = asking_with(&bench, Speech::Chat, body, &[]);
    a.until_hanging().await;
    clock.pass(seconds(20)).await;
    answer.abort();
    a.until_left(1).await;
    assert_cancelled(&*ended(&bench, 1).await, 1);
    assert!((first_token(&bench, 0) - usual).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn leaving_a_stalled_stream_counts_as_slow_tokens() {
    let clock = Clock::stopped();
    for (waits, is_slow) in [(9, false), (12, true)] {
        let (a, _b, bench) = pair(Speech::Chat, usual()).await;
        a.script([Speech::Chat.stream(40, [Step::Hang])]);
        let pace = |bench: &Bench| {
            bench.handle.routing_table().candidates[0]
                .estimate
                .per_token
        };
        let usual = pace(&bench);
        let mut answer = asking(&bench, Speech::Chat, true).await.unwrap();
        a.until_hanging().await;
        content_came(&bench, 0).await;
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("word40") {
            text.extend_from_slice(&answer.chunk().await.unwrap().unwrap());
        }
        clock.pass(seconds(waits)).await;
        drop(answer);
        a.until_left(1).await;
        assert_cancelled(&*ended(&bench, 1).await, 1);
        assert_eq!(
            pace(&bench) > usual * 1.5,
            is_slow,
            "after {waits} s: {}",
            pace(&bench)
        );
    }
}

/// Clients that never wait long enough for a failure still drive the traffic away.
#[tokio::test(start_paused = true)]
async fn a_target_that_clients_leave_for_its_slowness_loses_its_share() {
    let clock = Clock::stopped();
    let (a, b) = (Wire::start().await, Wire::start().await);
    let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
    let bench = fleet(&both, Strategy::Adaptive, usual(), None).await;
    a.behave(Some(vec![Step::Hang]));
    let mut last = Vec::new();
    for _ in 0..20 {
        let met = a.requests();
        let answer = asking(&bench, Speech::Chat, false);
        until("an end", || answer.is_finished() || a.hanging() > 0).await;
        if a.hanging() > 0 {
            clock.pass(seconds(12)).await;
            answer.abort();
            until("the hang-up", || a.hanging() == 0).await;
        }
        for _ in 0..3 {
            breathe().await;
        }
        last.push(a.requests() > met);
    }
    let met = last.iter().filter(|met| **met).count();
    assert!(met <= 4, "{met} of 20 clients met the target that hangs");
}
