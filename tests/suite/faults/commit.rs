//! The commit point: what a client gets its 200 for, and what happens before.

use super::clock::{Clock, breathe};
use super::speech::{ALL, Speech};
use super::wire::{Script, Step, Wire, whole};
use super::{
    ask, asking, before, ended, head, header, pair, restarting, seconds, served_by, usual,
};
use std::time::Duration;

/// First contents of all sorts, each in one event.
fn contents(speech: Speech) -> Vec<(&'static str, String)> {
    let events: &[(&str, &str)] = match speech {
        Speech::Chat => &[
            (
                "a tool call",
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}"#,
            ),
            (
                "reasoning",
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}"#,
            ),
            (
                "a refusal",
                r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"refusal":"no"},"finish_reason":null}]}"#,
            ),
        ],
        Speech::Messages => &[
            (
                "a tool call",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            ),
            (
                "reasoning",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"hm","signature":""}}"#,
            ),
        ],
        Speech::Responses => &[
            (
                "a tool call",
                r#"{"type":"response.function_call_arguments.delta","sequence_number":4,"item_id":"i","output_index":0,"delta":"{"}"#,
            ),
            (
                "reasoning",
                r#"{"type":"response.reasoning_summary_text.delta","sequence_number":4,"item_id":"i","output_index":0,"summary_index":0,"delta":"hm"}"#,
            ),
        ],
    };
    let events = events
        .iter()
        .map(|(name, data)| (*name, speech.event(data)));
    events
        .chain([("a text", speech.text_event("hello"))])
        .collect()
}

/// What is no content, in more sorts than a beginning has.
fn quiet(speech: Speech) -> Vec<String> {
    let mut events = vec![": keep-alive\n\n".to_owned()];
    events.extend(speech.beginning());
    events.push(": keep-alive\n\n".to_owned());
    events
}

fn steps(events: Vec<String>) -> impl Iterator<Item = Step> {
    events.into_iter().map(Step::Chunk)
}

fn opened(events: Vec<String>, then: impl IntoIterator<Item = Step>) -> Script {
    let open = [Step::Head(200, "text/event-stream")];
    open.into_iter().chain(steps(events)).chain(then).collect()
}

#[tokio::test(start_paused = true)]
async fn the_200_goes_out_with_the_first_content_and_not_before() {
    let clock = Clock::stopped();
    // To a client of the same protocol, and to one of another.
    let pairs = [
        (Speech::Chat, Speech::Chat),
        (Speech::Messages, Speech::Messages),
        (Speech::Responses, Speech::Responses),
        (Speech::Messages, Speech::Chat),
        (Speech::Chat, Speech::Messages),
        (Speech::Messages, Speech::Responses),
    ];
    for (upstream, client) in pairs {
        for (name, content) in contents(upstream) {
            let a = Wire::start().await;
            let bench = before(&[(&a, upstream)], usual()).await;
            let then = [Step::Wait(seconds(5)), Step::Chunk(content), Step::Hang];
            a.script([opened(quiet(upstream), then)]);
            let answer = asking(&bench, client, true);
            a.until_hanging().await;
            clock.pass(Duration::from_millis(4_900)).await;
            assert!(!answer.is_finished(), "{name}, {upstream:?} to {client:?}");
            clock.pass(Duration::from_millis(100)).await;
            let mut answer = answer.await.unwrap();
            assert_eq!(head(&answer), served_by("a", 1));
            assert!(
                answer.chunk().await.unwrap().is_some(),
                "what was held comes too"
            );
        }
    }
}

/// In what ways a stream may fail before its first content, with the status where all fail so.
fn failures(speech: Speech) -> Vec<(&'static str, Vec<Step>, u16)> {
    let event = |text: &str| vec![Step::Chunk(text.to_owned()), Step::Hang];
    let stated = match speech {
        // An `overloaded_error` is 503 by its name; the others state a failure of their own.
        Speech::Messages => 503,
        Speech::Chat | Speech::Responses => 500,
    };
    vec![
        ("cut", vec![Step::Close], 502),
        (
            "cut inside of a chunk",
            vec![Step::HalfChunk, Step::Close],
            502,
        ),
        ("ended", vec![Step::End], 502),
        ("an event that is no JSON", event("data: {\"id\":\n\n"), 502),
        ("an error event", event(&speech.error()), stated),
    ]
}

#[tokio::test(start_paused = true)]
async fn any_failure_before_the_first_content_fails_over_on_the_same_request() {
    let _clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        for speech in ALL {
            for (name, how, _) in failures(speech) {
                let (a, b, bench) = pair(speech, limits.clone()).await;
                a.script([opened(quiet(speech), how)]);
                let answer = ask(&bench, speech, true).await;
                assert_eq!(head(&answer), served_by("b", 2), "{speech:?}, {name}");
                let text = answer.text().await.unwrap();
                assert!(
                    speech.is_whole(&text) && !text.contains("keep-alive"),
                    "{text}"
                );
                assert_eq!((a.requests(), b.requests()), (1, 1));
                let picture = ended(&bench, 1).await;
                assert_eq!(picture.totals.success_rate, Some(1.0));
                assert_eq!(
                    picture.providers[0].success_rate,
                    Some(0.0),
                    "{speech:?}, {name}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_before_their_first_content_the_client_gets_a_real_status() {
    let clock = Clock::stopped();
    for limits in [usual(), restarting()] {
        for speech in ALL {
            for (name, how, status) in failures(speech) {
                let (a, b, bench) = pair(speech, limits.clone()).await;
                for wire in [&a, &b] {
                    wire.behave(Some(opened(quiet(speech), how.clone())));
                }
                let answer = asking(&bench, speech, true);
                for _ in 0..400 {
                    if answer.is_finished() {
                        break;
                    }
                    clock.pass(Duration::from_millis(25)).await;
                }
                let answer = answer.await.unwrap();
                assert_eq!(answer.status(), status, "{speech:?}, {name}");
                assert_eq!(header(&answer, "content-type"), "application/json");
                assert_eq!(header(&answer, "x-aibal-attempts"), "4");
                assert_eq!(a.requests() + b.requests(), 4);
                let body: serde_json::Value = answer.json().await.unwrap();
                assert!(body["error"]["message"].is_string(), "{body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_64_events_or_256_kib_wait_for_a_first_content() {
    let _clock = Clock::stopped();
    let role = Speech::Chat.beginning().remove(0);
    let padded = role.replacen(
        "\"id\":\"c\"",
        &format!("\"id\":\"{}\"", "c".repeat(10_000)),
        1,
    );
    // Comments are no events, but bytes.
    let comment = ": keep-alive\n\n".to_owned();
    for (name, event, fits) in [
        ("events", &role, 64),
        ("bytes", &padded, 25),
        ("comments", &comment, 256 * 1024 / 14),
    ] {
        for (count, waits) in [(fits, true), (fits + 1, false)] {
            let (a, _b, bench) = pair(Speech::Chat, usual()).await;
            a.script([opened(vec![event.clone(); count], [Step::Hang])]);
            let mut answer = asking(&bench, Speech::Chat, true);
            a.until_hanging().await;
            if waits {
                for _ in 0..50 {
                    breathe().await;
                }
                assert!(!answer.is_finished(), "{count} {name}");
                answer.abort();
            } else {
                let answer = (&mut answer).await.unwrap();
                assert_eq!(head(&answer), served_by("a", 1), "{count} {name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn streams_responses_and_errors_carry_the_same_headers() {
    let _clock = Clock::stopped();
    let limits = "x-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: 41\r\n";
    let streamed = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nx-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: 41\r\ntransfer-encoding: chunked\r\n\r\n";
    for recovery in [usual(), restarting()] {
        for speech in ALL {
            let (a, _b, bench) = pair(speech, recovery.clone()).await;
            let mut stream = speech.good();
            stream[0] = Step::Raw(streamed);
            a.script([
                vec![Step::Whole(
                    200,
                    limits.to_owned(),
                    speech.whole().to_owned(),
                )],
                stream,
                vec![whole(400, r#"{"error":{"message":"wrong"}}"#)],
            ]);
            for (stream, status) in [(false, 200), (true, 200), (false, 400)] {
                let answer = ask(&bench, speech, stream).await;
                assert_eq!(answer.status(), status);
                assert_eq!(header(&answer, "x-aibal-provider"), "a");
                assert_eq!(header(&answer, "x-aibal-model"), "shared");
                assert_eq!(header(&answer, "x-aibal-attempts"), "1");
                assert_eq!(header(&answer, "x-aibal-decision").len(), 16);
                assert!(header(&answer, "x-request-id").starts_with("req-"));
                if status == 200 {
                    assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), "41");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_says_how_long_the_gateway_and_the_providers_took() {
    let clock = Clock::stopped();
    for stream in [true, false] {
        let (a, b, bench) = pair(Speech::Chat, usual()).await;
        a.script([vec![Step::Hang]]);
        b.script([if stream {
            Speech::Chat.late(seconds(4))
        } else {
            vec![Step::Wait(seconds(4)), whole(200, Speech::Chat.whole())]
        }]);
        let answer = asking(&bench, Speech::Chat, stream);
        a.until_hanging().await;
        while !answer.is_finished() {
            clock.pass(Duration::from_millis(250)).await;
        }
        let answer = answer.await.unwrap();
        assert_eq!(header(&answer, "x-aibal-attempts"), "2");
        let timing = header(&answer, "server-timing");
        let (own, upstream) = timing.split_once(", upstream;dur=").unwrap();
        let own: f64 = own.strip_prefix("gateway;dur=").unwrap().parse().unwrap();
        let upstream: f64 = upstream.parse().unwrap();
        // The clock stands still while the gateway works.
        let least = if stream { 14_000.0 } else { 22_000.0 };
        assert!(own < 1_000.0 && upstream >= least - 500.0, "{timing}");
    }
}
