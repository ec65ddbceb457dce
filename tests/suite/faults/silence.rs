//! What a client hears while an upstream says nothing.

use super::clock::Clock;
use super::speech::{ALL, Speech};
use super::wire::{Step, Wire};
use super::{
    asking, before, content_came, ended, head, header, pair, restarting, seconds, served_by, usual,
};
use crate::bench::Bench;
use aibal_tui::gateway::GatewayConfig;
use reqwest::Response;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Longer than any limit of a chunk.
fn patient() -> GatewayConfig {
    GatewayConfig {
        idle_timeout: seconds(60),
        ..GatewayConfig::default()
    }
}

fn keep_alive(speech: Speech) -> &'static str {
    match speech {
        Speech::Messages => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        Speech::Chat | Speech::Responses => ": keep-alive\n\n",
    }
}

fn ending(speech: Speech) -> impl Iterator<Item = Step> {
    let ending = speech.ending().into_iter().map(Step::Chunk);
    ending.chain([Step::End])
}

/// Moves the clock until the task is done, at most so far.
async fn finished<T>(clock: &Clock, task: JoinHandle<T>, most: Duration) -> T {
    let begun = clock.passed();
    while !task.is_finished() && clock.since(begun) < most {
        clock.pass(Duration::from_millis(250)).await;
    }
    task.await.unwrap()
}

fn posted(bench: &Bench, path: &str, body: &'static str) -> JoinHandle<Response> {
    let root = bench.url.trim_end_matches("/v1");
    let request = bench.client.post(format!("{root}{path}")).body(body);
    tokio::spawn(async move { request.send().await.unwrap() })
}

async fn text(clock: &Clock, response: Response) -> String {
    let text = tokio::spawn(response.text());
    finished(clock, text, seconds(120)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_something_at_least_every_ten_seconds_of_a_stream() {
    let clock = Clock::stopped();
    for speech in ALL {
        let (a, _b, bench) = pair(speech, patient()).await;
        let pause = [Step::Wait(seconds(35))];
        a.script([speech.stream(1, pause.into_iter().chain(ending(speech)))]);
        let answer = asking(&bench, speech, true);
        let answer = finished(&clock, answer, seconds(5)).await;
        let text = text(&clock, answer).await;
        let word = text.find("word1").unwrap();
        let heard = text[word..].matches(keep_alive(speech)).count();
        assert_eq!(heard, 3, "{text}");
        assert!(speech.is_whole(&text), "{text}");
        let picture = ended(&bench, 1).await;
        assert_eq!(picture.totals.success_rate, Some(1.0));
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_client_does_not_get_do_not_break_its_silence_nor_end_the_stream() {
    let clock = Clock::stopped();
    let a = Wire::start().await;
    let bench = before(&[(&a, Speech::Messages)], GatewayConfig::default()).await;
    let ping = Speech::Messages.event(r#"{"type":"ping"}"#);
    let pings = (0..4).flat_map(|_| [Step::Wait(seconds(9)), Step::Chunk(ping.clone())]);
    let then = pings.chain(ending(Speech::Messages));
    a.script([Speech::Messages.stream(1, then)]);
    let answer = asking(&bench, Speech::Chat, true);
    let answer = finished(&clock, answer, seconds(5)).await;
    let text = text(&clock, answer).await;
    assert_eq!(text.matches(": keep-alive").count(), 3, "{text}");
    assert!(Speech::Chat.is_whole(&text), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_still_ends_at_the_idle_limit() {
    let clock = Clock::stopped();
    let (a, _b, bench) = pair(Speech::Chat, GatewayConfig::default()).await;
    a.script([Speech::Chat.stream(1, [Step::Hang])]);
    let answer = asking(&bench, Speech::Chat, true);
    a.until_hanging().await;
    content_came(&bench, 0).await;
    let begun = clock.passed();
    let answer = finished(&clock, answer, seconds(5)).await;
    let text = text(&clock, answer).await;
    assert_eq!(text.matches(": keep-alive").count(), 1, "{text}");
    assert!(Speech::Chat.ends_in_error(&text), "{text}");
    let took = clock.since(begun);
    assert!(took >= seconds(14) && took <= seconds(16), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_keepalive_a_stream_stays_silent() {
    let clock = Clock::stopped();
    let limits = GatewayConfig {
        keep_alive: None,
        ..patient()
    };
    let (a, _b, bench) = pair(Speech::Chat, limits).await;
    let pause = [Step::Wait(seconds(35))];
    let script = Speech::Chat.stream(1, pause.into_iter().chain(ending(Speech::Chat)));
    a.script([script]);
    let answer = asking(&bench, Speech::Chat, true);
    let answer = finished(&clock, answer, seconds(5)).await;
    let text = text(&clock, answer).await;
    assert!(!text.contains("keep-alive") && Speech::Chat.is_whole(&text));
}

#[tokio::test(start_paused = true)]
async fn the_first_failover_is_not_lost_to_early_headers() {
    let clock = Clock::stopped();
    for speech in ALL {
        let (a, b, bench) = pair(speech, GatewayConfig::default()).await;
        a.script([vec![Step::Hang]]);
        b.script([speech.late(seconds(4))]);
        let answer = asking(&bench, speech, true);
        a.until_hanging().await;
        let answer = finished(&clock, answer, seconds(60)).await;
        assert_eq!(head(&answer), served_by("b", 2));
        let text = text(&clock, answer).await;
        assert!(!text.starts_with(keep_alive(speech)), "{text}");
        assert!(speech.is_whole(&text), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_the_first_content_hears_something_from_15_s_on() {
    let clock = Clock::stopped();
    for speech in ALL {
        // A second failover is told within the stream.
        let (a, b, bench) = pair(speech, GatewayConfig::default()).await;
        a.script([vec![Step::Hang]]);
        b.script([speech.late(seconds(8))]);
        let begun = clock.passed();
        let answer = asking(&bench, speech, true);
        a.until_hanging().await;
        let answer = finished(&clock, answer, seconds(60)).await;
        let took = clock.since(begun);
        assert!(took >= seconds(14) && took <= seconds(16), "{took:?}");
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "x-aibal-attempts"), "2");
        assert_eq!(
            header(&answer, "content-type"),
            "text/event-stream; charset=utf-8"
        );
        let text = text(&clock, answer).await;
        assert!(text.starts_with(keep_alive(speech)), "{text}");
        assert!(speech.is_whole(&text), "{text}");

        // So is a failure of all.
        let (a, b, bench) = pair(speech, GatewayConfig::default()).await;
        for wire in [&a, &b] {
            wire.behave(Some(vec![Step::Hang]));
        }
        let answer = asking(&bench, speech, true);
        a.until_hanging().await;
        let answer = finished(&clock, answer, seconds(60)).await;
        assert_eq!(answer.status(), 200);
        let text = self::text(&clock, answer).await;
        assert!(text.matches(keep_alive(speech)).count() >= 2, "{text}");
        assert!(speech.ends_in_error(&text), "{text}");
        assert!(!speech.looks_ended(&text), "{text}");
        let picture = ended(&bench, 1).await;
        assert_eq!(picture.totals.success_rate, Some(0.0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_a_true_status_waits_for_it() {
    let clock = Clock::stopped();
    for limits in [
        usual(),
        GatewayConfig {
            early_headers: false,
            ..restarting()
        },
        GatewayConfig {
            keep_alive: None,
            ..GatewayConfig::default()
        },
    ] {
        let (a, b, bench) = pair(Speech::Chat, limits).await;
        for wire in [&a, &b] {
            wire.behave(Some(vec![Step::Hang]));
        }
        let answer = asking(&bench, Speech::Chat, true);
        a.until_hanging().await;
        let answer = finished(&clock, answer, seconds(60)).await;
        assert_eq!(answer.status(), 504);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_ollama_and_gemini_hear_what_their_readers_pass_over() {
    let clock = Clock::stopped();
    let chat = r#"{"model":"shared","messages":[{"role":"user","content":"hi"}]}"#;
    let generate = r#"{"model":"shared","prompt":"hi"}"#;
    let contents = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    let (events, list) = (
        "/v1beta/models/shared:streamGenerateContent?alt=sse",
        "/v1beta/models/shared:streamGenerateContent",
    );
    for (path, body, is_early) in [
        ("/api/chat", chat, true),
        ("/api/generate", generate, true),
        (events, contents, true),
        (list, contents, false),
    ] {
        let (a, b, bench) = pair(Speech::Chat, patient()).await;
        let steps = [Step::Wait(seconds(15))].into_iter();
        let steps = steps.chain(ending(Speech::Chat));
        let mut late = Speech::Chat.stream(2, steps);
        late.insert(1, Step::Wait(seconds(8)));
        a.script([vec![Step::Hang]]);
        b.script([late]);
        let answer = posted(&bench, path, body);
        a.until_hanging().await;
        let begun = clock.passed();
        let answer = finished(&clock, answer, seconds(60)).await;
        let took = clock.since(begun);
        assert_eq!(took < seconds(17), is_early, "{path}: {took:?}");
        assert_eq!(answer.status(), 200, "{path}");
        let kind = header(&answer, "content-type");
        let text = text(&clock, answer).await;
        if path.starts_with("/api/") {
            assert_eq!(kind, "application/x-ndjson");
            let lines: Vec<serde_json::Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let text_of = |line: &serde_json::Value| match path {
                "/api/chat" => line["message"]["content"].as_str().map(str::to_owned),
                _ => line["response"].as_str().map(str::to_owned),
            };
            assert_eq!(lines[0]["model"], "shared");
            assert_eq!(lines[0]["done"], false);
            let empty = lines
                .iter()
                .filter(|line| text_of(line).unwrap().is_empty());
            assert!(empty.count() >= 2, "{text}");
            assert_eq!(lines.last().unwrap()["done"], true);
            let all: String = lines.iter().filter_map(text_of).collect();
            assert_eq!(all, "word1 word2 ");
        } else if path == events {
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            assert!(text.starts_with("\n\n"), "{text:?}");
            let (_, after) = text.split_once("word2").unwrap();
            assert!(after.contains("\n\n\n\n"), "{text:?}");
            assert!(after.contains("STOP"), "{text:?}");
        } else {
            assert!(kind.starts_with("application/json"), "{kind}");
            let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            assert!(list.len() >= 2, "{text}");
            assert!(text.contains("\n\n"), "{text:?}");
        }
    }
}
