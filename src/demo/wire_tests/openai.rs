use crate::demo::Fault;
use crate::demo::test_vendor::{TestVendor, assert_called, events, tools, with_members};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const EMBED: &str = "/v1/embeddings";

fn sign(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth("sk-demo-openai")
}

async fn start_vendor() -> TestVendor {
    TestVendor::start("openai", sign).await
}

fn chat(extra: &Value) -> Value {
    with_members(
        json!({
            "model": "gpt-5.1",
            "messages": [{"role": "user", "content": "lorem ipsum dolor"}],
        }),
        extra,
    )
}

fn with_tools(extra: &Value) -> Value {
    let tool = |(name, schema): (&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let mut body = chat(extra);
    body["tools"] = tools().into_iter().map(tool).collect();
    body
}

#[tokio::test]
async fn streamed_calls_have_fragments_that_form_complete_arguments() {
    let vendor = start_vendor().await;

    let body = with_tools(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    let text = vendor.stream(CHAT, &body).await;

    let (mut names, mut arguments) = (Vec::new(), vec![String::new(), String::new()]);
    let events = events(&text);
    for event in &events {
        let calls = event.pointer("/choices/0/delta/tool_calls");
        for call in calls.and_then(Value::as_array).into_iter().flatten() {
            if let Some(name) = call["function"]["name"].as_str() {
                assert!(
                    call["id"]
                        .as_str()
                        .is_some_and(|id| id.starts_with("call_"))
                );
                names.push(name);
            }
            let index = usize::try_from(call["index"].as_u64().expect("an index")).expect("small");
            arguments[index].push_str(call["function"]["arguments"].as_str().expect("text"));
        }
    }
    let arguments: Vec<Value> = arguments
        .iter()
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .collect();
    assert_called(&names, &arguments);
    let finish = &events[events.len() - 2];
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn complete_calls_respect_the_tool_choice() {
    let vendor = start_vendor().await;
    let message = async |body: &Value| {
        let answer = vendor.json(CHAT, Some(body)).await;
        answer["choices"][0]["message"].clone()
    };

    let both = message(&with_tools(&json!({}))).await;
    let single = message(&with_tools(&json!({"parallel_tool_calls": false}))).await;
    let forced = json!({"type": "function", "function": {"name": "now"}});
    let forced = message(&with_tools(&json!({"tool_choice": forced}))).await;
    let none = message(&with_tools(&json!({"tool_choice": "none"}))).await;

    assert_eq!(both["content"], Value::Null);
    assert_eq!(both["tool_calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(single["tool_calls"].as_array().map(Vec::len), Some(1));
    assert_eq!(forced["tool_calls"][0]["function"]["name"], "now");
    assert_eq!(forced["tool_calls"][0].get("index"), None);
    assert_eq!(none.get("tool_calls"), None);
    assert!(none["content"].is_string());
}

#[tokio::test]
async fn a_tool_result_is_followed_by_text() {
    let vendor = start_vendor().await;
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "noon"},
    ]);

    let body = with_tools(&json!({"messages": messages}));
    let answer = vendor.json(CHAT, Some(&body)).await;

    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["choices"][0]["message"]["content"].is_string());
}

#[tokio::test]
async fn requested_json_satisfies_its_schema_streamed_or_not() {
    let vendor = start_vendor().await;
    let schema = json!({
        "type": "object",
        "properties": {"level": {"type": "number"}, "unit": {"enum": ["m"]}},
        "required": ["level", "unit"],
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "tide", "schema": schema}});

    let whole = vendor
        .json(CHAT, Some(&chat(&json!({"response_format": format}))))
        .await;
    let body = chat(&json!({"response_format": format, "stream": true}));
    let streamed = vendor.stream(CHAT, &body).await;

    let text = whole["choices"][0]["message"]["content"]
        .as_str()
        .map(str::to_owned);
    let pieces = crate::demo::test_vendor::joined(&events(&streamed), "/choices/0/delta/content");
    for text in [text.expect("text"), pieces] {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert!(value["level"].is_number(), "{value}");
        assert_eq!(value["unit"], "m");
    }
}

#[tokio::test]
async fn vectors_are_the_same_as_floats_and_as_base64() {
    let vendor = start_vendor().await;
    let body = |format: &str| {
        json!({
            "model": "text-embedding-3-small",
            "input": ["north pier", "south pier"],
            "encoding_format": format,
        })
    };

    let floats = vendor.json(EMBED, Some(&body("float"))).await;
    let packed = vendor.json(EMBED, Some(&body("base64"))).await;

    assert_eq!(
        floats["usage"],
        json!({"prompt_tokens": 6, "total_tokens": 6})
    );
    for index in 0..2 {
        let numbers: Vec<f32> =
            serde_json::from_value(floats["data"][index]["embedding"].clone()).expect("numbers");
        let bytes = packed["data"][index]["embedding"].as_str().expect("base64");
        let bytes = BASE64_STANDARD.decode(bytes).expect("base64");
        let unpacked: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")))
            .collect();
        assert_eq!(numbers.len(), 1536);
        assert_eq!(numbers, unpacked);
    }
}

#[tokio::test]
async fn dimensions_up_to_those_of_the_model_are_honoured() {
    let vendor = start_vendor().await;
    let body = |dimensions: u32| json!({"model": "text-embedding-3-small", "input": "a", "dimensions": dimensions});

    let short = vendor.json(EMBED, Some(&body(4))).await;
    let long = vendor.send(EMBED, Some(&body(1537))).await;
    let wrong = json!({"model": "gpt-5.1", "input": "a"});
    let wrong = vendor.send(EMBED, Some(&wrong)).await;

    assert_eq!(
        short["data"][0]["embedding"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(long.status(), 400);
    assert_eq!(wrong.status(), 404);
}

#[tokio::test]
async fn limits_outages_and_stream_faults_apply_to_embeddings() {
    let vendor = start_vendor().await;
    let body = json!({"model": "text-embedding-3-small", "input": "a"});

    vendor.fault(Fault::RateLimit(1));
    vendor.send(EMBED, Some(&body)).await;
    let limited = vendor.send(EMBED, Some(&body)).await;
    vendor.fault(Fault::Outage);
    let down = vendor.send(EMBED, Some(&body)).await;
    vendor.fault(Fault::Errors(1.0));
    let failed = vendor.send(EMBED, Some(&body)).await;
    vendor.fault(Fault::CutMidStream);
    let cut = vendor.send(EMBED, Some(&body)).await;

    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(down.status(), 503);
    assert!(failed.status().is_server_error());
    cut.bytes().await.expect_err("the connection is cut");
    assert_eq!(vendor.behaviour.requests(), 4);
}

#[tokio::test]
async fn models_are_served_as_a_list_and_one_by_one() {
    let vendor = start_vendor().await;

    let all = vendor.json("/v1/models", None).await;
    let one = vendor.json("/v1/models/gpt-5.1", None).await;
    let other = vendor.send("/v1/models/gpt-0", None).await;

    assert_eq!(all["data"][0], one);
    assert_eq!(all["data"][1]["id"], "text-embedding-3-small");
    assert_eq!(other.status(), 404);
}
