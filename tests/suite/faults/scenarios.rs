//! S01 to S07 and S12 to S16, with `recovery = "error"` and, where it makes a difference, with
//! `"restart"`.

use super::clock::Clock;
use super::speech::Speech;
use super::wire::{Script, Step, Wire, whole};
use super::{
    ask, asking, asking_with, before, ended, head, header, pair, restarting, seconds, served_by,
    usual,
};
use aibal_tui::gateway::GatewayConfig;
use serde_json::Value;
use std::time::Duration;

const BUSY: &str = r#"{"error":{"message":"slow down","type":"rate_limit_error","code":null}}"#;

fn busy(retry_after: &str) -> Script {
    let header = match retry_after {
        "" => String::new(),
        seconds => format!("retry-after: {seconds}\r\n"),
    };
    vec![Step::Whole(429, header, BUSY.to_owned())]
}

fn failing(status: u16) -> Script {
    vec![whole(status, r#"{"error":{"message":"no"}}"#)]
}

#[tokio::test(start_paused = true)]
async fn s01_a_429_with_a_delay_is_waited_for_only_without_another_target() {
    let clock = Clock::stopped();
    for stream in [false, true] {
        let (a, b, bench) = pair(Speech::Chat, usual()).await;
        a.script([busy("2")]);
        let answer = ask(&bench, Speech::Chat, stream).await;
        assert_eq!(head(&answer), served_by("b", 2));
        assert_eq!((a.requests(), b.requests()), (1, 1));

        let a = Wire::start().await;
        let bench = before(&[(&a, Speech::Chat)], usual()).await;
        a.script([busy("2")]);
        let asked = clock.passed();
        let answer = asking(&bench, Speech::Chat, stream);
        a.until_requests(1).await;
        // The pause is a little longer than the target asked for, but not much.
        while !answer.is_finished() && clock.passed() < asked + seconds(4) {
            clock.pass(Duration::from_millis(250)).await;
        }
        assert_eq!(head(&answer.await.unwrap()), served_by("a", 2));
        assert!(clock.passed() >= asked + seconds(2));
    }
}

#[tokio::test(start_paused = true)]
async fn s02_a_lasting_429_costs_no_more_calls_than_attempts_are_allowed() {
    let clock = Clock::stopped();
    for delay in ["", "1", "60"] {
        for alone in [false, true] {
            let (a, b) = (Wire::start().await, Wire::start().await);
            let both = [(&a, Speech::Chat), (&b, Speech::Chat)];
            let bench = before(&both[..if alone { 1 } else { 2 }], usual()).await;
            a.behave(Some(busy(delay)));
            b.behave(Some(busy(delay)));
            let answer = asking(&bench, Speech::Chat, false);
            while !answer.is_finished() && clock.passed() < seconds(600) {
                clock.pass(Duration::from_millis(250)).await;
            }
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 429, "{delay:?}, alone: {alone}");
            let retry_after = header(&answer, "retry-after");
            if delay.is_empty() {
                let estimate: u64 = retry_after.parse().unwrap();
                assert!((1..=30).contains(&estimate), "{estimate}");
            } else {
                assert_eq!(retry_after, delay);
            }
            let calls = a.requests() + b.requests();
            assert!((1..=4).contains(&calls), "{calls} calls");
            assert_eq!(header(&answer, "x-aibal-attempts"), calls.to_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s03_one_500_is_recovered_by_another_target_or_by_the_same_one() {
    let clock = Clock::stopped();
    for stream in [false, true] {
        let (a, _b, bench) = pair(Speech::Chat, usual()).await;
        a.script([failing(500)]);
        assert_eq!(
            head(&ask(&bench, Speech::Chat, stream).await),
            served_by("b", 2)
        );

        let a = Wire::start().await;
        let bench = before(&[(&a, Speech::Chat)], usual()).await;
        a.script([failing(500)]);
        let answer = asking(&bench, Speech::Chat, stream);
        a.until_requests(1).await;
        while !answer.is_finished() && clock.passed() < seconds(60) {
            clock.pass(Duration::from_millis(50)).await;
        }
        assert_eq!(head(&answer.await.unwrap()), served_by("a", 2));
    }
}

#[tokio::test(start_paused = true)]
async fn s04_a_lasting_503_is_reported_after_four_calls_and_then_gets_no_request() {
    let clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        a.behave(Some(failing(503)));
        b.behave(Some(failing(503)));
        let answer = asking(&bench, Speech::Chat, true);
        while !answer.is_finished() && clock.passed() < seconds(600) {
            clock.pass(Duration::from_millis(250)).await;
        }
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(a.requests() + b.requests(), 4);

        b.behave(None);
        for _ in 0..12 {
            assert_eq!(ask(&bench, Speech::Chat, true).await.status(), 200);
        }
        assert!(
            a.requests() <= 8,
            "{} calls at an upstream that fails",
            a.requests()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s05_a_reset_or_refused_connection_fails_over() {
    let _clock = Clock::stopped();
    for stream in [false, true] {
        let reset: [Script; 2] = [vec![Step::Reset], vec![Step::Close]];
        for script in reset {
            let (a, b, bench) = pair(Speech::Chat, usual()).await;
            a.script([script]);
            assert_eq!(
                head(&ask(&bench, Speech::Chat, stream).await),
                served_by("b", 2)
            );
            assert_eq!((a.requests(), b.requests()), (1, 1));
        }
        let (a, _b, bench) = pair(Speech::Chat, usual()).await;
        a.shut(true);
        assert_eq!(
            head(&ask(&bench, Speech::Chat, stream).await),
            served_by("b", 2)
        );
        assert!(a.connections() > 0);

        let (refusing, b) = (Wire::refusing().await, Wire::start().await);
        let both = [(&refusing, Speech::Chat), (&b, Speech::Chat)];
        let bench = before(&both, usual()).await;
        assert_eq!(
            head(&ask(&bench, Speech::Chat, stream).await),
            served_by("b", 2)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s05_a_pooled_connection_that_is_closed_costs_no_attempt() {
    let _clock = Clock::stopped();
    let (a, b, bench) = pair(Speech::Chat, usual()).await;
    a.forget();
    for _ in 0..3 {
        let answer = ask(&bench, Speech::Chat, false).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains("all of it"));
    }
    // The transport uses a new connection, so no failover is needed.
    assert!(a.connections() >= 3, "{}", a.connections());
    assert_eq!(b.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn s06_an_upstream_that_never_replies_is_left_early_enough_for_another() {
    let clock = Clock::stopped();
    // A whole response gets 60 % of 30 s, a stream 10 s to its first token.
    for (stream, limit) in [(false, 18), (true, 10)] {
        for silence in [vec![Step::Hang], Speech::Chat.stream(0, [Step::Hang])] {
            let is_headed = silence.len() > 1;
            let (a, b, bench) = pair(Speech::Chat, usual()).await;
            a.script([silence]);
            let answer = asking(&bench, Speech::Chat, stream);
            a.until_hanging().await;
            clock.pass(Duration::from_millis(limit * 1_000 - 500)).await;
            assert_eq!(b.requests(), 0, "it is given its time");
            clock.pass(seconds(1)).await;
            assert_eq!(
                head(&answer.await.unwrap()),
                served_by("b", 2),
                "headed: {is_headed}"
            );
            a.until_left(1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s07_a_first_token_after_20_s_is_not_waited_for_with_another_target() {
    let clock = Clock::stopped();
    // Where answers are held back, the client's 200 comes as the second target is asked, and names
    // the first.
    for (limits, named) in [(usual(), "b"), (restarting(), "a")] {
        let (a, _b, bench) = pair(Speech::Chat, limits).await;
        a.script([Speech::Chat.late(seconds(20))]);
        let answer = asking(&bench, Speech::Chat, true);
        a.until_hanging().await;
        clock.pass(seconds(10)).await;
        let answer = answer.await.unwrap();
        assert_eq!(head(&answer), served_by(named, 2));
        assert!(Speech::Chat.is_whole(&answer.text().await.unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn s07_without_another_target_the_error_names_the_setting_to_raise() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Chat)], usual()).await;
    a.behave(Some(Speech::Chat.late(seconds(20))));
    let answer = asking(&bench, Speech::Chat, true);
    while !answer.is_finished() {
        clock.pass(Duration::from_millis(250)).await;
    }
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 504);
    assert!(clock.passed() <= seconds(31), "{:?}", clock.passed());
    let text = answer.text().await.unwrap();
    assert!(text.contains("first_token_timeout_ms"), "{text}");

    let patient = GatewayConfig {
        first_token_timeout: seconds(25),
        ..usual()
    };
    let bench = before(&[(&a, Speech::Chat)], patient).await;
    let answer = asking(&bench, Speech::Chat, true);
    a.until_hanging().await;
    clock.pass(seconds(20)).await;
    assert_eq!(head(&answer.await.unwrap()), served_by("a", 1));
}

#[tokio::test(start_paused = true)]
async fn s12_a_prompt_that_is_too_long_is_tried_once_on_its_model() {
    let _clock = Clock::stopped();
    let body = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    for limits in [usual(), restarting()] {
        for stream in [false, true] {
            let (a, b, bench) = pair(Speech::Chat, limits.clone()).await;
            a.behave(Some(vec![whole(400, body)]));
            let answer = ask(&bench, Speech::Chat, stream).await;
            assert_eq!(answer.status(), 400);
            assert_eq!(header(&answer, "x-should-retry"), "false");
            let told: Value = answer.json().await.unwrap();
            assert_eq!(told["error"]["code"], "context_length_exceeded");
            // The other serves the same model, so it holds no more.
            assert_eq!((a.requests(), b.requests()), (1, 0));
            let picture = ended(&bench, 1).await;
            assert_eq!(picture.providers[0].success_rate, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s13_a_content_filter_is_a_response_and_no_failure() {
    let _clock = Clock::stopped();
    let refused = Speech::Chat
        .whole()
        .replace("\"stop\"", "\"content_filter\"");
    let last = Speech::Chat.ending();
    let filtered = last[0].replace("\"stop\"", "\"content_filter\"");
    let stream = |steps: Vec<String>| {
        let steps = steps.into_iter().map(Step::Chunk);
        Speech::Chat.stream(0, steps.chain([Step::End]))
    };
    for limits in [usual(), restarting()] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        a.script([
            vec![whole(200, &refused)],
            stream(vec![filtered.clone(), last[2].clone()]),
        ]);
        for is_stream in [false, true] {
            let answer = ask(&bench, Speech::Chat, is_stream).await;
            assert_eq!(head(&answer), served_by("a", 1));
            let text = answer.text().await.unwrap();
            assert!(text.contains("content_filter"), "{text}");
        }
        assert_eq!(b.requests(), 0);
        let picture = ended(&bench, 2).await;
        assert_eq!(picture.providers[0].success_rate, Some(1.0));
    }
}

const PREFILLED: &str = r#"{"model":"shared","stream":false,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Well,"}]}"#;
const NO_PREFILL: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill. The conversation must end with a user message."}}"#;

#[tokio::test(start_paused = true)]
async fn s14_a_fallback_that_rejects_a_prefilled_turn_does_not_end_the_request() {
    let clock = Clock::stopped();
    let wires = [
        Wire::start().await,
        Wire::start().await,
        Wire::start().await,
    ];
    let [a, b, c] = &wires;
    a.script([failing(500)]);
    b.behave(Some(vec![whole(400, NO_PREFILL)]));
    let all = [(a, Speech::Chat), (b, Speech::Messages), (c, Speech::Chat)];
    let bench = before(&all, usual()).await;
    let answer = asking_with(&bench, Speech::Chat, PREFILLED.to_owned(), &[]);
    assert_eq!(head(&answer.await.unwrap()), served_by("c", 3));
    let picture = ended(&bench, 1).await;
    assert_eq!(
        picture.providers[1].success_rate, None,
        "it is not its failure"
    );

    // Without another target, the first one is tried again.
    a.script([failing(500)]);
    let bench = before(&all[..2], usual()).await;
    let answer = asking_with(&bench, Speech::Chat, PREFILLED.to_owned(), &[]);
    while !answer.is_finished() && clock.passed() < seconds(60) {
        clock.pass(Duration::from_millis(50)).await;
    }
    assert_eq!(head(&answer.await.unwrap()), served_by("a", 3));
}

#[tokio::test(start_paused = true)]
async fn s16_a_fallback_is_accounted_with_its_own_model_and_usage() {
    let _clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        for stream in [false, true] {
            let (a, _b, bench) = pair(Speech::Chat, limits.clone()).await;
            a.script([failing(500)]);
            let answer = ask(&bench, Speech::Chat, stream).await;
            assert_eq!(header(&answer, "x-aibal-provider"), "b");
            assert_eq!(header(&answer, "x-aibal-model"), "shared");
            let cost = header(&answer, "x-aibal-cost-usd");
            // 10 tokens at 4 and 20 at 8 USD per million; a stream has its cost only at its end.
            assert_eq!(cost, if stream { "" } else { "0.000200000" });
            answer.text().await.unwrap();

            let picture = ended(&bench, 1).await;
            let [a, b] = [&picture.providers[0], &picture.providers[1]];
            assert_eq!((a.requests, a.tokens), (1, 0));
            assert_eq!((b.requests, b.tokens), (1, 30));
            let decisions = bench.handle.decisions().await.unwrap();
            let end = decisions[0].end.as_ref().unwrap();
            assert_eq!((end.target, end.attempts), (Some(1.into()), 2));
            assert_eq!(end.usage.map(|metered| metered.usage.output), Some(20));
            assert!((end.cost.unwrap().usd() - 0.0002).abs() < 1e-12);
        }
    }
}
