//! Clients of Gemini's own API, in front of servers of its kind and of another.

use super::header;
use crate::bench::{Bench, limits, start, start_allowed, start_fleet};
use crate::upstream::{Behaviour, DONE, Ending, HELLO, ROLE, USAGE, Upstream};
use aibal_tui::access::{Token, TokenAuth};
use aibal_tui::domain::{
    Capabilities, Catalogue, GlobalLimits, ModelType, ModelTypes, Provider, Role, Strategy, Target,
    TargetId, TokenDefinition,
};
use aibal_tui::protocols::{Endpoint, EndpointRegistry, by_kind};
use serde_json::{Value, json};

const CALL: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_9","type":"function","function":{"name":"look","arguments":"{\"at\":"}}]},"finish_reason":null}]}"#;
const CALL_END: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"sky\"}"}}]},"finish_reason":null}]}"#;
const CALLED: &str = r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
const HI: &str = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
const VECTORS: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]},{"object":"embedding","index":1,"embedding":[0.25]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;

impl Bench {
    /// Sends a request to a path outside `/v1`, or below it.
    pub(super) async fn send(&self, path: &str, body: &str) -> reqwest::Response {
        let root = self.url.trim_end_matches("/v1");
        let request = self.client.post(format!("{root}{path}"));
        request.body(body.to_owned()).send().await.unwrap()
    }

    pub(super) async fn fetch(&self, path: &str) -> reqwest::Response {
        let root = self.url.trim_end_matches("/v1");
        self.client
            .get(format!("{root}{path}"))
            .send()
            .await
            .unwrap()
    }
}

/// A gateway with one provider `a` of a kind, which serves one model.
pub(super) async fn start_kind(
    upstream: &Upstream,
    (kind, base_url): (&str, String),
    model: &str,
    kinds: impl IntoIterator<Item = ModelType>,
) -> Bench {
    let mut catalogue = Catalogue::default();
    catalogue.providers.push(Provider::new("a", kind));
    let types: ModelTypes = kinds.into_iter().collect();
    catalogue.targets.push(Target {
        id: TargetId::new("a", model),
        provider: 0.into(),
        types,
        capabilities: Capabilities::of(types),
        price: None,
        max_concurrent: None,
    });
    let _ = upstream;
    let endpoint = Endpoint::new(
        &base_url,
        Some("upstream-key"),
        kind,
        by_kind(kind).unwrap(),
    );
    let directory = EndpointRegistry {
        endpoints: vec![endpoint],
        traits: Vec::new(),
    };
    start_fleet(catalogue, directory, Strategy::Best, limits(), None).await
}

/// The data of a stream's events.
fn data(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_conversation_reaches_a_chat_server_with_tools_and_pictures() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    let body = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "-_8"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {"at": "sky"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "look", "response": {"result": "blue"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "look", "parameters": {"type": "OBJECT",
            "properties": {"at": {"type": "STRING", "nullable": true}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
        "generationConfig": {"temperature": 0.5, "topK": 40.0, "maxOutputTokens": 64,
            "stopSequences": ["x"], "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingBudget": 0}},
    });

    let response = bench
        .send("/v1beta/models/shared:generateContent", &body.to_string())
        .await;

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-aibal-provider"), "a");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer["candidates"],
        json!([{"content": {"parts": [{"text": "Hello"}], "role": "model"},
            "finishReason": "STOP", "index": 0}])
    );
    assert_eq!(
        answer["usageMetadata"],
        json!({"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30})
    );
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    let messages = sent["messages"].as_array().unwrap();
    assert_eq!(
        messages[0],
        json!({"role": "system", "content": "Be brief."})
    );
    assert_eq!(
        messages[1]["content"][1]["image_url"]["url"],
        "data:image/png;base64,+/8="
    );
    let call = &messages[2]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"at":"sky"}"#);
    assert_eq!(messages[3]["tool_call_id"], call["id"]);
    assert_eq!(messages[3]["content"], "blue");
    let schema = &sent["tools"][0]["function"]["parameters"];
    assert_eq!(
        schema["properties"]["at"]["type"],
        json!(["string", "null"])
    );
    assert_eq!(sent["tool_choice"]["function"]["name"], "look");
    assert_eq!(sent["response_format"], json!({"type": "json_object"}));
    assert_eq!(sent["model"], "shared");
    assert!(sent.get("contents").is_none() && sent.get("alt").is_none());
}

#[tokio::test]
async fn a_stream_has_the_form_that_the_query_asks_for() {
    let events = vec![ROLE, HELLO, CALL, CALL_END, CALLED, USAGE, DONE];
    let a = Upstream::start(Behaviour::Events(events, Ending::Close)).await;
    let bench = start(&[&a], limits()).await;

    let path = "/v1/models/shared:streamGenerateContent";
    let response = bench.send(&format!("{path}?alt=sse"), HI).await;
    assert_eq!(
        header(&response, "content-type"),
        "text/event-stream; charset=utf-8"
    );
    let events = data(&response.text().await.unwrap());
    let parts = |event: &Value| event["candidates"][0]["content"]["parts"][0].clone();
    assert_eq!(parts(&events[0]), json!({"text": "Hello"}));
    assert_eq!(
        parts(&events[1]),
        json!({"functionCall": {"id": "call_9", "name": "look", "args": {"at": "sky"}}})
    );
    let last = events.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 30);

    let response = bench.send(path, HI).await;
    assert_eq!(
        header(&response, "content-type"),
        "application/json; charset=utf-8"
    );
    let mut items: Vec<Value> = response.json().await.unwrap();
    assert_eq!(items.len(), events.len());
    for (item, event) in items.iter_mut().zip(&events) {
        // Each response has an id of its own.
        item["responseId"] = event["responseId"].clone();
    }
    assert_eq!(items, events);
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_an_error_of_its_form() {
    let broken = Behaviour::Events(vec![ROLE, HELLO], Ending::Close);
    let a = Upstream::start(broken).await;
    let bench = start(&[&a], limits()).await;
    let path = "/v1beta/models/shared:streamGenerateContent";

    let response = bench.send(&format!("{path}?alt=sse"), HI).await;
    let events = data(&response.text().await.unwrap());
    assert_eq!(events.last().unwrap()["error"]["status"], "UNAVAILABLE");

    let list: Vec<Value> = bench.send(path, HI).await.json().await.unwrap();
    assert_eq!(list.last().unwrap()["error"]["code"], 502);
}

#[tokio::test]
async fn errors_have_googles_shape() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;
    for (path, body, code, status) in [
        ("/v1beta/models/none:generateContent", HI, 404, "NOT_FOUND"),
        ("/v1/models/none:generateContent", HI, 404, "NOT_FOUND"),
        ("/v1beta/models/shared:predict", HI, 404, "NOT_FOUND"),
        ("/v1beta/models/%ff:countTokens", HI, 404, "NOT_FOUND"),
        (
            "/v1beta/models/shared:generateContent",
            "{}",
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "/v1beta/models/shared:generateContent",
            "[",
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "/v1beta/models/shared:generateContent",
            r#"{"contents":[{"role":"robot","parts":[]}]}"#,
            400,
            "INVALID_ARGUMENT",
        ),
    ] {
        let response = bench.send(path, body).await;
        assert_eq!(response.status(), code, "{path} {body}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert_eq!(answer["error"]["status"], status, "{answer}");
    }
    let response = bench.fetch("/v1beta/models/shared:generateContent").await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn the_token_may_stand_in_the_query() {
    let a = Upstream::start(Behaviour::Good).await;
    let mut sha256 = [0; 32];
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"s+cret");
    sha256.copy_from_slice(hash.as_ref());
    let token = Token::new(TokenDefinition::new("app", Role::Client), sha256, &[]);
    let access = TokenAuth::new(vec![token]);
    let bench = start_allowed(&[&a], |_| {}, &GlobalLimits::default(), Some(access)).await;
    let path = "/v1beta/models/shared:generateContent";

    let right = bench.send(&format!("{path}?key=s%2Bcret"), HI).await;
    assert_eq!(right.status(), 200);
    let wrong = bench.send(&format!("{path}?key=guess"), HI).await;
    assert_eq!(wrong.status(), 401);
    let answer: Value = wrong.json().await.unwrap();
    assert_eq!(answer["error"]["status"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn tokens_are_counted_and_models_are_listed() {
    let a = Upstream::start(Behaviour::Good).await;
    let bench = start(&[&a], limits()).await;

    let request = json!({"generateContentRequest": {"model": "models/shared",
        "contents": [{"parts": [{"text": "hi there"}]}]}});
    for body in [HI.to_owned(), request.to_string()] {
        let response = bench.send("/v1beta/models/shared:countTokens", &body).await;
        let answer: Value = response.json().await.unwrap();
        assert!(answer["totalTokens"].as_u64().unwrap() > 0, "{answer}");
    }

    let list: Value = bench.fetch("/v1beta/models").await.json().await.unwrap();
    let models = list["models"].as_array().unwrap();
    assert!(models.iter().any(|model| model["name"] == "models/shared"));
    let one: Value = bench
        .fetch("/v1beta/models/a/shared")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(one["name"], "models/a/shared");
    let root = bench.url.trim_end_matches("/v1");
    let request = bench.client.get(format!("{root}/v1/models"));
    let request = request.header("x-goog-api-client", "google-genai-sdk/3.6.1");
    let list: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(list["models"].is_array(), "{list}");
}

#[tokio::test]
async fn a_wish_for_streamed_embeddings_is_left_out() {
    let a = Upstream::start(Behaviour::Status(200, VECTORS, vec![])).await;
    let kind = ("openai-compatible", a.base_url.clone());
    let bench = start_kind(&a, kind, "v", [ModelType::Embedding]).await;

    let body = r#"{"model":"v","input":["a","b"],"stream":true,"stream_options":{}}"#;
    let answer = bench.send("/v1/embeddings", body).await;
    let answer: Value = answer.json().await.unwrap();

    assert_eq!(answer["data"][1]["embedding"], json!([0.25]));
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    assert_eq!(sent, json!({"input": ["a", "b"], "model": "v"}));
}

#[tokio::test]
async fn embeddings_are_translated_in_both_directions() {
    let a = Upstream::start(Behaviour::Status(200, VECTORS, vec![])).await;
    let kind = ("openai-compatible", a.base_url.clone());
    let bench = start_kind(&a, kind, "v", [ModelType::Embedding]).await;

    let body = json!({"requests": [
        {"model": "models/v", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY",
            "outputDimensionality": 1},
        {"model": "models/v", "content": {"parts": [{"text": "b"}]}},
    ]});
    let response = bench
        .send("/v1beta/models/v:batchEmbedContents", &body.to_string())
        .await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer,
        json!({"embeddings": [{"values": [0.5]}, {"values": [0.25]}],
            "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}})
    );
    let sent: Value = serde_json::from_str(&a.last().1).unwrap();
    assert_eq!(
        sent,
        json!({"input": ["a", "b"], "dimensions": 1, "model": "v"})
    );

    let body = json!({"content": {"parts": [{"text": "a"}]}}).to_string();
    let response = bench.send("/v1beta/models/v:embedContent", &body).await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["embedding"], json!({"values": [0.5]}));
}

#[tokio::test]
async fn vectors_in_a_list_reach_a_client_as_one_answer() {
    let listed: &str = format!("[{VECTORS}]").leak();
    let a = Upstream::start(Behaviour::Status(200, listed, vec![])).await;
    let kind = ("openai-compatible", a.base_url.clone());
    let bench = start_kind(&a, kind, "v", [ModelType::Embedding]).await;

    let body = r#"{"model":"v","input":["a","b"]}"#;
    let answer: Value = bench
        .send("/v1/embeddings", body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer["data"][1]["embedding"], json!([0.25]));
}

#[tokio::test]
async fn a_server_of_the_same_kind_gets_the_clients_own_bytes() {
    const ANSWER: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","x":1.10}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2},"modelVersion":"g"}"#;
    let a = Upstream::start(Behaviour::Status(200, ANSWER, vec![])).await;
    let base_url = a.base_url.replace("/v1", "/v1beta");
    let kind = ("gemini", base_url);
    let bench = start_kind(&a, kind, "gemini-3.5-flash", [ModelType::Chat]).await;
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}],"safetySettings":[],"n":1.10e+05}"#;
    let path = "/v1beta/models/gemini-3.5-flash";

    let response = bench.send(&format!("{path}:generateContent"), body).await;
    assert_eq!(response.text().await.unwrap(), ANSWER);
    assert_eq!(a.last().1, body);

    a.behave(Behaviour::Events(vec![ANSWER], Ending::Close));
    let response = bench
        .send(&format!("{path}:streamGenerateContent?alt=sse"), body)
        .await;
    assert_eq!(
        response.text().await.unwrap(),
        format!("data: {ANSWER}\n\n")
    );
    let picture = bench.until(|picture| picture.totals.requests == 2).await;
    assert_eq!(picture.totals.tokens, 14);
}
