//! Too much of anything: endless lines, bodies and heads, and JSON without a bottom.

use super::clock::Clock;
use super::speech::{ALL, Speech};
use super::wire::{Step, Wire, whole};
use super::{
    ask, asking_with, before, ended, fleet_of_kinds, head, pair, restarting, served_by, usual,
};
use aibal_tui::domain::Strategy;
use std::time::Duration;

const GIGABYTE: usize = 1024 * 1024 * 1024;
const MEGABYTE: usize = 1024 * 1024;
/// What lies in the buffers of both sockets when one end hangs up.
const ON_THE_WAY: usize = 12 * MEGABYTE;
/// As deep as no stack is.
const DEEP: usize = 20_000;

fn flood() -> Step {
    Step::Flood(b'x', GIGABYTE, true)
}

#[tokio::test(start_paused = true)]
async fn a_line_of_a_gigabyte_takes_a_few_megabytes_and_the_next_target_answers() {
    let _clock = Clock::stopped();
    let line = [Step::Chunk("data: ".to_owned()), flood()];
    for limits in [usual(), restarting()] {
        let (a, _b, bench) = pair(Speech::Chat, limits).await;
        a.script([Speech::Chat.stream(0, line.clone())]);
        let answer = ask(&bench, Speech::Chat, true).await;
        assert_eq!(head(&answer), served_by("b", 2));
        let taken = a.flooded();
        assert!(
            taken <= 8 * MEGABYTE + ON_THE_WAY,
            "{} MB",
            taken / MEGABYTE
        );
    }

    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    a.script([Speech::Chat.stream(1, line)]);
    let text = ask(&bench, Speech::Chat, true).await.text().await.unwrap();
    assert!(Speech::Chat.ends_in_error(&text) && text.contains("longer than 8 MB"));
    assert!(text.len() < MEGABYTE);
    assert!(a.flooded() <= 8 * MEGABYTE + ON_THE_WAY);
}

#[tokio::test(start_paused = true)]
async fn a_response_of_a_gigabyte_is_not_read_to_its_end() {
    let _clock = Clock::stopped();
    // Chunked, and with a stated length.
    let stated =
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n";
    for (script, most) in [
        (
            vec![Step::Head(200, "application/json"), flood()],
            16 * MEGABYTE,
        ),
        (
            vec![Step::Raw(stated), Step::Flood(b' ', GIGABYTE, false)],
            0,
        ),
    ] {
        let (a, _b, bench) = pair(Speech::Chat, usual()).await;
        a.script([script]);
        let answer = ask(&bench, Speech::Chat, false).await;
        assert_eq!(head(&answer), served_by("b", 2));
        assert!(
            a.flooded() <= most + ON_THE_WAY,
            "{} MB",
            a.flooded() / MEGABYTE
        );
        let picture = ended(&bench, 1).await;
        assert_eq!(picture.providers[0].success_rate, Some(0.0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_gigabyte_keeps_its_status_and_is_not_read_to_its_end() {
    let _clock = Clock::stopped();
    for stream in [false, true] {
        let a = Wire::start().await;
        let bench = before(&[(&a, Speech::Chat)], usual()).await;
        a.behave(Some(vec![Step::Head(400, "application/json"), flood()]));
        let answer = ask(&bench, Speech::Chat, stream).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.bytes().await.unwrap().len() < 4_096);
        assert!(a.flooded() <= ON_THE_WAY, "{} MB", a.flooded() / MEGABYTE);
    }
}

#[tokio::test(start_paused = true)]
async fn endless_response_headers_are_given_up() {
    let _clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    let head_line = Step::Raw(b"HTTP/1.1 200 X\r\nx-endless: ");
    a.script([vec![head_line, Step::Flood(b'x', GIGABYTE, false)]]);
    let answer = ask(&bench, Speech::Chat, false).await;
    assert_eq!(head(&answer), served_by("b", 2));
    assert!(a.flooded() <= ON_THE_WAY, "{} MB", a.flooded() / MEGABYTE);
}

/// A client that does not read stops its own upstream, and fills no buffer of ours.
#[tokio::test(start_paused = true)]
async fn a_slow_client_slows_its_own_upstream() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, usual()).await;
    let word = "x".repeat(64 * 1024);
    let words = (0..2_000).map(|_| Step::Chunk(Speech::Chat.text_event(&word)));
    a.script([Speech::Chat.stream(1, words.chain([Step::Hang]))]);
    let mut answer = ask(&bench, Speech::Chat, true).await;
    assert!(answer.chunk().await.unwrap().is_some());
    for _ in 0..200 {
        clock.pass(Duration::from_millis(10)).await;
    }
    assert_eq!(a.hanging(), 0, "128 MB are not all under way");
    drop(answer);
    ended(&bench, 1).await;
}

fn deep(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(DEEP), close.repeat(DEEP))
}

#[tokio::test(start_paused = true)]
async fn deeply_nested_json_from_a_client_is_an_error_and_nothing_worse() {
    let _clock = Clock::stopped();
    let lists = deep("[", "]");
    let blocks = deep(r#"[{"type":"tool_result","content":"#, "}]");
    let blocks = blocks.replacen("}]", r#"[{"type":"image"}]}]"#, 1);
    for upstream in ALL {
        for client in ALL {
            let a = Wire::start().await;
            let bench = before(&[(&a, upstream)], usual()).await;
            let member = if client == Speech::Responses {
                "input"
            } else {
                "messages"
            };
            for body in [
                lists.clone(),
                format!(r#"{{"model":"shared","max_tokens":9,"{member}":{lists}}}"#),
                format!(
                    r#"{{"model":"shared","max_tokens":9,"{member}":[{{"role":"user","content":{lists}}}]}}"#
                ),
                format!(
                    r#"{{"model":"shared","max_tokens":9,"{member}":[{{"role":"user","content":{blocks}}}]}}"#
                ),
                format!(
                    r#"{{"model":"shared","max_tokens":9,"{member}":"hi","tools":[{{"x":{lists}}}]}}"#
                ),
                format!(
                    r#"{{"model":"shared","max_tokens":9,"{member}":"hi","metadata":{lists}}}"#
                ),
                format!(r#"{{"model":{lists},"{member}":"hi"}}"#),
            ] {
                let answer = asking_with(&bench, client, body, &[]).await.unwrap();
                // A provider that speaks the client's protocol judges for itself.
                let passed = a.requests() > 0 && answer.status() == 200;
                assert!(
                    passed || answer.status() == 400,
                    "{client:?} to {upstream:?}: {}",
                    answer.status()
                );
                let text = answer.text().await.unwrap();
                assert!(text.len() < 4_096, "{text:.200}");
            }
            assert_eq!(ask(&bench, client, false).await.status(), 200);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deeply_nested_json_from_an_upstream_is_only_a_bad_response() {
    let _clock = Clock::stopped();
    let lists = deep("[", "]");
    let objects = deep(r#"{"a":"#, "}").replacen('}', "1}", 1);
    for upstream in ALL {
        for client in ALL {
            let (a, b) = (Wire::start().await, Wire::start().await);
            let bench = before(&[(&a, upstream), (&b, upstream)], usual()).await;
            for nested in [&lists, &objects] {
                let bodies = [
                    nested.clone(),
                    format!(r#"{{"error":{nested}}}"#),
                    format!(
                        r#"{{"type":"error","content":{nested},"choices":{nested},"output":{nested}}}"#
                    ),
                    upstream
                        .whole()
                        .replacen('{', &format!(r#"{{"x":{nested},"#), 1),
                    upstream.whole().replacen("\"all of it\"", nested, 1),
                ];
                for body in bodies {
                    for status in [200, 400, 500] {
                        a.script([vec![whole(status, &body)]]);
                        let answer = ask(&bench, client, false).await;
                        assert!(
                            matches!(answer.status().as_u16(), 200 | 400),
                            "{}",
                            answer.status()
                        );
                        answer.bytes().await.unwrap();
                    }
                    let event = Step::Chunk(format!("data: {body}\n\n"));
                    a.script([upstream.stream(1, [event, Step::Close])]);
                    let text = ask(&bench, client, true).await.text().await.unwrap();
                    assert!(
                        !client.looks_ended(&text)
                            || !text.contains("word1 ")
                            || client.is_whole(&text)
                    );
                }
            }
            assert_eq!(ask(&bench, client, true).await.status(), 200);
        }
    }
}

/// The kinds of provider whose protocol no client speaks, a good answer of each, and the type and
/// the framing of its streams.
const UNSPOKEN: [(&str, &str, &str, &str); 3] = [
    ("gemini", CANDIDATE, "text/event-stream", "data: "),
    ("vertex", CANDIDATE, "text/event-stream", "data: "),
    ("ollama", LINE, "application/x-ndjson", ""),
];
const CANDIDATE: &str =
    r#"{"candidates":[{"content":{"parts":[{"text":"all of it"}]},"finishReason":"STOP"}]}"#;
const LINE: &str = r#"{"message":{"content":"all of it"},"done":true}"#;

#[tokio::test(start_paused = true)]
async fn deeply_nested_json_is_a_bad_response_in_provider_only_protocols_too() {
    let _clock = Clock::stopped();
    let lists = deep("[", "]");
    let objects = deep(r#"{"a":"#, "}").replacen('}', "1}", 1);
    for (kind, good, media, frame) in UNSPOKEN {
        let (a, b) = (Wire::start().await, Wire::start().await);
        let wires = [(&a, kind), (&b, kind)];
        let bench = fleet_of_kinds(&wires, Strategy::Best, usual(), None).await;
        for nested in [&lists, &objects] {
            let bodies = [
                nested.clone(),
                format!("[{nested},{good}]"),
                format!(r#"{{"error":{nested}}}"#),
                format!(r#"{{"candidates":{nested},"message":{nested}}}"#),
                good.replacen("\"all of it\"", nested, 1),
            ];
            for body in bodies {
                b.behave(Some(vec![whole(200, good)]));
                for status in [200, 400, 500] {
                    a.script([vec![whole(status, &body)]]);
                    let answer = ask(&bench, Speech::Chat, false).await;
                    assert!(
                        matches!(answer.status().as_u16(), 200 | 400),
                        "{kind}: {}",
                        answer.status()
                    );
                    answer.bytes().await.unwrap();
                }
                let stream = |text: &str| {
                    let event = Step::Chunk(format!("{frame}{text}\n\n"));
                    vec![Step::Head(200, media), event, Step::End]
                };
                b.behave(Some(stream(good)));
                a.script([stream(&body)]);
                let answer = ask(&bench, Speech::Chat, true).await;
                assert_eq!(answer.status(), 200, "{kind}");
                let text = answer.text().await.unwrap();
                assert!(text.contains("all of it"), "{kind}: {text:.200}");
            }
        }
    }
}
