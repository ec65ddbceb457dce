use crate::demo::Fault;
use crate::demo::test_vendor::{TestVendor, assert_called, events, joined, tools, words};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

fn sign(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth("xai-demo")
}

async fn start_vendor() -> TestVendor {
    TestVendor::start("xai", sign).await
}

fn chat() -> Value {
    json!({"model": "grok-4.3", "messages": [{"role": "user", "content": "lorem ipsum dolor"}]})
}

fn assert_outside(usage: &Value, response: u64) {
    let thought = usage["completion_tokens_details"]["reasoning_tokens"].as_u64();
    let thought = thought.expect("a count");
    assert!(0 < thought);
    assert_eq!(usage["completion_tokens"], response);
    assert_eq!(usage["total_tokens"], 9 + response + thought);
}

#[tokio::test]
async fn reasoning_is_shown_and_counted_in_the_total_only() {
    let vendor = start_vendor().await;
    let mut streamed = chat();
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({"include_usage": true});

    let whole = vendor.json(CHAT, Some(&chat())).await;
    let events = events(&vendor.stream(CHAT, &streamed).await);

    let message = &whole["choices"][0]["message"];
    let text = message["content"].as_str().expect("text");
    assert!(message["reasoning_content"].is_string());
    assert_outside(&whole["usage"], words(text));
    let text = joined(&events, "/choices/0/delta/content");
    assert!(!joined(&events, "/choices/0/delta/reasoning_content").is_empty());
    assert_outside(&events.last().expect("events")["usage"], words(&text));
}

#[tokio::test]
async fn calls_are_complete_and_leave_the_finish_reason_empty() {
    let vendor = start_vendor().await;
    let tool = |(name, schema): (&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let mut body = chat();
    body["tools"] = tools().into_iter().map(tool).collect();
    body["stream"] = true.into();

    let events = events(&vendor.stream(CHAT, &body).await);

    let calls: Vec<&Value> = events
        .iter()
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0"))
        .collect();
    let names: Vec<&str> = calls
        .iter()
        .filter_map(|call| call["function"]["name"].as_str())
        .collect();
    let arguments: Vec<Value> = calls
        .iter()
        .filter_map(|call| call["function"]["arguments"].as_str())
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .collect();
    assert_called(&names, &arguments);
    let last = events.last().expect("events");
    assert_eq!(last["choices"][0]["finish_reason"], "");
}

#[tokio::test]
async fn errors_are_flat_and_a_wrong_key_is_a_bad_request() {
    let vendor = start_vendor().await;
    let mut unknown = chat();
    unknown["model"] = "grok-0".into();
    let refused = [
        vendor.unauthenticated(CHAT, Some(&chat())),
        vendor
            .unauthenticated(CHAT, Some(&chat()))
            .bearer_auth("xai-other"),
        sign(vendor.unauthenticated(CHAT, Some(&unknown))),
        sign(vendor.unauthenticated(CHAT, Some(&json!({"model": "grok-4.3"})))),
        sign(vendor.unauthenticated("/v1/embeddings", Some(&chat()))),
    ];

    for (request, status) in refused.into_iter().zip([401, 400, 404, 400, 404]) {
        let response = request.send().await.expect("up");
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.expect("JSON");
        assert!(
            body["code"].is_string() && body["error"].is_string(),
            "{body}"
        );
    }
    vendor.fault(Fault::Outage);
    let down = vendor.send(CHAT, Some(&chat())).await;
    assert_eq!(down.status(), 503);
    let body: Value = down.json().await.expect("JSON");
    assert_eq!(body["code"], "The service is currently unavailable");
}
