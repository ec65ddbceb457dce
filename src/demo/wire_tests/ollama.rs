use crate::demo::Fault;
use crate::demo::test_vendor::{TestVendor, assert_called, joined, tools, with_members, words};
use serde_json::{Value, json};

const CHAT: &str = "/api/chat";

async fn start_vendor() -> TestVendor {
    TestVendor::start("ollama", |request| request).await
}

fn chat(extra: &Value) -> Value {
    with_members(
        json!({
            "model": "llama3.2",
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

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines
        .map(|line| line.expect("JSON in every line"))
        .collect()
}

#[tokio::test]
async fn a_stream_is_the_default_and_its_last_line_counts() {
    let vendor = start_vendor().await;

    let response = vendor.send(CHAT, Some(&chat(&json!({})))).await;
    let kind = response.headers()["content-type"].clone();
    let lines = lines(&response.text().await.expect("a whole stream"));

    assert_eq!(kind, "application/x-ndjson");
    let (last, rest) = lines.split_last().expect("lines");
    assert!(3 < rest.len() && rest.iter().all(|line| line["done"] == false));
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert_eq!(last["prompt_eval_count"], 9);
    assert_eq!(
        last["eval_count"],
        words(&joined(&lines, "/message/content"))
    );
    assert!(
        last["eval_duration"]
            .as_u64()
            .is_some_and(|duration| 0 < duration)
    );
}

#[tokio::test]
async fn a_complete_response_respects_limit_and_format() {
    let vendor = start_vendor().await;
    let limit = json!({"stream": false, "options": {"num_predict": 3}});
    let schema = json!({
        "type": "object",
        "properties": {"open": {"type": "boolean"}},
        "required": ["open"],
    });

    let short = vendor.json(CHAT, Some(&chat(&limit))).await;
    let endless = json!({"stream": false, "options": {"num_predict": -1}});
    let endless = vendor.json(CHAT, Some(&chat(&endless))).await;
    let body = chat(&json!({"stream": false, "format": schema}));
    let formed = vendor.json(CHAT, Some(&body)).await;
    let body = chat(&json!({"stream": false, "format": "json"}));
    let free = vendor.json(CHAT, Some(&body)).await;

    assert_eq!(
        (&short["done_reason"], &short["eval_count"]),
        (&json!("length"), &json!(3))
    );
    assert_eq!(endless["done_reason"], "stop");
    let value = |answer: &Value| -> Value {
        let text = answer["message"]["content"].as_str().expect("text");
        serde_json::from_str(text).expect("JSON")
    };
    assert!(value(&formed)["open"].is_boolean());
    assert!(value(&free).is_object());
}

#[tokio::test]
async fn calls_have_object_arguments_streamed_or_not() {
    let vendor = start_vendor().await;

    let whole = vendor
        .json(CHAT, Some(&with_tools(&json!({"stream": false}))))
        .await;
    let streamed = lines(&vendor.stream(CHAT, &with_tools(&json!({}))).await);

    let whole: Vec<Value> = whole["message"]["tool_calls"]
        .as_array()
        .expect("calls")
        .clone();
    let pieces = streamed.iter();
    let pieces: Vec<Value> = pieces
        .filter_map(|line| line.pointer("/message/tool_calls/0").cloned())
        .collect();
    for calls in [whole, pieces] {
        let functions = calls.iter().map(|call| &call["function"]);
        let names: Vec<&str> = functions
            .clone()
            .filter_map(|one| one["name"].as_str())
            .collect();
        let arguments: Vec<Value> = functions.map(|one| one["arguments"].clone()).collect();
        assert_called(&names, &arguments);
    }
    assert_eq!(streamed.last().expect("lines")["done_reason"], "stop");
}

#[tokio::test]
async fn images_are_accepted_and_tool_results_followed_by_text() {
    let vendor = start_vendor().await;
    let call = json!({"function": {"name": "now", "arguments": {}}});
    let messages = json!([
        {"role": "user", "content": "When?", "images": ["iVBORw0KGgo="]},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "now", "content": "noon"},
    ]);

    let body = with_tools(&json!({"messages": messages, "stream": false}));
    let answer = vendor.json(CHAT, Some(&body)).await;

    assert!(answer["message"].get("tool_calls").is_none());
    assert!(
        answer["message"]["content"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(85 < answer["prompt_eval_count"].as_u64().expect("a count"));
}

#[tokio::test]
async fn vectors_tags_and_the_version_are_served() {
    let vendor = start_vendor().await;

    let body = json!({"model": "nomic-embed-text", "input": ["north pier", "south pier"]});
    let many = vendor.json("/api/embed", Some(&body)).await;
    let body = json!({"model": "nomic-embed-text:latest", "input": "a", "dimensions": 8});
    let one = vendor.json("/api/embed", Some(&body)).await;
    let tags = vendor.json("/api/tags", None).await;
    let version = vendor.json("/api/version", None).await;

    let sizes = |answer: &Value| -> Vec<usize> {
        let vectors = answer["embeddings"].as_array().expect("vectors").iter();
        vectors
            .filter_map(|one| one.as_array().map(Vec::len))
            .collect()
    };
    assert_eq!(sizes(&many), [768, 768]);
    assert_eq!(many["prompt_eval_count"], 6);
    assert_eq!(sizes(&one), [8]);
    assert_eq!(tags["models"][0]["name"], "llama3.2:latest");
    assert!(version["version"].is_string());
}

#[tokio::test]
async fn errors_are_one_sentence() {
    let vendor = start_vendor().await;
    let call = json!({"function": {"name": "now", "arguments": "{}"}});
    let text_arguments = json!([{"role": "assistant", "content": "", "tool_calls": [call]}]);
    let cases = [
        (
            CHAT,
            chat(&json!({"model": "qwen9"})),
            404,
            "model 'qwen9' not found",
        ),
        (
            CHAT,
            chat(&json!({"messages": []})),
            400,
            "messages is empty",
        ),
        (
            CHAT,
            chat(&json!({"messages": text_arguments})),
            400,
            "The body is not",
        ),
        (
            "/api/embed",
            json!({"model": "nomic-embed-text", "input": 3}),
            400,
            "invalid input",
        ),
        ("/api/nothing", json!({}), 404, "404 page not found"),
    ];

    for (path, body, status, text) in cases {
        let response = vendor.send(path, Some(&body)).await;
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.expect("JSON");
        assert!(
            body["error"]
                .as_str()
                .is_some_and(|error| error.starts_with(text)),
            "{body}"
        );
    }
    vendor.fault(Fault::Outage);
    let down = vendor.send("/api/tags", None).await;
    assert_eq!(down.status(), 503);
}
