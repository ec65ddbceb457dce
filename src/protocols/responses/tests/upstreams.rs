//! Providers that have the Responses API.

use crate::domain::Failure;
use crate::protocols::test_support::{endpoint, events, feed, with_call};
use crate::protocols::{ApiDialect, CallSpec, PreparedCall, ResponseAdapter, StreamEventKind};
use bytes::Bytes;
use serde_json::{Value, json};

fn prepared(dialect: ApiDialect, body: &Value, use_fallback: bool) -> PreparedCall {
    let endpoint = endpoint("openai", "http://h/v1");
    with_call(dialect, &body.to_string(), |call| {
        endpoint
            .protocol
            .build_request(
                &endpoint,
                &CallSpec {
                    use_fallback,
                    ..*call
                },
            )
            .unwrap()
    })
}

fn adapter() -> Box<dyn ResponseAdapter> {
    prepared(
        ApiDialect::Responses,
        &json!({"model": "m", "input": "a"}),
        false,
    )
    .adapter
}

fn event(data: &Value) -> String {
    let kind = data["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {data}\n\n")
}

fn created() -> String {
    let response = json!({"id": "resp_1", "model": "m-1", "status": "in_progress"});
    event(&json!({"type": "response.created", "sequence_number": 0, "response": response}))
}

fn delta(text: &str) -> String {
    let kind = "response.output_text.delta";
    event(&json!({"type": kind, "sequence_number": 1, "output_index": 0, "delta": text}))
}

fn completed() -> String {
    let usage = json!({
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    });
    let response = json!({"model": "m-1", "status": "completed", "output": [], "usage": usage});
    event(&json!({"type": "response.completed", "sequence_number": 2, "response": response}))
}

#[test]
fn a_stream_passes_unchanged_wherever_it_is_cut() {
    let stream = [created(), delta("é"), completed()].concat();
    for cut in 0..=stream.len() {
        let mut adapter = adapter();
        let (before, after) = stream.as_bytes().split_at(cut);
        let collected = feed(&mut *adapter, [before, after]);
        assert_eq!((collected.output, collected.end), (stream.clone(), Ok(())));
        let usage = adapter.usage().unwrap();
        let counted = (usage.input, usage.cached, usage.output, usage.reasoning);
        assert_eq!(counted, (9, 4, 5, 2));

        if cut + 2 < stream.len() {
            let collected = feed(&mut *self::adapter(), [before]);
            assert_eq!(collected.end.unwrap_err().failure, Failure::Disconnected);
        }
    }
}

#[test]
fn no_event_counts_as_content_before_the_first_delta() {
    let mut adapter = adapter();
    let mut kind = |text: String| {
        let raw = Bytes::from(text);
        adapter.read(
            &crate::protocols::Event { raw },
            &mut bytes::BytesMut::new(),
        )
    };
    let added = json!({"type": "response.output_item.added", "item": {"type": "message"}});

    assert_eq!(kind(created()), StreamEventKind::NoContent);
    assert_eq!(kind(event(&added)), StreamEventKind::NoContent);
    assert_eq!(kind(delta("a")), StreamEventKind::Content);
    assert_eq!(kind(completed()), StreamEventKind::Done);
}

#[test]
fn a_failure_within_a_success_status_is_an_error() {
    let error = json!({"code": "rate_limit_exceeded", "message": "slow down"});
    let response = json!({"status": "failed", "error": error, "output": []});
    let failed = json!({"type": "response.failed", "response": response});
    let flat = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"});
    for failure in [failed, flat] {
        let stream = [created(), delta("a"), event(&failure)].concat();
        let collected = feed(&mut *adapter(), [stream.as_bytes()]);
        let error = collected.end.unwrap_err();
        assert_eq!(error.failure, Failure::RateLimit(None));
        assert_eq!(error.message, "slow down");
        // Clients wait for the provider's own error code.
        assert_eq!(collected.output, stream);
    }
    let whole = Bytes::from(response.to_string());
    assert_eq!(adapter().whole(&whole).unwrap_err().message, "slow down");
}

#[test]
fn a_chat_request_is_translated_to_responses_and_back() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]},
            {"role": "assistant", "content": "b", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        "reasoning_effort": "high",
        "max_completion_tokens": 5,
        "seed": 1,
        "stream": true,
    });
    let mut prepared = prepared(ApiDialect::Chat, &body, true);
    let sent: Value = serde_json::from_slice(&prepared.request.body).unwrap();

    assert_eq!(prepared.request.url, "http://h/v1/responses");
    assert_eq!(prepared.dropped.names(), ["seed"]);
    assert_eq!(
        sent,
        json!({
            "model": "m",
            "input": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA=="},
                ]},
                {"role": "assistant", "content": "b"},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "1"},
            ],
            "store": false,
            "max_output_tokens": 16,
            "reasoning": {"effort": "high"},
            "tools": [{
                "type": "function",
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "strict": false,
            }],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
            "stream": true,
        })
    );
    let stream = [created(), delta("x"), delta("y"), completed()].concat();
    let collected = feed(&mut *prepared.adapter, stream.as_bytes().chunks(1));
    assert_eq!(collected.end, Ok(()));
    let output = events(&collected.output);
    let text = output.iter().filter_map(|event| {
        let delta = &event["choices"].get(0)?["delta"];
        delta["content"].as_str().map(str::to_owned)
    });
    assert_eq!(text.collect::<String>(), "xy");
    assert_eq!(output.last(), Some(&Value::from("[DONE]")));
}

#[test]
fn a_whole_response_is_read_with_all_item_types() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    let mut prepared = prepared(ApiDialect::Chat, &body, true);
    let upstream = json!({"model": "m-1", "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [
            {"type": "reasoning", "summary": [
                {"type": "summary_text", "text": "p"}, {"type": "summary_text", "text": "q"},
            ]},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "message", "content": [
                {"type": "output_text", "text": "t", "annotations": [
                    {"type": "url_citation", "url": "u"}, {"type": "file_citation"},
                ]},
                {"type": "refusal", "refusal": "r"},
            ]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}});
    let answer = prepared
        .adapter
        .whole(&Bytes::from(upstream.to_string()))
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();

    let choice = &answer["choices"][0];
    let message = &choice["message"];
    assert_eq!(choice["finish_reason"], "length");
    assert_eq!(message["reasoning_content"], "p\n\nq");
    assert_eq!(
        (&message["content"], &message["refusal"]),
        (&"t".into(), &"r".into())
    );
    assert_eq!(message["annotations"].as_array().map(Vec::len), Some(1));
    assert_eq!(message["tool_calls"][0]["id"], "c1");
    assert_eq!(answer["usage"]["total_tokens"], 3);
}

#[test]
fn ids_that_are_too_long_are_shortened() {
    let id = "u".repeat(90);
    let body = json!({"model": "m", "input": "a", "user": id, "prompt_cache_key": "k"});
    let prepared = prepared(ApiDialect::Responses, &body, false);
    let sent: Value = serde_json::from_slice(&prepared.request.body).unwrap();
    assert_eq!(sent["user"].as_str().map(str::len), Some(37));
    assert_eq!(sent["prompt_cache_key"], "k");
}
