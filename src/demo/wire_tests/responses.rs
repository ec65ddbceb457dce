use crate::demo::test_vendor::{
    TestVendor, assert_called, events, joined, tools, with_members, words,
};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

async fn start_vendor() -> TestVendor {
    TestVendor::start("openai", |request| request.bearer_auth("sk-demo-openai")).await
}

fn chat_body(extra: &Value) -> Value {
    with_members(
        json!({"model": "gpt-5.1", "input": "lorem ipsum dolor"}),
        extra,
    )
}

fn with_tools(extra: &Value) -> Value {
    let tool = |(name, schema): (&str, Value)| json!({"type": "function", "name": name, "parameters": schema});
    let mut body = chat_body(extra);
    body["tools"] = tools().into_iter().map(tool).collect();
    body
}

/// The events of a stream, after a check of their types and sequence numbers.
fn numbered(text: &str) -> Vec<Value> {
    let events = events(text);
    for (number, event) in events.iter().enumerate() {
        let kind = event["type"].as_str().expect("a type");
        assert_eq!(event["sequence_number"], number, "{kind}");
        assert!(text.contains(&format!("event: {kind}\ndata: ")));
    }
    events
}

#[tokio::test]
async fn a_stream_has_the_event_order_and_ends_with_the_complete_response() {
    let vendor = start_vendor().await;

    let events = numbered(
        &vendor
            .stream(PATH, &chat_body(&json!({"stream": true})))
            .await,
    );

    let mut kinds: Vec<&str> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let text = joined(&events, "/delta");
    let last = &events.last().expect("events")["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], text);
    assert_eq!(last["usage"]["input_tokens"], 9);
    assert_eq!(last["usage"]["output_tokens"], words(&text));
}

#[tokio::test]
async fn calls_are_items_streamed_or_not() {
    let vendor = start_vendor().await;

    let whole = vendor.json(PATH, Some(&with_tools(&json!({})))).await;
    let events = numbered(
        &vendor
            .stream(PATH, &with_tools(&json!({"stream": true})))
            .await,
    );

    let last = &events.last().expect("events")["response"];
    for response in [&whole, last] {
        let items = response["output"].as_array().expect("items").iter();
        let names: Vec<&str> = items
            .clone()
            .filter_map(|item| item["name"].as_str())
            .collect();
        let arguments: Vec<Value> = items
            .filter_map(|item| item["arguments"].as_str())
            .map(|text| serde_json::from_str(text).expect("JSON"))
            .collect();
        assert_called(&names, &arguments);
    }
}

#[tokio::test]
async fn limits_formats_and_results_are_respected() {
    let vendor = start_vendor().await;
    let schema = json!({"properties": {"level": {"type": "number"}}, "required": ["level"]});
    let format = json!({"format": {"type": "json_schema", "name": "tide", "schema": schema}});
    let items = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "When?"}]},
        {"type": "function_call", "call_id": "a", "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "noon"},
    ]);

    let short = vendor
        .json(PATH, Some(&chat_body(&json!({"max_output_tokens": 3}))))
        .await;
    let formed = vendor
        .json(PATH, Some(&chat_body(&json!({"text": format}))))
        .await;
    let response = vendor
        .json(PATH, Some(&with_tools(&json!({"input": items}))))
        .await;
    let stored = json!({"previous_response_id": "resp_1"});
    let stored = vendor.send(PATH, Some(&chat_body(&stored))).await;

    assert_eq!(short["status"], "incomplete");
    assert_eq!(short["incomplete_details"]["reason"], "max_output_tokens");
    let text = formed["output"][0]["content"][0]["text"]
        .as_str()
        .expect("text");
    let value: Value = serde_json::from_str(text).expect("JSON");
    assert!(value["level"].is_number());
    assert_eq!(response["output"][0]["type"], "message");
    assert_eq!(stored.status(), 400);
}
