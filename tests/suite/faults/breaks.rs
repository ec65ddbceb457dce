//! S08 to S11: streams that break after content, with `recovery = "error"` and with `"restart"`.

use super::clock::Clock;
use super::speech::{ALL, Speech};
use super::wire::{Script, Step, Wire};
use super::{
    ask, asking, before, content_came, ended, head, pair, restarting, seconds, served_by, usual,
};

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

/// Ways in which a stream may break after 40 of its 60 words, without any time passing.
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
async fn s08_s10_s11_with_restart_a_broken_stream_completes_at_another_target() {
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
async fn s08_with_restart_another_protocol_may_complete_the_response() {
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
async fn s09_a_stall_of_30_s_ends_at_the_idle_limit_or_restarts_at_another_target() {
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
        // After 10 s the client gets a sign of life, with the first target's name.
        clock.pass(seconds(10)).await;
        let answer = answer.await.unwrap();
        assert_eq!(head(&answer), served_by("a", 1));
        clock.pass(seconds(6)).await;
        let text = answer.text().await.unwrap();
        let is_ping = text.starts_with("event: ping\n");
        assert!(text.starts_with(": ") || is_ping, "{text}");
        assert_begun_again(speech, &text);
    }
}

#[tokio::test(start_paused = true)]
async fn s11_a_response_that_lacks_only_its_terminator_is_complete() {
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
async fn a_stream_that_ends_before_its_first_content_is_no_response() {
    let _clock = Clock::stopped();
    let usage =
        r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":0}}"#;
    for client in ALL {
        for events in [
            "data: [DONE]\n\n".to_owned(),
            format!("{usage}\n\ndata: [DONE]\n\n"),
        ] {
            let (a, _b, bench) = pair(Speech::Chat, usual()).await;
            let head_line = Step::Head(200, "text/event-stream");
            a.script([vec![head_line, Step::Chunk(events), Step::End]]);
            let answer = ask(&bench, client, true).await;
            assert_eq!(head(&answer), served_by("b", 2), "{client:?}");
            assert!(client.is_whole(&answer.text().await.unwrap()));
            let picture = ended(&bench, 1).await;
            assert_eq!(picture.providers[0].success_rate, Some(0.0));
        }
    }
}
