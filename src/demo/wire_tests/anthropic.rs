use crate::demo::Fault;
use crate::demo::test_vendor::{
    TestVendor, assert_called, events, joined, tools, with_members, words,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const CHAT: &str = "/v1/messages";

fn sign(request: RequestBuilder) -> RequestBuilder {
    request
        .header("x-api-key", "sk-ant-demo")
        .header("anthropic-version", "2023-06-01")
}

async fn start_vendor() -> TestVendor {
    TestVendor::start("anthropic", sign).await
}

fn chat(extra: &Value) -> Value {
    with_members(
        json!({
            "model": "claude-sonnet-4-5",
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": "lorem ipsum dolor"}],
        }),
        extra,
    )
}

fn with_tools(extra: &Value) -> Value {
    let tool = |(name, schema): (&str, Value)| json!({"name": name, "input_schema": schema});
    let mut body = chat(extra);
    body["tools"] = tools().into_iter().map(tool).collect();
    body
}

/// The types of a stream's events, without repeats, after a check that each event has its type in
/// both places.
fn grammar(text: &str) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for event in text.split_terminator("\n\n") {
        let (name, data) = event.split_once('\n').expect("two lines");
        let data = data.strip_prefix("data: ").expect("data");
        let data: Value = serde_json::from_str(data).expect("JSON");
        let kind = data["type"].as_str().expect("a type");
        assert_eq!(name, format!("event: {kind}"));
        if kinds.last().is_none_or(|last| last != kind) {
            kinds.push(kind.to_owned());
        }
    }
    kinds
}

#[tokio::test]
async fn a_stream_has_anthropics_event_order_and_split_usage() {
    let vendor = start_vendor().await;

    let text = vendor.stream(CHAT, &chat(&json!({"stream": true}))).await;

    assert_eq!(
        grammar(&text),
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let events = events(&text);
    let start = &events[0]["message"];
    assert_eq!(start["content"], json!([]));
    assert_eq!(start["usage"]["input_tokens"], 9);
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
    let response = words(&joined(&events, "/delta/text"));
    assert_eq!(end["usage"], json!({"output_tokens": response}));
}

#[tokio::test]
async fn streamed_calls_are_blocks_and_one_without_arguments_has_no_delta() {
    let vendor = start_vendor().await;

    let text = vendor
        .stream(CHAT, &with_tools(&json!({"stream": true})))
        .await;

    let events = events(&text);
    let blocks = events
        .iter()
        .filter(|event| event["type"] == "content_block_start");
    let names: Vec<&str> = blocks
        .filter_map(|event| event["content_block"]["name"].as_str())
        .collect();
    let second: Vec<&Value> = events.iter().filter(|event| event["index"] == 1).collect();
    assert_eq!(second.len(), 2, "start and stop");
    let first = joined(&events, "/delta/partial_json");
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert_called(&names, &[first, json!({})]);
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn complete_calls_have_object_inputs_and_respect_the_choice() {
    let vendor = start_vendor().await;

    let both = vendor.json(CHAT, Some(&with_tools(&json!({})))).await;
    let single = json!({"tool_choice": {"type": "any", "disable_parallel_tool_use": true}});
    let single = vendor.json(CHAT, Some(&with_tools(&single))).await;
    let none = json!({"tool_choice": {"type": "none"}});
    let none = vendor.json(CHAT, Some(&with_tools(&none))).await;

    let blocks = both["content"].as_array().expect("blocks");
    let names: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block["name"].as_str())
        .collect();
    let inputs: Vec<Value> = blocks.iter().map(|block| block["input"].clone()).collect();
    assert_called(&names, &inputs);
    assert_eq!(both["stop_reason"], "tool_use");
    assert_eq!(single["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(none["content"][0]["type"], "text");
    assert_eq!(none["stop_reason"], "end_turn");
}

#[tokio::test]
async fn reasoning_is_a_signed_block_before_the_text() {
    let vendor = start_vendor().await;
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});

    let whole = vendor
        .json(CHAT, Some(&chat(&json!({"thinking": thinking}))))
        .await;
    let body = chat(&json!({"thinking": thinking, "stream": true}));
    let events = events(&vendor.stream(CHAT, &body).await);

    assert_eq!(whole["content"][0]["type"], "thinking");
    assert!(whole["content"][0]["signature"].is_string());
    let thought = words(&joined(&events, "/delta/thinking"));
    let text_tokens = words(&joined(&events, "/delta/text"));
    assert!(!joined(&events, "/delta/signature").is_empty());
    let end = &events[events.len() - 2];
    assert_eq!(end["usage"]["output_tokens"], thought + text_tokens);
    let text = events
        .iter()
        .find(|event| event["content_block"]["type"] == "text");
    assert_eq!(text.expect("a block")["index"], 1);
}

#[tokio::test]
async fn requested_json_satisfies_its_schema() {
    let vendor = start_vendor().await;
    let schema = json!({
        "type": "object",
        "properties": {"level": {"type": "integer"}},
        "required": ["level"],
    });
    let config = json!({"format": {"type": "json_schema", "schema": schema}});

    let answer = vendor
        .json(CHAT, Some(&chat(&json!({"output_config": config}))))
        .await;

    let text = answer["content"][0]["text"].as_str().expect("text");
    let value: Value = serde_json::from_str(text).expect("JSON");
    assert!(value["level"].is_i64(), "{value}");
}

#[tokio::test]
async fn a_response_cut_by_max_tokens_says_so() {
    let vendor = start_vendor().await;

    let text = vendor
        .json(CHAT, Some(&chat(&json!({"max_tokens": 3}))))
        .await;
    let calls = with_tools(&json!({"max_tokens": 3, "stream": true}));
    let calls = vendor.stream(CHAT, &calls).await;

    assert_eq!(text["stop_reason"], "max_tokens");
    assert_eq!(text["usage"]["output_tokens"], 3);
    let kinds = grammar(&calls);
    assert_eq!(kinds[kinds.len() - 3], "content_block_stop");
    assert!(calls.contains("max_tokens"));
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed() {
    let vendor = start_vendor().await;
    let mut body = chat(&json!({}));
    body.as_object_mut().expect("members").remove("max_tokens");

    let count = vendor.json("/v1/messages/count_tokens", Some(&body)).await;
    let models = vendor.json("/v1/models?limit=1", None).await;
    let model = vendor.json("/v1/models/claude-sonnet-4-5", None).await;

    assert_eq!(count, json!({"input_tokens": 9}));
    assert_eq!(models["data"], json!([model]));
    assert_eq!(models["has_more"], false);
    assert_eq!(models["last_id"], "claude-sonnet-4-5");
}

#[tokio::test]
async fn errors_have_the_vendors_envelope() {
    let vendor = start_vendor().await;
    let version = |request: RequestBuilder| request.header("anthropic-version", "2026-10-21");
    let plain = || vendor.unauthenticated(CHAT, Some(&chat(&json!({}))));
    let unknown = chat(&json!({"model": "claude-0"}));
    let cases = [
        (version(plain()), 401, "authentication_error"),
        (
            version(plain()).header("x-api-key", "other"),
            401,
            "authentication_error",
        ),
        (
            plain().header("x-api-key", "sk-ant-demo"),
            400,
            "invalid_request_error",
        ),
        (version(plain()).bearer_auth("sk-ant-demo"), 200, ""),
        (
            sign(vendor.unauthenticated(CHAT, Some(&unknown))),
            404,
            "not_found_error",
        ),
        (
            sign(vendor.unauthenticated("/v1/complete", Some(&unknown))),
            404,
            "not_found_error",
        ),
        (
            sign(vendor.unauthenticated(CHAT, Some(&json!({})))),
            400,
            "invalid_request_error",
        ),
    ];

    for (request, status, kind) in cases {
        let response = request.send().await.expect("up");
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["error"]["type"].as_str().unwrap_or(""), kind, "{body}");
    }
}

#[tokio::test]
async fn limits_are_in_the_headers_and_an_outage_is_an_overload() {
    let vendor = start_vendor().await;

    let usual = vendor.send(CHAT, Some(&chat(&json!({})))).await;
    vendor.fault(Fault::RateLimit(1));
    vendor.send(CHAT, Some(&chat(&json!({})))).await;
    let limited = vendor.send(CHAT, Some(&chat(&json!({})))).await;
    vendor.fault(Fault::Outage);
    let down = vendor.send(CHAT, Some(&chat(&json!({})))).await;

    let headers = usual.headers();
    assert_eq!(headers["anthropic-ratelimit-requests-limit"], "2000");
    assert_eq!(headers["anthropic-ratelimit-requests-remaining"], "1999");
    let reset = headers["anthropic-ratelimit-requests-reset"]
        .to_str()
        .expect("text");
    reset.parse::<jiff::Timestamp>().expect("a moment");
    assert!(headers.contains_key("request-id"));
    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(down.status(), 529);
    let body: Value = down.json().await.expect("JSON");
    assert_eq!(body["type"], "error");
    assert_eq!(
        body["error"],
        json!({"type": "overloaded_error", "message": "Overloaded"})
    );
}
