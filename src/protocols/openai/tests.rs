use super::pass_through::PassThrough;
use super::*;
use crate::domain::Usage;
use crate::protocols::passage::{Meaning, Passage};
use crate::protocols::{Event, ModelTraits};
use bytes::BytesMut;

const STREAM: &str =
    r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;

fn with_call<T>(text: &str, run: impl FnOnce(&Call<'_>) -> T) -> T {
    let object: RawObject<'_> = serde_json::from_str(text).unwrap();
    run(&Call {
        dialect: Dialect::Chat,
        object: &object,
        headers: &HeaderMap::new(),
        model: "m",
        traits: &ModelTraits::UNSTATED,
        stream: object.read("stream").unwrap_or(false),
        wants_usage: Dialect::Chat.front().wants_usage(&object),
        id: "1",
        created: 7,
        detour: false,
    })
}

fn passage(text: &str) -> PassThrough {
    with_call(text, |call| PassThrough::new(call, false))
}

/// What an event means and what the client gets of it.
fn read(passage: &mut PassThrough, data: &str) -> (Meaning, String) {
    let mut out = BytesMut::new();
    let event = Event {
        raw: Bytes::from(format!("data: {data}\n\n")),
    };
    let meaning = passage.read(&event, &mut out);
    (meaning, String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn a_stream_passes_as_it_came_and_is_read_along() {
    let mut passage = passage(STREAM);
    let events = [
        (
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            Meaning::Quiet,
        ),
        (
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}], "x": 1.10}"#,
            Meaning::Content,
        ),
        (
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
            Meaning::Finish,
        ),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#,
            Meaning::Quiet,
        ),
        ("[DONE]", Meaning::Done),
    ];
    for (data, meaning) in events {
        let said = format!("data: {data}\n\n");
        assert_eq!(read(&mut passage, data), (meaning, said));
    }
    let usage = Usage {
        input: 9,
        output: 3,
        ..Usage::default()
    };
    assert_eq!(passage.usage(), Some(usage));
}

#[test]
fn usage_that_nobody_asked_for_is_kept_from_the_client() {
    let mut passage = passage(r#"{"model":"m","stream":true,"messages":[]}"#);
    read(
        &mut passage,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#,
    );
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#;

    assert_eq!(read(&mut passage, usage), (Meaning::Quiet, String::new()));
    assert!(passage.usage().is_some());
}

#[test]
fn an_error_inside_a_stream_is_one() {
    let (Meaning::Broken(upset), said) = read(
        &mut passage(STREAM),
        r#"{"error":{"message":"overloaded"}}"#,
    ) else {
        panic!("not broken")
    };
    assert_eq!((upset.message.as_str(), said.as_str()), ("overloaded", ""));
    let (meaning, _) = read(&mut passage(STREAM), "{\"choices\":");
    assert!(matches!(meaning, Meaning::Broken(_)));
}

#[test]
fn every_choice_must_end() {
    let mut passage = passage(STREAM);
    read(
        &mut passage,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
    );
    read(
        &mut passage,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    );
    assert!(!passage.may_end());
    read(
        &mut passage,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
    );
    assert!(passage.may_end());
}

#[test]
fn reasoning_that_is_counted_apart_is_added_once() {
    let output = |completion: u64| {
        let body = format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"a"}},"finish_reason":"stop"}}],
            "usage":{{"prompt_tokens":10,"completion_tokens":{completion},"total_tokens":22,"completion_tokens_details":{{"reasoning_tokens":7}}}}}}"#
        );
        let mut passage = passage(r#"{"model":"m","messages":[]}"#);
        passage.whole(&Bytes::from(body)).unwrap();
        passage.usage().map(|usage| usage.output)
    };

    assert_eq!(output(5), Some(12));
    assert_eq!(output(12), Some(12));
}

#[test]
fn the_clients_stream_options_are_kept() {
    let text = r#"{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}"#;
    let object: RawObject<'_> = serde_json::from_str(text).unwrap();

    assert_eq!(
        with_usage(&object),
        r#"{"include_obfuscation":false,"include_usage":true}"#
    );
}
