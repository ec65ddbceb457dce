//! Clients of Ollama's own API, in front of servers of its kind and of another.

use super::header;
use super::native_contents::start_kind;
use crate::bench::{limits, start};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, STOP, USAGE, Upstream};
use aibal_tui::domain::ModelType;
use serde_json::{Value, json};

const CHAT: &str = r#"{"model":"shared","messages":[{"role":"user","content":"hi"}],"tools":[]}"#;
const THOUGHT: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"Hm."},"finish_reason":null}]}"#;
const CALL: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_9","type":"function","function":{"name":"look","arguments":"{\"at\":\"sky\"}"}}]},"finish_reason":null}]}"#;
const VECTORS: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_chat_is_streamed_unless_the_client_says_otherwise() {
    let events = vec![ROLE, THOUGHT, HELLO, CALL, STOP, USAGE, DONE];
    let a = Upstream::start(Behaviour::Events(events, Ending::Close)).await;
    let bench = start(&[&a], limits()).await;

    let response = bench.send("/api/chat", CHAT).await;
    assert_eq!(header(&response, "content-type"), "application/x-ndjson");
    let told = lines(&response.text().await.unwrap());
    assert_eq!(told[0]["message"]["thinking"], "Hm.");
    assert_eq!(told[1]["message"]["content"], "Hello");
    assert_eq!(told[1]["done"], false);
    let function = json!({"index": 0, "name": "look", "arguments": {"at": "sky"}});
    assert_eq!(told[2]["message"]["tool_calls"][0]["function"], function);
    let last = told.last().unwrap();
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert_eq!(
        (&last["prompt_eval_count"], &last["eval_count"]),
        (&json!(10), &json!(20))
    );
    assert!(last["total_duration"].as_u64().unwrap() > 0);

    a.behave(Behaviour::Good);
    let body = CHAT.replace("\"tools\":[]", "\"stream\":false");
    let answer: Value = bench.send("/api/chat", &body).await.json().await.unwrap();
    assert_eq!(
        answer["message"],
        json!({"role": "assistant", "content": "Hello"})
    );
    assert_eq!(answer["done_reason"], "stop");
}

#[tokio::test]
async fn a_conversation_reaches_a_chat_server_with_its_tools_and_options() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let body = json!({"model": "shared:latest", "stream": false, "keep_alive": "5m", "think": false,
        "messages": [
            {"role": "user", "content": "hi", "images": ["/9j/AA=="]},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {"at": "sky"}}}]},
            {"role": "tool", "tool_name": "look", "content": "blue"},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}],
        "format": {"type": "object", "properties": {}},
        "options": {"num_ctx": 4096, "num_predict": 64, "temperature": 0.5, "stop": "x", "seed": 1}});

    let response = bench.send("/api/chat", &body.to_string()).await;

    assert_eq!(response.status(), 200);
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    let messages = sent["messages"].as_array().unwrap();
    assert_eq!(
        messages[0]["content"][1]["image_url"]["url"],
        "data:image/jpeg;base64,/9j/AA=="
    );
    let call = &messages[1]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"at":"sky"}"#);
    assert_eq!(messages[2]["tool_call_id"], call["id"]);
    assert_eq!(sent["temperature"], 0.5);
    assert_eq!(sent["stop"], json!(["x"]));
    assert_eq!(sent["response_format"]["type"], "json_schema");
    assert_eq!(sent["model"], "shared");
}

#[tokio::test]
async fn a_prompt_is_completed() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;

    let body = r#"{"model":"shared","prompt":"hi","system":"Be brief.","stream":false}"#;
    let answer: Value = bench
        .send("/api/generate", body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&answer["response"], &answer["done"]),
        (&json!("Hello"), &json!(true))
    );
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    assert_eq!(sent["messages"][0]["content"], "Be brief.");
    assert_eq!(sent["messages"][1]["content"], "hi");

    let body = r#"{"model":"shared","prompt":"let a","suffix":"= 1;","stream":false}"#;
    bench.send("/api/generate", body).await;
    assert!(a.last().1.contains("<after>= 1;</after>"), "{}", a.last().1);

    let before = a.requests();
    for (path, body, reason) in [
        ("/api/generate", r#"{"model":"shared"}"#, "load"),
        (
            "/api/generate",
            r#"{"model":"shared","prompt":"","keep_alive":0}"#,
            "unload",
        ),
        ("/api/chat", r#"{"model":"shared","messages":[]}"#, "load"),
    ] {
        let answer: Value = bench.send(path, body).await.json().await.unwrap();
        assert_eq!(answer["done_reason"], reason, "{body}");
    }
    assert_eq!(a.requests(), before, "nothing is asked of a server");
}

#[tokio::test]
async fn models_are_listed_and_described() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;

    let tags: Value = bench.fetch("/api/tags").await.json().await.unwrap();
    let models = tags["models"].as_array().unwrap();
    assert!(
        models.iter().any(|model| model["name"] == "shared"),
        "{tags}"
    );
    let shown = bench
        .send("/api/show", r#"{"model":"shared:latest"}"#)
        .await;
    let shown: Value = shown.json().await.unwrap();
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]));
    let version: Value = bench.fetch("/api/version").await.json().await.unwrap();
    assert!(version["version"].is_string());

    for (path, body, status) in [
        ("/api/show", r#"{"model":"none"}"#, 404),
        (
            "/api/chat",
            r#"{"model":"none","messages":[{"role":"user","content":"a"}]}"#,
            404,
        ),
        (
            "/api/chat",
            r#"{"model":"shared","messages":[{"role":"robot"}]}"#,
            400,
        ),
        ("/api/embed", r#"{"model":"shared"}"#, 400),
    ] {
        let response = bench.send(path, body).await;
        assert_eq!(response.status(), status, "{path} {body}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer["error"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn embeddings_are_translated_in_both_directions() {
    let a = Upstream::start(Behaviour::Status(200, VECTORS, vec![])).await;
    let kind = ("openai-compatible", a.base_url.clone());
    let bench = start_kind(&a, kind, "v", [ModelType::Embedding]).await;

    let response = bench
        .send("/api/embed", r#"{"model":"v","input":["a"]}"#)
        .await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["embeddings"], json!([[0.5]]));
    assert_eq!(answer["prompt_eval_count"], 3);
    let response = bench
        .send("/api/embeddings", r#"{"model":"v","prompt":"a"}"#)
        .await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer, json!({"embedding": [0.5]}));
}

#[tokio::test]
async fn a_server_of_the_same_kind_gets_the_clients_own_fields() {
    const LINES: &str = "{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"done\":false,\"x\":1.10}\n{\"model\":\"q\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":5,\"eval_count\":2}\n";
    let a = Upstream::start(Behaviour::Status(200, LINES, vec![])).await;
    let base_url = a.base_url.replace("/v1", "");
    let bench = start_kind(&a, ("ollama", base_url), "q", [ModelType::Chat]).await;

    let body = r#"{"model":"q","messages":[{"role":"user","content":"hi"}],"options":{"mirostat":1.10},"keep_alive":"5m"}"#;
    let response = bench.send("/api/chat", body).await;
    assert_eq!(response.text().await.unwrap(), LINES);
    assert_eq!(
        a.last().1,
        r#"{"messages":[{"role":"user","content":"hi"}],"options":{"mirostat":1.10},"keep_alive":"5m","model":"q","stream":true}"#
    );
    let picture = bench.until(|picture| picture.totals.requests == 1).await;
    assert_eq!(picture.totals.tokens, 7);

    a.script([Behaviour::Status(404, "404 page not found", vec![])]);
    let body = r#"{"model":"q","prompt":"hi"}"#;
    let text = bench
        .send("/api/generate", body)
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(lines(&text)[0]["response"], "Hello", "{text}");
    assert_eq!(a.last_path(), "POST /api/chat");
}

#[tokio::test]
async fn a_response_may_name_the_model_as_the_client_did_in_every_protocol() {
    let limits = aibal_tui::gateway::GatewayConfig {
        requested_model_in_answer: true,
        ..limits()
    };
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits).await;
    let chat = r#"{"model":"smart","messages":[{"role":"user","content":"hi"}],"max_tokens":9}"#;
    let input = r#"{"model":"smart","input":"hi"}"#;
    let prompt = r#"{"model":"smart","prompt":"hi"}"#;
    let contents = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    for (path, body, member) in [
        ("/v1/chat/completions", chat, "model"),
        ("/v1/messages", chat, "model"),
        ("/v1/responses", input, "model"),
        ("/v1/completions", prompt, "model"),
        ("/api/chat", chat, "model"),
        (
            "/v1beta/models/smart:generateContent",
            contents,
            "modelVersion",
        ),
        (
            "/v1beta/models/smart:streamGenerateContent",
            contents,
            "modelVersion",
        ),
        (
            "/v1beta/models/smart:streamGenerateContent?alt=sse",
            contents,
            "modelVersion",
        ),
    ] {
        let streams: &[bool] = if path.contains("v1beta") {
            &[false]
        } else {
            &[false, true]
        };
        for stream in streams {
            let body = if path.contains("v1beta") {
                body.to_owned()
            } else {
                body.replacen('{', &format!("{{\"stream\":{stream},"), 1)
            };
            let answer = bench.send(path, &body).await;
            assert_eq!(answer.status(), 200, "{path}");
            let text = answer.text().await.unwrap();
            let named = format!("\"{member}\":\"smart\"");
            assert!(text.contains(&named), "{path} {stream}: {text}");
            let others = text.matches(&format!("\"{member}\":\"")).count();
            assert_eq!(
                others,
                text.matches(&named).count(),
                "{path} {stream}: {text}"
            );
        }
    }
}
