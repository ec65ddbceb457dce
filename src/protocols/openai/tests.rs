mod odd_servers;
mod servers;

use super::pass_through::PassThrough;
use super::provider_api::with_usage;
use crate::domain::Usage;
use crate::protocols::response_adapter::{ResponseAdapter, StreamEventKind};
use crate::protocols::test_support::{events, feed, with_call};
use crate::protocols::{ApiDialect, Event, RawObject};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

const STREAM: &str =
    r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;

const NAMES: &str = r#""id":"c","object":"chat.completion.chunk","created":1,"model":"m""#;

fn adapter(text: &str) -> PassThrough {
    with_call(ApiDialect::Chat, text, |call| PassThrough::new(call, false))
}

/// Returns the kind of an event and the bytes that the client gets.
fn read(adapter: &mut PassThrough, data: &str) -> (StreamEventKind, String) {
    let mut out = BytesMut::new();
    let event = Event {
        raw: Bytes::from(format!("data: {data}\n\n")),
    };
    let kind = adapter.read(&event, &mut out);
    (kind, String::from_utf8(out.to_vec()).unwrap())
}

#[test]
fn a_stream_passes_unchanged_and_its_usage_is_read() {
    let mut adapter = adapter(STREAM);
    let named = |members: &str| format!("{{{NAMES},{members}}}");
    let events = [
        (
            named(r#""choices":[{"index":0,"delta":{"role":"assistant","content":""}}]"#),
            StreamEventKind::NoContent,
        ),
        (
            named(
                r#""choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}], "x": 1.10"#,
            ),
            StreamEventKind::Content,
        ),
    ];
    for (data, kind) in events {
        let expected = format!("data: {data}\n\n");
        assert_eq!(read(&mut adapter, &data), (kind, expected));
    }
    // The end is held, because some servers send more after it, and usage more than once.
    let end = named(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null"#);
    assert_eq!(
        read(&mut adapter, &end),
        (StreamEventKind::Finish, String::new())
    );
    let usage = named(
        r#""choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#,
    );
    assert_eq!(
        read(&mut adapter, &usage),
        (StreamEventKind::NoContent, String::new())
    );
    let expected = format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    assert_eq!(
        read(&mut adapter, "[DONE]"),
        (StreamEventKind::Done, expected)
    );
    let usage = Usage {
        input: 9,
        output: 3,
        ..Usage::default()
    };
    assert_eq!(adapter.usage(), Some(usage));
}

#[test]
fn unrequested_usage_is_not_sent_to_the_client() {
    let mut adapter = adapter(r#"{"model":"m","stream":true,"messages":[]}"#);
    read(
        &mut adapter,
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#,
    );
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#;

    assert_eq!(
        read(&mut adapter, usage),
        (StreamEventKind::NoContent, String::new())
    );
    assert!(adapter.usage().is_some());
}

#[test]
fn an_error_within_a_stream_is_a_failure() {
    let (StreamEventKind::Broken(error), output) = read(
        &mut adapter(STREAM),
        r#"{"error":{"message":"overloaded"}}"#,
    ) else {
        panic!("not broken")
    };
    assert_eq!(
        (error.message.as_str(), output.as_str()),
        ("overloaded", "")
    );
    let (kind, _) = read(&mut adapter(STREAM), "{\"choices\":");
    assert!(matches!(kind, StreamEventKind::Broken(_)));
}

#[test]
fn every_choice_must_end() {
    let mut adapter = adapter(STREAM);
    read(
        &mut adapter,
        r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
    );
    read(
        &mut adapter,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    );
    assert!(!adapter.may_end());
    read(
        &mut adapter,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
    );
    assert!(adapter.may_end());
}

#[test]
fn separately_counted_reasoning_is_added_once() {
    let output = |completion: u64| {
        let body = format!(
            r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"a"}},"finish_reason":"stop"}}],
            "usage":{{"prompt_tokens":10,"completion_tokens":{completion},"total_tokens":22,"completion_tokens_details":{{"reasoning_tokens":7}}}}}}"#
        );
        let mut adapter = adapter(r#"{"model":"m","messages":[]}"#);
        adapter.whole(&Bytes::from(body)).unwrap();
        adapter.usage().map(|usage| usage.output)
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

/// Passes chunks through and returns those that the client gets.
fn passed(chunks: &[Value]) -> Vec<Value> {
    let text = |chunk: &Value| format!("data: {chunk}\n\n");
    let stream: String = chunks.iter().map(text).collect::<String>() + "data: [DONE]\n\n";
    let collected = feed(&mut adapter(STREAM), [stream.as_bytes()]);
    assert_eq!(collected.end, Ok(()));
    let mut output = events(&collected.output);
    assert_eq!(output.pop(), Some("[DONE]".into()));
    output
}

fn chunk(delta: &Value, finish: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

#[test]
fn usage_is_sent_once_and_last_wherever_it_came() {
    let mut first = chunk(&json!({"role": "assistant", "content": "a"}), &Value::Null);
    first["usage"] = json!({"prompt_tokens": 9, "completion_tokens": 1});
    let mut end = chunk(&json!({}), &"stop".into());
    end["x_groq"] = json!({"usage": {"prompt_tokens": 9, "completion_tokens": 2}});
    let passed = passed(&[first, end]);

    let used: Vec<&Value> = passed.iter().map(|chunk| &chunk["usage"]).collect();
    assert_eq!(used[..2], [&Value::Null, &Value::Null]);
    assert_eq!(used[2]["completion_tokens"], 2);
    assert_eq!((passed.len(), &passed[2]["choices"]), (3, &json!([])));
}

#[test]
fn a_call_is_named_once_and_always() {
    let call = |call: Value| {
        chunk(
            &json!({"role": "assistant", "tool_calls": [call]}),
            &"".into(),
        )
    };
    let passed = passed(&[
        call(json!({"function": {"name": "f", "arguments": "{"}})),
        call(json!({"index": 0, "function": {"arguments": "}"}})),
        call(json!({"index": 1, "id": "b", "type": "function", "function": {"name": "g"}})),
        call(
            json!({"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}),
        ),
        chunk(&json!({}), &"".into()),
    ]);
    let calls = passed.iter().filter_map(|chunk| {
        let call = chunk["choices"][0]["delta"]["tool_calls"].get(0)?;
        Some((
            call["index"].as_u64()?,
            call["id"].as_str(),
            call["function"]["name"].as_str(),
        ))
    });
    let expected = [
        (0, Some("call_1_0"), Some("f")),
        (0, None, None),
        (1, Some("b"), Some("g")),
        (1, None, None),
    ];
    assert_eq!(calls.collect::<Vec<_>>(), expected);
    let ends = passed
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"]);
    let ends: Vec<&Value> = ends.filter(|end| !end.is_null()).collect();
    assert_eq!(ends, ["tool_calls"]);
}

#[test]
fn an_error_in_place_of_a_response_is_a_failure() {
    let bodies = [
        r#"{"error":{"code":402,"message":"no credits"}}"#,
        r#"{"object":"error","message":"no credits","code":402}"#,
        r#"{"choices":[{"index":0,"message":{"content":""},"finish_reason":"error","error":{"code":402,"message":"no credits"}}]}"#,
    ];
    for body in bodies {
        let error = adapter(r#"{"model":"m"}"#).whole(&Bytes::from(body));
        let error = error.unwrap_err();
        assert_eq!((error.status, &*error.message), (402, "no credits"));
        let (kind, _) = read(&mut adapter(STREAM), body);
        assert!(matches!(kind, StreamEventKind::Broken(_)), "{body}");
    }
    let blank =
        Bytes::from("\n\n {\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"}}]}");
    assert!(adapter(r#"{"model":"m"}"#).whole(&blank).is_ok());
}

#[test]
fn cached_tokens_of_deepseek_are_counted() {
    let mut adapter = adapter(r#"{"model":"m"}"#);
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4});
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "a"}});
    let body = json!({"choices": [choice], "usage": usage}).to_string();
    adapter.whole(&Bytes::from(body)).unwrap();

    assert_eq!(adapter.usage().map(|usage| usage.cached), Some(4));
}
