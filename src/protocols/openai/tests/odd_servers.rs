//! Chunks and answers of servers that differ from OpenAI's, as a chat client gets them.

use super::{NAMES, adapter, passed, read};
use crate::protocols::ResponseAdapter;
use crate::protocols::response_adapter::{StreamEventKind, stream_from, whole_from};
use crate::protocols::test_support::{events, feed};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const ASK: &str = r#"{"model":"m","messages":[]}"#;

/// Returns the events of a stream that the client gets, `[DONE]` left out.
fn streamed(request: &str, stream: &str) -> Vec<Value> {
    let collected = feed(&mut adapter(request), [stream.as_bytes()]);
    assert_eq!(collected.end, Ok(()), "{}", collected.output);
    let mut events = events(&collected.output);
    assert_eq!(events.pop(), Some("[DONE]".into()));
    events
}

fn whole(body: &Value) -> Value {
    let answer = adapter(ASK).whole(&Bytes::from(body.to_string())).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

fn data(members: &str) -> String {
    format!("data: {{{NAMES},{members}}}\n\n")
}

#[test]
fn the_text_so_far_beside_a_delta_is_not_read() {
    let chunk = |text: &str, so_far: &str, reason: &str| {
        data(&format!(
            r#""choices":[{{"index":0,"delta":{{"role":"assistant","content":"{text}"}},"message":{{"role":"assistant","content":"{so_far}"}},"finish_reason":{reason}}}]"#
        ))
    };
    let stream = chunk("Low", "Low", "null") + &chunk(" water", "Low water", r#""stop""#);
    let events = streamed(STREAM, &stream);

    let text: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Low water");
}

#[test]
fn a_mended_chunk_gains_no_members() {
    let events = passed(&[
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]}),
        json!({"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}),
    ]);
    for event in events {
        let delta = event["choices"][0]["delta"].as_object().unwrap();
        assert!(!delta.contains_key("tool_calls"), "{event}");
        assert!(
            event.get("x_groq").is_none() && event.get("usage").is_none(),
            "{event}"
        );
    }
}

#[test]
fn empty_names_are_filled_in_and_equal_in_all_chunks() {
    let early = r#"data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}"#;
    let named = data(
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":"stop"}]"#,
    );
    let events = streamed(STREAM, &format!("{early}\n\n{named}"));
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!(
            (&event["id"], &event["object"]),
            (&"c".into(), &"chat.completion.chunk".into())
        );
        assert!(event["created"].as_u64() > Some(0));
        assert_eq!(event["model"], "m");
    }

    let nameless = r#"data: {"id":7,"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let later = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let events = streamed(STREAM, &format!("{nameless}\n\n{later}\n\n"));
    assert_eq!(
        (&events[0]["id"], &events[1]["id"]),
        (&"7".into(), &"7".into())
    );
    assert_eq!(
        whole(
            &json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]})
        )["object"],
        "chat.completion"
    );
}

#[test]
fn nothing_but_usage_follows_the_finish_reason() {
    let chunk = |delta: &str, reason: &str| {
        data(&format!(
            r#""choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]"#
        ))
    };
    let stream = [
        chunk(r#"{"role":"assistant","content":"a"}"#, "null"),
        chunk(r#"{"content":""}"#, r#""stop""#),
        chunk(r#"{"content":""}"#, r#""stop""#),
        chunk("{}", "null"),
    ];
    let events = streamed(STREAM, &stream.concat());
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["choices"][0]["finish_reason"], "stop");

    let more = stream.concat() + &chunk(r#"{"content":"b"}"#, "null");
    let events = streamed(STREAM, &more);
    let reasons: Vec<&Value> = events
        .iter()
        .map(|event| &event["choices"][0]["finish_reason"])
        .collect();
    assert_eq!(reasons, [&Value::Null, &Value::Null, &"stop".into()]);
    assert_eq!(events[2]["choices"][0]["delta"]["content"], "b");
}

#[test]
fn extensions_of_a_stripped_usage_chunk_stay() {
    let stream = [
        data(r#""choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]"#),
        data(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#),
        data(
            r#""choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1},"timings":{"prompt_n":9}"#,
        ),
    ];
    let events = streamed(STREAM, &stream.concat());
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["timings"]["prompt_n"], 9);
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn usage_with_every_chunk_is_kept_for_those_who_asked() {
    let request = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},"messages":[]}"#;
    let stream = [
        data(
            r#""choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"usage":{"prompt_tokens":9,"completion_tokens":1}"#,
        ),
        data(
            r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}"#,
        ),
        data(r#""choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}"#),
    ];
    let events = streamed(request, &stream.concat());
    let used: Vec<&Value> = events
        .iter()
        .map(|event| &event["usage"]["completion_tokens"])
        .collect();
    assert_eq!(used, [1, 2, 2]);
}

#[test]
fn members_of_another_type_are_mended_or_left_out() {
    let call =
        json!({"id": 7, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}});
    let answer = whole(&json!({
        "id": 12, "object": "chat.completion", "created": 1, "model": "m",
        "choices": {"index": "0", "message": [{
            "role": "assistant", "content": {"text": "a"}, "refusal": false,
            "reasoning": {"text": "b"}, "tool_calls": call, "annotations": {},
        }], "finish_reason": "tool_calls"},
        "usage": "none",
    }));
    assert_eq!(answer["id"], "12");
    let message = &answer["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&"a".into(), &"b".into())
    );
    assert!(message.get("refusal").is_none() && message.get("annotations").is_none());
    let call = &message["tool_calls"][0];
    assert_eq!(
        (&call["id"], &call["function"]["arguments"]),
        (&"7".into(), &r#"{"a":1}"#.into())
    );
    assert!(answer.get("usage").is_none());
}

#[test]
fn two_calls_of_one_answer_have_two_ids() {
    let call = |arguments: &str| json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call("{}"), call("{\"b\":1}")]});
    let answer = whole(
        &json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}),
    );
    let calls = answer["choices"][0]["message"]["tool_calls"]
        .as_array()
        .unwrap();
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"]),
        (&"a".into(), &"call_1_1".into())
    );
}

#[test]
fn a_call_that_is_claimed_and_missing_ends_the_turn() {
    let message = json!({"role": "assistant", "content": "a", "tool_calls": []});
    let answer = whole(
        &json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}),
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[test]
fn an_empty_answer_has_an_empty_text() {
    let answer = whole(
        &json!({"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]}),
    );
    assert_eq!(answer["choices"][0]["message"]["content"], "");
}

#[test]
fn a_stream_and_a_whole_answer_become_each_other_with_all_that_is_in_them() {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "citations": ["u"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a", "reasoning_content": "b", "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
    });
    let request =
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;
    let mut stream = BytesMut::new();
    stream_from(&mut adapter(request), body.to_string().into(), &mut stream).unwrap();
    let folded = whole_from(&mut adapter(ASK), stream.freeze()).unwrap();
    let folded: Value = serde_json::from_slice(&folded).unwrap();
    assert_eq!(folded, body);
}

#[test]
fn an_error_without_an_envelope_is_one() {
    for error in [
        r#"{"error_code":"BAD","message":"no"}"#,
        r#"{"code":1113,"msg":"no","success":false}"#,
        r#"{"detail":"no"}"#,
        r#"{"choices":null,"base_resp":{"status_code":1004,"status_msg":"no"}}"#,
        r#"[{"error":{"message":"no"}}]"#,
    ] {
        let (StreamEventKind::Broken(broken), _) = read(&mut adapter(STREAM), error) else {
            panic!("{error} is no error")
        };
        assert_eq!(broken.message, "no", "{error}");
    }
}

#[test]
fn an_empty_object_for_calls_is_no_call_and_a_missing_end_is_filled_in() {
    let stream = data(
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"a","tool_calls":{}},"finish_reason":null}]"#,
    ) + &data(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#);
    let events = streamed(STREAM, &stream);
    assert_eq!(events[1]["choices"][0]["finish_reason"], "stop");
    assert!(events[0]["choices"][0]["delta"].get("tool_calls").is_none());

    let answer = whole(&json!({"choices": [{"message": {"content": "a"}}]}));
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}
