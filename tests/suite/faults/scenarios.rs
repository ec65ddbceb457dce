//! S01 to S16, with `recovery = "error"` and, where it makes a difference, with `"restart"`.

use super::clock::Clock;
use super::speech::{ALL, Speech};
use super::wire::{Script, Step, Wire, whole};
use super::{
    ask, asking, asking_with, before, content_came, ended, head, header, pair, restarting, seconds,
    served_by, usual,
};
use aibal_tui::gateway::Limits;
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

/// A stream of 60 words that breaks after 40.
fn broken(speech: Speech, how: impl IntoIterator<Item = Step>) -> Script {
    speech.stream(40, how)
}

/// What a client reads of a stream that broke: its content, then an error, and no end.
fn assert_broken(speech: Speech, text: &str) {
    assert!(text.contains("word40"), "{speech:?}: {text}");
    assert!(speech.ends_in_error(text), "{speech:?}: {text}");
    assert!(!speech.looks_ended(text), "{speech:?}: {text}");
}

/// What a client reads of one that was begun again: all of the second, nothing of the first.
fn assert_begun_again(speech: Speech, text: &str) {
    assert!(speech.is_whole(text), "{speech:?}: {text}");
    assert!(
        text.contains("word3") && !text.contains("word40"),
        "{speech:?}: {text}"
    );
}

#[tokio::test(start_paused = true)]
async fn s01_a_429_with_a_delay_is_waited_for_only_where_nobody_else_is_there() {
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
        // It is left alone a little longer than it asked, but not for long.
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
            assert_eq!(header(&answer, "retry-after"), delay);
            let calls = a.requests() + b.requests();
            assert!((1..=4).contains(&calls), "{calls} calls");
            assert_eq!(header(&answer, "x-aibal-attempts"), calls.to_string());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s03_one_500_is_made_good_by_another_target_and_by_the_same_one() {
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
async fn s04_a_lasting_503_is_told_as_one_after_four_calls_and_then_kept_away_from() {
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
async fn s05_a_connection_that_is_reset_or_refused_goes_elsewhere() {
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

        let (nobody, b) = (Wire::nobody().await, Wire::start().await);
        let both = [(&nobody, Speech::Chat), (&b, Speech::Chat)];
        let bench = before(&both, usual()).await;
        assert_eq!(
            head(&ask(&bench, Speech::Chat, stream).await),
            served_by("b", 2)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s05_a_connection_that_was_kept_and_is_closed_at_once_goes_elsewhere() {
    let _clock = Clock::stopped();
    let (a, b, bench) = pair(Speech::Chat, usual()).await;
    a.forget();
    for _ in 0..3 {
        let answer = ask(&bench, Speech::Chat, false).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().contains("all of it"));
    }
    // The transport asks over a new one, and nobody has to go elsewhere.
    assert!(a.connections() >= 3, "{}", a.connections());
    assert_eq!(b.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn s06_an_upstream_that_never_replies_is_left_early_enough_for_another() {
    let clock = Clock::stopped();
    // A whole answer gets 60 % of 30 s, a stream 10 s to its first token.
    for (stream, limit) in [(false, 18), (true, 10)] {
        for silence in [vec![Step::Hang], Speech::Chat.stream(0, [Step::Hang])] {
            let is_headed = silence.len() > 1;
            let (a, b, bench) = pair(Speech::Chat, usual()).await;
            a.script([silence]);
            let answer = asking(&bench, Speech::Chat, stream);
            a.until_hanging().await;
            clock
                .pass(seconds(limit) - Duration::from_millis(500))
                .await;
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
async fn s07_a_first_token_after_20_s_is_not_waited_for_where_another_is_there() {
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
async fn s07_where_nobody_else_is_there_the_error_names_the_setting_to_raise() {
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

    let patient = Limits {
        first_token_timeout: seconds(25),
        ..usual()
    };
    let bench = before(&[(&a, Speech::Chat)], patient).await;
    let answer = asking(&bench, Speech::Chat, true);
    a.until_hanging().await;
    clock.pass(seconds(20)).await;
    assert_eq!(head(&answer.await.unwrap()), served_by("a", 1));
}

/// In what ways a stream may break after 40 of its 60 words, without any time passing.
fn breaks(speech: Speech) -> Vec<(&'static str, Vec<Step>)> {
    let event = |text: &str| vec![Step::Chunk(text.to_owned()), Step::Hang];
    vec![
        ("cut", vec![Step::Close]),
        ("cut inside of a chunk", vec![Step::HalfChunk, Step::Close]),
        ("ended without its end", vec![Step::End]),
        ("an event that is no JSON", event("data: {\"id\":\n\n")),
        (
            "a chunk without a length",
            vec![Step::Raw(b"zz\r\nwhat\r\n"), Step::Hang],
        ),
        ("an error event", event(&speech.error())),
    ]
}

#[tokio::test(start_paused = true)]
async fn s08_s10_s11_a_stream_that_breaks_ends_in_an_error_in_every_protocol() {
    let _clock = Clock::stopped();
    for speech in ALL {
        for (name, how) in breaks(speech) {
            let (a, b, bench) = pair(speech, usual()).await;
            a.script([broken(speech, how)]);
            let answer = ask(&bench, speech, true).await;
            assert_eq!(head(&answer), served_by("a", 1), "{speech:?}, {name}");
            assert_broken(speech, &answer.text().await.unwrap());
            assert_eq!(b.requests(), 0);
            let picture = ended(&bench, 1).await;
            assert_eq!(picture.totals.success_rate, Some(0.0), "{speech:?}, {name}");
            assert_eq!(
                picture.providers[0].success_rate,
                Some(0.0),
                "{speech:?}, {name}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s08_s10_s11_with_restart_a_stream_that_breaks_comes_whole_from_another() {
    let _clock = Clock::stopped();
    for speech in ALL {
        for (name, how) in breaks(speech) {
            let (a, b, bench) = pair(speech, restarting()).await;
            a.script([broken(speech, how)]);
            let answer = ask(&bench, speech, true).await;
            assert_eq!(head(&answer), served_by("b", 2), "{speech:?}, {name}");
            assert_begun_again(speech, &answer.text().await.unwrap());
            assert_eq!((a.requests(), b.requests()), (1, 1));
            let picture = ended(&bench, 1).await;
            assert_eq!(picture.totals.success_rate, Some(1.0), "{speech:?}, {name}");
            assert_eq!(
                picture.providers[0].success_rate,
                Some(0.0),
                "{speech:?}, {name}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s08_with_restart_one_protocol_may_finish_what_another_began() {
    let _clock = Clock::stopped();
    for upstream in [Speech::Chat, Speech::Messages] {
        for client in ALL {
            let (a, b) = (Wire::start().await, Wire::start().await);
            let both = [(&a, upstream), (&b, Speech::Messages)];
            let bench = before(&both, restarting()).await;
            a.script([broken(upstream, [Step::HalfChunk, Step::Close])]);
            let answer = ask(&bench, client, true).await;
            assert_eq!(
                head(&answer),
                served_by("b", 2),
                "{upstream:?} to {client:?}"
            );
            assert_begun_again(client, &answer.text().await.unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s09_a_stall_of_30_s_is_ended_by_the_idle_limit_or_begun_again_elsewhere() {
    let clock = Clock::stopped();
    for speech in ALL {
        let stalling = || broken(speech, [Step::Wait(seconds(30)), Step::End]);
        let (a, _b, bench) = pair(speech, usual()).await;
        a.script([stalling()]);
        let answer = ask(&bench, speech, true).await;
        let text = tokio::spawn(answer.text());
        a.until_hanging().await;
        content_came(&bench, 0).await;
        clock.pass(seconds(14)).await;
        assert!(!text.is_finished());
        clock.pass(seconds(2)).await;
        let text = text.await.unwrap().unwrap();
        assert_broken(speech, &text);
        assert!(text.contains("idle_timeout_ms"), "{text}");

        let (a, _b, bench) = pair(speech, restarting()).await;
        a.script([stalling()]);
        let answer = asking(&bench, speech, true);
        a.until_hanging().await;
        content_came(&bench, 0).await;
        // After 10 s the client is told to wait, by the first target's name.
        clock.pass(seconds(10)).await;
        let answer = answer.await.unwrap();
        assert_eq!(head(&answer), served_by("a", 1));
        clock.pass(seconds(6)).await;
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(": "), "{text}");
        assert_begun_again(speech, &text);
    }
}

#[tokio::test(start_paused = true)]
async fn s11_an_answer_that_lacks_only_its_terminator_is_whole() {
    let _clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        let finish = Step::Chunk(Speech::Chat.ending().remove(0));
        a.script([Speech::Chat.stream(60, [finish, Step::End])]);
        let answer = ask(&bench, Speech::Chat, true).await;
        assert_eq!(head(&answer), served_by("a", 1));
        let text = answer.text().await.unwrap();
        assert!(
            text.contains("word60") && Speech::Chat.is_whole(&text),
            "{text}"
        );
        assert_eq!(b.requests(), 0);
    }
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
async fn s13_a_content_filter_is_an_answer_and_no_failure() {
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
async fn s14_a_fallback_that_refuses_a_prefilled_turn_is_no_reason_to_give_up() {
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

    // With nobody else left, the first one gets another chance.
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
            assert_eq!((end.target, end.attempts), (Some(1), 2));
            assert_eq!(end.usage.map(|metered| metered.usage.output), Some(20));
            assert!((end.cost.unwrap().usd() - 0.0002).abs() < 1e-12);
        }
    }
}
