//! `recovery = "restart"`: what is held, for how long, and what it costs.

use super::clock::{Clock, until};
use super::speech::{ALL, Speech};
use super::wire::{Step, Wire, whole};
use super::{
    ask, asking, before, content_came, ended, head, header, pair, restarting, seconds, seen,
    served_by,
};
use aibal_tui::domain::{CostBasisCounts, Money};
use aibal_tui::gateway::GatewayConfig;
use futures_util::StreamExt;
use std::time::Duration;

const MEGABYTE: usize = 1024 * 1024;

/// A word of so many bytes, over and over.
fn long(speech: Speech, bytes: usize) -> impl Iterator<Item = Step> {
    let word = "x".repeat(64 * 1024);
    (0..bytes / word.len()).map(move |_| Step::Chunk(speech.text_event(&word)))
}

fn end(speech: Speech) -> impl Iterator<Item = Step> {
    let ending = speech.ending().into_iter().map(Step::Chunk);
    ending.chain([Step::End])
}

#[tokio::test(start_paused = true)]
async fn a_held_response_equals_one_that_is_not_held() {
    let _clock = Clock::stopped();
    for speech in ALL {
        let (_a, _b, held) = pair(speech, restarting()).await;
        let (_c, _d, live) = pair(speech, super::usual()).await;
        let (held, live) = (
            ask(&held, speech, true).await,
            ask(&live, speech, true).await,
        );
        for name in [
            "content-type",
            "cache-control",
            "x-accel-buffering",
            "x-aibal-provider",
        ] {
            assert_eq!(header(&held, name), header(&live, name));
        }
        assert_eq!(header(&held, "x-aibal-cost-usd"), "");
        assert_eq!(held.text().await.unwrap(), live.text().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_held_response_gets_comments_and_then_all_of_it() {
    let clock = Clock::stopped();
    for speech in ALL {
        let (a, _b, bench) = pair(speech, restarting()).await;
        let slow = (0..3).flat_map(|_| {
            [
                Step::Wait(seconds(9)),
                Step::Chunk(speech.text_event("slow")),
            ]
        });
        a.script([speech.stream(1, slow.chain(end(speech)))]);
        let answer = asking(&bench, speech, true);
        a.until_hanging().await;
        content_came(&bench, 0).await;
        clock.pass(Duration::from_millis(9_500)).await;
        assert!(!answer.is_finished(), "nothing is promised yet");
        clock.pass(Duration::from_millis(750)).await;
        let answer = answer.await.unwrap();
        assert_eq!(head(&answer), served_by("a", 1));
        assert_eq!(
            header(&answer, "content-type"),
            "text/event-stream; charset=utf-8"
        );
        let mut body = answer.bytes_stream();
        let first = body.next().await.unwrap().unwrap();
        assert!(first.ends_with(b"\n\n"));
        clock.pass(seconds(18)).await;
        let mut rest = first.to_vec();
        while let Some(bytes) = body.next().await {
            rest.extend_from_slice(&bytes.unwrap());
        }
        let text = String::from_utf8(rest).unwrap();
        let heard = text.matches(": keep-alive").count() + text.matches("event: ping").count();
        // One at once and one ten seconds later; Anthropic's own one is held with the rest.
        assert_eq!(heard, 2 + usize::from(speech == Speech::Messages), "{text}");
        assert_eq!(text.matches("slow ").count(), 3, "{text}");
        assert!(speech.is_whole(&text), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_streams_break_the_client_gets_a_status_or_an_error_event_and_never_a_clean_end() {
    let clock = Clock::stopped();
    for speech in ALL {
        // In time for a status.
        let (a, b, bench) = pair(speech, restarting()).await;
        for wire in [&a, &b] {
            wire.behave(Some(speech.stream(4, [Step::Close])));
        }
        let answer = asking(&bench, speech, true);
        while !answer.is_finished() && clock.passed() < seconds(3_600) {
            clock.pass(Duration::from_millis(100)).await;
        }
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 502, "{speech:?}");
        assert_eq!(
            a.requests() + b.requests(),
            4,
            "no more than attempts are allowed"
        );
        assert_eq!(header(&answer, "content-type"), "application/json");
        assert_eq!(header(&answer, "x-should-retry"), "");
        assert!(!header(&answer, "retry-after").is_empty());
        assert!(!answer.text().await.unwrap().contains("word1"));

        // After its 200.
        let (a, b, bench) = pair(speech, restarting()).await;
        for wire in [&a, &b] {
            let slowly = [Step::Wait(seconds(12)), Step::Close];
            wire.behave(Some(speech.stream(4, slowly)));
        }
        let answer = asking(&bench, speech, true);
        while !answer.is_finished() {
            clock.pass(Duration::from_millis(100)).await;
        }
        let answer = answer.await.unwrap();
        assert_eq!(head(&answer), served_by("a", 1));
        let text = tokio::spawn(answer.text());
        while !text.is_finished() && clock.passed() < seconds(7_200) {
            clock.pass(Duration::from_millis(100)).await;
        }
        let text = text.await.unwrap().unwrap();
        assert!(speech.ends_in_error(&text), "{text}");
        assert!(
            !speech.looks_ended(&text) && !text.contains("word1"),
            "{text}"
        );
        let picture = ended(&bench, 1).await;
        assert_eq!(picture.totals.success_rate, Some(0.0));
    }
}

#[tokio::test(start_paused = true)]
async fn broken_attempts_are_billed_and_the_request_costs_their_sum() {
    let _clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, restarting()).await;
    a.script([Speech::Chat.stream(40, [Step::Close])]);

    ask(&bench, Speech::Chat, true).await.text().await.unwrap();

    let picture = ended(&bench, 1).await;
    let [a, b] = [&picture.providers[0], &picture.providers[1]];
    let estimated = CostBasisCounts {
        estimated: 1,
        ..CostBasisCounts::default()
    };
    assert_eq!((a.requests, a.cost_basis), (1, estimated));
    // 40 words of 7 bytes at least, in tokens of four bytes.
    assert!(a.tokens > 70, "{}", a.tokens);
    assert_eq!((b.requests, b.tokens), (1, 30));
    let decisions = bench.handle.decisions().await.unwrap();
    let end = decisions[0].end.as_ref().unwrap();
    let tokens = end.usage.unwrap().usage;
    assert_eq!(tokens.input + tokens.output, a.tokens + 30);
    let (first, second) = (a.cost.unwrap(), b.cost.unwrap());
    assert!(first > Money::ZERO);
    assert_eq!(end.cost, Some(first + second));
}

#[tokio::test(start_paused = true)]
async fn a_response_too_long_to_be_held_continues_live_and_is_counted() {
    let clock = Clock::stopped();
    for speech in ALL {
        let (a, b, bench) = pair(speech, restarting()).await;
        let rest = [Step::Wait(seconds(5)), Step::Close];
        a.script([speech.stream(1, long(speech, 9 * MEGABYTE).chain(rest))]);
        let answer = ask(&bench, speech, true).await;
        assert_eq!(head(&answer), served_by("a", 1));
        let text = tokio::spawn(answer.text());
        a.until_hanging().await;
        until("the answer to go on live", || {
            bench.handle.drop_counters().held_answers() == 1
        })
        .await;
        clock.pass(seconds(5)).await;
        let text = text.await.unwrap().unwrap();
        assert!(text.len() > 9 * MEGABYTE);
        assert!(speech.ends_in_error(&text) && !speech.looks_ended(&text));
        assert_eq!(b.requests(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn all_held_responses_share_a_limit() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, restarting()).await;
    let held = long(Speech::Chat, 7 * MEGABYTE).chain([Step::Wait(seconds(5))]);
    a.behave(Some(Speech::Chat.stream(1, held.chain(end(Speech::Chat)))));
    let answers: Vec<_> = (0..20)
        .map(|_| asking(&bench, Speech::Chat, true))
        .collect();
    until("all answers to stand still", || a.hanging() == 20).await;
    // 18 of 7 MB are 126; the others do not fit.
    until("two to go on live", || {
        answers.iter().filter(|answer| answer.is_finished()).count() == 2
    })
    .await;
    assert_eq!(bench.handle.drop_counters().held_answers(), 2);
    clock.pass(seconds(5)).await;
    for answer in answers {
        let text = answer.await.unwrap().text().await.unwrap();
        assert!(text.len() > 7 * MEGABYTE && Speech::Chat.is_whole(&text));
    }
    let picture = ended(&bench, 20).await;
    assert_eq!(picture.totals.success_rate, Some(1.0));

    // And what was held is given back.
    a.behave(None);
    let answer = ask(&bench, Speech::Chat, true).await;
    assert!(Speech::Chat.is_whole(&answer.text().await.unwrap()));
    assert_eq!(bench.handle.drop_counters().held_answers(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_whole_stream_covers_all_restarts() {
    let clock = Clock::stopped();
    let limits = GatewayConfig {
        stream_timeout: seconds(40),
        ..restarting()
    };
    let (a, b, bench) = pair(Speech::Chat, limits).await;
    let drip = (0..100).flat_map(|_| {
        [
            Step::Wait(seconds(6)),
            Step::Chunk(Speech::Chat.text_event("drip")),
        ]
    });
    let drip = Speech::Chat.stream(1, drip);
    a.script([Speech::Chat.stream(1, [Step::Wait(seconds(14)), Step::Close])]);
    b.behave(Some(drip));
    let answer = asking(&bench, Speech::Chat, true);
    while !answer.is_finished() {
        clock.pass(Duration::from_millis(250)).await;
    }
    let text = tokio::spawn(answer.await.unwrap().text());
    while !text.is_finished() && clock.passed() < seconds(300) {
        clock.pass(Duration::from_millis(250)).await;
    }
    let text = text.await.unwrap().unwrap();
    assert!(Speech::Chat.ends_in_error(&text), "{text}");
    assert!(text.contains("stream_timeout_ms"), "{text}");
    assert!(
        (40..=42).contains(&clock.passed().as_secs()),
        "{:?}",
        clock.passed()
    );
    b.until_left(1).await;
}

/// A long stream that breaks late leaves its successor a time of its own for its first content.
#[tokio::test(start_paused = true)]
async fn a_break_after_the_first_content_limit_is_recovered() {
    let clock = Clock::stopped();
    let (a, b, bench) = pair(Speech::Chat, restarting()).await;
    let long = (0..8).flat_map(|_| {
        [
            Step::Wait(seconds(9)),
            Step::Chunk(Speech::Chat.text_event("old")),
        ]
    });
    a.script([Speech::Chat.stream(1, long.chain([Step::Close]))]);
    b.script([Speech::Chat.late(seconds(8))]);
    let answer = asking(&bench, Speech::Chat, true);
    while b.requests() == 0 && clock.passed() < seconds(100) {
        clock.pass(Duration::from_millis(250)).await;
    }
    b.until_hanging().await;
    clock.pass(seconds(9)).await;
    let text = answer.await.unwrap().text().await.unwrap();
    assert!(
        Speech::Chat.is_whole(&text) && !text.contains("old"),
        "{text}"
    );
}

/// What may not be repeated is not, whatever was said before it.
#[tokio::test(start_paused = true)]
async fn an_error_event_that_blames_the_request_is_passed_on_and_not_retried() {
    let _clock = Clock::stopped();
    let (a, b, bench) = pair(Speech::Chat, restarting()).await;
    let blame = r#"{"error":{"message":"bad tool","type":"invalid_request_error","code":null}}"#;
    let event = Step::Chunk(Speech::Chat.event(blame));
    a.script([Speech::Chat.stream(2, [event, Step::Hang])]);

    let answer = ask(&bench, Speech::Chat, true).await;

    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("bad tool"));
    assert_eq!((a.requests(), b.requests()), (1, 0));
    ended(&bench, 1).await;
}

/// Whole answers do not care how streams are recovered.
#[tokio::test(start_paused = true)]
async fn a_response_without_streaming_gets_no_early_headers() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], restarting()).await;
    a.script([vec![
        Step::Wait(seconds(20)),
        whole(200, Speech::Chat.whole()),
    ]]);
    let answer = asking(&bench, Speech::Chat, false);
    a.until_hanging().await;
    clock.pass(seconds(19)).await;
    assert!(!answer.is_finished());
    clock.pass(seconds(1)).await;
    let answer = answer.await.unwrap();
    assert_eq!(head(&answer), served_by("a", 1));
    assert_eq!(answer.text().await.unwrap(), Speech::Chat.whole());
    seen(&bench, |picture| picture.totals.success_rate == Some(1.0)).await;
}
