use crate::demo::Fault;
use crate::demo::test_vendor::{TestVendor, assert_called, events, tools};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const EMBED: &str = "/v1/embeddings";

fn sign(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth("sk-demo-openai")
}

async fn bench() -> TestVendor {
    TestVendor::start("openai", sign).await
}

fn chat(extra: &Value) -> Value {
    let mut body = json!({
        "model": "gpt-5.1",
        "messages": [{"role": "user", "content": "lorem ipsum dolor"}],
    });
    for (key, value) in extra.as_object().expect("members") {
        body[key] = value.clone();
    }
    body
}

fn with_tools(extra: &Value) -> Value {
    let tool = |(name, schema): (&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let mut body = chat(extra);
    body["tools"] = tools().into_iter().map(tool).collect();
    body
}

#[tokio::test]
async fn streamed_calls_come_in_fragments_that_give_whole_arguments() {
    let bench = bench().await;

    let body = with_tools(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    let text = bench.stream(CHAT, &body).await;

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
async fn whole_calls_are_limited_as_the_request_says() {
    let bench = bench().await;
    let message = async |body: &Value| {
        let answer = bench.json(CHAT, Some(body)).await;
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
async fn what_a_tool_said_is_answered_in_words() {
    let bench = bench().await;
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}});
    let messages = json!([
        {"role": "user", "content": "When?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "noon"},
    ]);

    let body = with_tools(&json!({"messages": messages}));
    let answer = bench.json(CHAT, Some(&body)).await;

    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert!(answer["choices"][0]["message"]["content"].is_string());
}

#[tokio::test]
async fn json_that_is_asked_for_satisfies_its_schema_streamed_or_not() {
    let bench = bench().await;
    let schema = json!({
        "type": "object",
        "properties": {"level": {"type": "number"}, "unit": {"enum": ["m"]}},
        "required": ["level", "unit"],
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "tide", "schema": schema}});

    let whole = bench
        .json(CHAT, Some(&chat(&json!({"response_format": format}))))
        .await;
    let body = chat(&json!({"response_format": format, "stream": true}));
    let streamed = bench.stream(CHAT, &body).await;

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
    let bench = bench().await;
    let body = |format: &str| {
        json!({
            "model": "text-embedding-3-small",
            "input": ["north pier", "south pier"],
            "encoding_format": format,
        })
    };

    let floats = bench.json(EMBED, Some(&body("float"))).await;
    let packed = bench.json(EMBED, Some(&body("base64"))).await;

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
async fn dimensions_are_honoured_up_to_those_of_the_model() {
    let bench = bench().await;
    let body = |dimensions: u32| json!({"model": "text-embedding-3-small", "input": "a", "dimensions": dimensions});

    let short = bench.json(EMBED, Some(&body(4))).await;
    let long = bench.send(EMBED, Some(&body(1537))).await;
    let wrong = json!({"model": "gpt-5.1", "input": "a"});
    let wrong = bench.send(EMBED, Some(&wrong)).await;

    assert_eq!(
        short["data"][0]["embedding"].as_array().map(Vec::len),
        Some(4)
    );
    assert_eq!(long.status(), 400);
    assert_eq!(wrong.status(), 404);
}

#[tokio::test]
async fn embeddings_meet_limits_outages_and_ruptures_as_chats_do() {
    let bench = bench().await;
    let body = json!({"model": "text-embedding-3-small", "input": "a"});

    bench.fault(Fault::RateLimit(1));
    bench.send(EMBED, Some(&body)).await;
    let limited = bench.send(EMBED, Some(&body)).await;
    bench.fault(Fault::Outage);
    let down = bench.send(EMBED, Some(&body)).await;
    bench.fault(Fault::Errors(1.0));
    let failed = bench.send(EMBED, Some(&body)).await;
    bench.fault(Fault::CutMidStream);
    let cut = bench.send(EMBED, Some(&body)).await;

    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(down.status(), 503);
    assert!(failed.status().is_server_error());
    cut.bytes().await.expect_err("the connection is cut");
    assert_eq!(bench.behaviour.requests(), 4);
}

#[tokio::test]
async fn models_are_listed_and_told_one_by_one() {
    let bench = bench().await;

    let all = bench.json("/v1/models", None).await;
    let one = bench.json("/v1/models/gpt-5.1", None).await;
    let other = bench.send("/v1/models/gpt-0", None).await;

    assert_eq!(all["data"][0], one);
    assert_eq!(all["data"][1]["id"], "text-embedding-3-small");
    assert_eq!(other.status(), 404);
}
