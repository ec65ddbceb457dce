use super::Ollama;
use crate::domain::Failure;
use crate::protocols::neutral::TranslationError;
use crate::protocols::test_support::{endpoint, events, feed, with_call};
use crate::protocols::{ApiDialect, PreparedCall, ProviderApi, UpstreamError};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

fn ask(body: &Value) -> Result<PreparedCall, TranslationError> {
    let endpoint = endpoint("ollama", "http://h");
    with_call(ApiDialect::Chat, &body.to_string(), |call| {
        Ollama.build_request(&endpoint, call)
    })
}

/// Returns the request body and the names of the dropped fields.
fn translated(body: &Value) -> (Value, Vec<String>) {
    let prepared = ask(body).unwrap();
    let sent = serde_json::from_slice(&prepared.request.body).unwrap();
    (sent, prepared.dropped.names().to_vec())
}

fn collected(stream: bool, lines: &str) -> (Vec<Value>, Result<(), UpstreamError>) {
    let body = json!({"model": "m", "messages": [], "stream": stream});
    let mut prepared = ask(&body).unwrap();
    let collected = feed(&mut *prepared.adapter, [lines.as_bytes()]);
    let error = collected.end.is_ok();
    (
        if error {
            events(&collected.output)
        } else {
            Vec::new()
        },
        collected.end,
    )
}

#[test]
fn fields_without_an_ollama_equivalent_are_reported_as_dropped() {
    let tool = json!({"type": "function", "function": {"name": "f", "strict": true}});
    let (sent, dropped) = translated(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "tools": [tool],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "user": "u",
        "logit_bias": {"1": 2},
        "reasoning_effort": "xhigh",
        "response_format": {"type": "json_object"},
    }));

    assert_eq!(
        dropped,
        [
            "logit_bias",
            "user",
            "tool_choice",
            "parallel_tool_calls",
            "strict"
        ]
    );
    assert_eq!(
        sent,
        json!({
            "model": "m",
            "messages": [{"role": "user", "content": "a"}],
            "stream": false,
            "tools": [{"type": "function", "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
            }}],
            "format": "json",
            "think": "max",
        })
    );
}

#[test]
fn tool_choice_none_sends_no_tools() {
    let (sent, dropped) = translated(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "none",
        "reasoning_effort": "none",
    }));

    assert_eq!((sent.get("tools"), dropped.len()), (None, 0));
    assert_eq!(sent["think"], false);
}

#[test]
fn a_forced_tool_is_the_only_one_sent() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let (sent, dropped) = translated(&json!({
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "tools": [tool("f"), tool("g")],
        "tool_choice": tool("g"),
    }));

    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["tools"][0]["function"]["name"], "g");
    // The model may still call no tool.
    assert_eq!(dropped, ["tool_choice"]);
}

#[test]
fn a_forced_tool_is_sent_with_the_tools_called_before() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let (sent, _) = translated(&json!({
        "model": "m",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "b"},
        ],
        "tools": [tool("f"), tool("g"), tool("h")],
        "tool_choice": tool("g"),
    }));

    let tools = sent["tools"].as_array().unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["f", "g"]);
}

#[test]
fn requests_that_ollama_cannot_represent_are_errors_of_this_target_only() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let with = |part: Value| {
        let messages = json!([{"role": "user", "content": [part]}]);
        json!({"model": "m", "messages": messages})
    };
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}});
    let cases = [
        (with(image("https://h/a.png")), "image"),
        (with(audio), "audio"),
        (json!({"model": "m", "messages": [], "n": 2}), "n"),
    ];
    for (body, param) in cases {
        let error = ask(&body).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param));
        assert!(error.is_target_specific, "{param}");
    }
    assert!(ask(&with(image("data:image/png;base64,AA=="))).is_ok());
}

#[test]
fn arguments_that_are_not_an_object_are_a_client_error() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "[1"}});
    let messages = json!([{"role": "assistant", "tool_calls": [call]}]);
    let error = ask(&json!({"model": "m", "messages": messages})).unwrap_err();

    assert!(!error.is_target_specific);
}

#[test]
fn calls_get_new_ids_where_theirs_are_missing_or_duplicate() {
    let call = |id: &str| {
        let call = json!({"id": id, "function": {"index": 0, "name": "f", "arguments": {"a": 1}}});
        let message = json!({"content": "", "tool_calls": [call]});
        json!({"model": "m", "message": message, "done": false}).to_string()
    };
    let last = json!({"message": {"content": ""}, "done": true, "done_reason": "stop"});
    let lines = [call("x"), call("x"), call(""), last.to_string()].join("\n");
    let (events, end) = collected(true, &lines);

    assert_eq!(end, Ok(()));
    let calls = events.iter().filter_map(|event| {
        let call = &event["choices"][0]["delta"]["tool_calls"][0];
        Some((call["index"].as_u64()?, call["id"].as_str()?.to_owned()))
    });
    let named = ["x", "call_1_r0", "call_1_2"].map(str::to_owned);
    let expected: Vec<_> = (0..).zip(named).collect();
    assert_eq!(calls.collect::<Vec<_>>(), expected);
}

#[test]
fn a_cut_stream_and_a_failed_stream_are_distinguished() {
    let first = r#"{"model":"m","message":{"content":"a"},"done":false}"#;
    let cases = [
        (format!("{first}\n"), Failure::Disconnected),
        (format!("{first}\n{{\"mod"), Failure::Disconnected),
        (format!("{first}\nnonsense\n"), Failure::Server),
        (
            format!("{first}\n{{\"error\":\"out of memory\"}}\n"),
            Failure::Server,
        ),
    ];
    for (lines, failure) in cases {
        let (_, end) = collected(true, &lines);
        assert_eq!(end.unwrap_err().failure, failure, "{lines}");
    }
}

#[test]
fn missing_counts_are_zero() {
    let mut prepared = ask(&json!({"model": "m", "messages": []})).unwrap();
    let body = r#"{"model":"m","message":{"content":"a"},"done":true,"eval_count":3}"#;
    prepared.adapter.whole(&Bytes::from(body)).unwrap();

    let usage = prepared.adapter.usage().unwrap();
    assert_eq!((usage.input, usage.output), (0, 3));
}

#[test]
fn a_server_without_models_is_healthy() {
    assert!(Ollama.is_probe_ok(StatusCode::OK, br#"{"models":null}"#));
    assert!(!Ollama.is_probe_ok(StatusCode::OK, b"Ollama is running"));
    assert!(!Ollama.is_probe_ok(StatusCode::BAD_GATEWAY, br#"{"models":[]}"#));
}
