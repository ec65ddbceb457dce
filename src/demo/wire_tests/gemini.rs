use crate::demo::Fault;
use crate::demo::test_vendor::{
    TestVendor, assert_called, events, joined, tools, with_members, words,
};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const WHOLE: &str = "/v1beta/models/gemini-3-flash-preview:generateContent";
const STREAM: &str = "/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse";
const COUNT: &str = "/v1beta/models/gemini-3-flash-preview:countTokens";
const EMBED: &str = "/v1beta/models/gemini-embedding-001:batchEmbedContents";

fn sign(request: RequestBuilder) -> RequestBuilder {
    request.header("x-goog-api-key", "AIza-demo")
}

async fn start_vendor() -> TestVendor {
    TestVendor::start("google", sign).await
}

fn chat(extra: &Value) -> Value {
    with_members(
        json!({
            "contents": [{"role": "user", "parts": [{"text": "lorem ipsum dolor"}]}],
        }),
        extra,
    )
}

fn with_tools(extra: &Value) -> Value {
    let tool =
        |(name, schema): (&str, Value)| json!({"name": name, "parametersJsonSchema": schema});
    let declarations: Vec<Value> = tools().into_iter().map(tool).collect();
    let mut body = chat(extra);
    body["tools"] = json!([{"functionDeclarations": declarations}]);
    body
}

#[tokio::test]
async fn a_stream_has_new_parts_and_growing_usage() {
    let vendor = start_vendor().await;

    let events = events(&vendor.stream(STREAM, &chat(&json!({}))).await);

    let text = joined(&events, "/candidates/0/content/parts/0/text");
    let counts: Vec<u64> = events
        .iter()
        .filter_map(|event| event["usageMetadata"]["candidatesTokenCount"].as_u64())
        .collect();
    assert!(counts.is_sorted() && 3 < counts.len(), "{counts:?}");
    let (last, rest) = events.split_last().expect("events");
    assert!(
        rest.iter()
            .all(|event| event["candidates"][0].get("finishReason").is_none())
    );
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    let usage = &last["usageMetadata"];
    let thought = usage["thoughtsTokenCount"].as_u64().expect("a count");
    assert_eq!(usage["candidatesTokenCount"], words(&text));
    assert_eq!(usage["totalTokenCount"], 9 + words(&text) + thought);
}

#[tokio::test]
async fn reasoning_is_shown_on_request() {
    let vendor = start_vendor().await;
    let config = json!({"generationConfig": {"thinkingConfig": {"includeThoughts": true}}});

    let answer = vendor.json(WHOLE, Some(&chat(&config))).await;
    let events = events(&vendor.stream(STREAM, &chat(&config)).await);

    let parts = &answer["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["thought"], true);
    assert_eq!(parts[1].get("thought"), None);
    let first = events[0].pointer("/candidates/0/content/parts/0/thought");
    assert_eq!(first, Some(&json!(true)));
}

#[tokio::test]
async fn calls_are_complete_and_the_first_is_signed() {
    let vendor = start_vendor().await;

    let whole = vendor.json(WHOLE, Some(&with_tools(&json!({})))).await;
    let streamed = events(&vendor.stream(STREAM, &with_tools(&json!({}))).await);

    let parts = whole["candidates"][0]["content"]["parts"].as_array();
    let whole: Vec<&Value> = parts.expect("parts").iter().collect();
    let pieces = streamed.iter();
    let pieces = pieces.filter_map(|event| event.pointer("/candidates/0/content/parts/0"));
    let pieces: Vec<&Value> = pieces
        .filter(|part| part.get("functionCall").is_some())
        .collect();
    for parts in [whole, pieces] {
        assert!(parts[0]["thoughtSignature"].is_string());
        let calls = parts.iter().map(|part| &part["functionCall"]);
        let names: Vec<&str> = calls
            .clone()
            .filter_map(|call| call["name"].as_str())
            .collect();
        let arguments: Vec<Value> = calls.map(|call| call["args"].clone()).collect();
        assert_called(&names, &arguments);
    }
}

#[tokio::test]
async fn a_signed_call_with_its_result_is_followed_by_text() {
    let vendor = start_vendor().await;
    let config = json!({"functionCallingConfig": {"mode": "ANY"}});
    let called = vendor
        .json(WHOLE, Some(&with_tools(&json!({"toolConfig": config}))))
        .await;
    let results: Vec<Value> = ["tide_level", "now"]
        .map(|name| json!({"functionResponse": {"name": name, "response": {"output": "1"}}}))
        .into();
    let contents = json!([
        {"role": "user", "parts": [{"text": "Tide?"}]},
        called["candidates"][0]["content"],
        {"role": "user", "parts": results},
    ]);

    let answer = vendor
        .json(WHOLE, Some(&with_tools(&json!({"contents": contents}))))
        .await;

    assert!(answer["candidates"][0]["content"]["parts"][0]["text"].is_string());
}

#[tokio::test]
async fn requested_json_satisfies_both_kinds_of_schema() {
    let vendor = start_vendor().await;
    let properties = json!({"level": {"type": "NUMBER"}});
    let own = json!({"type": "OBJECT", "properties": properties, "required": ["level"]});
    let common = json!({"properties": {"level": {"type": "number"}}, "required": ["level"]});

    for (member, schema) in [("responseSchema", own), ("responseJsonSchema", common)] {
        let config = json!({"responseMimeType": "application/json", member: schema});
        let body = chat(&json!({"generationConfig": config}));
        let answer = vendor.json(WHOLE, Some(&body)).await;
        let text = answer["candidates"][0]["content"]["parts"][0]["text"].as_str();
        let value: Value = serde_json::from_str(text.expect("text")).expect("JSON");
        assert!(value["level"].is_number(), "{value}");
    }
}

#[tokio::test]
async fn vectors_counts_and_models_are_served() {
    let vendor = start_vendor().await;
    let request = |text: &str| {
        json!({
            "model": "models/gemini-embedding-001",
            "content": {"parts": [{"text": text}]},
            "outputDimensionality": 768,
        })
    };

    let batch = json!({"requests": [request("north pier"), request("south pier")]});
    let vectors = vendor.json(EMBED, Some(&batch)).await;
    let count = vendor.json(COUNT, Some(&chat(&json!({})))).await;
    let models = vendor.json("/v1beta/models?pageSize=1000", None).await;
    let model = vendor.json("/v1/models/gemini-3-flash-preview", None).await;

    assert_eq!(vectors["embeddings"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        vectors["embeddings"][1]["values"].as_array().map(Vec::len),
        Some(768)
    );
    assert_eq!(count["totalTokens"], 9);
    assert_eq!(models["models"][0], model);
    assert_eq!(model["name"], "models/gemini-3-flash-preview");
    assert_eq!(
        models["models"][1]["supportedGenerationMethods"],
        json!(["embedContent"])
    );
}

#[tokio::test]
async fn errors_have_googles_status_and_details() {
    let vendor = start_vendor().await;
    let body = chat(&json!({}));
    let plain = || vendor.unauthenticated(WHOLE, Some(&body));
    let array = STREAM.trim_end_matches("?alt=sse");
    let cases = [
        (plain(), 403, "PERMISSION_DENIED"),
        (
            plain().header("x-goog-api-key", "other"),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            vendor.unauthenticated(&format!("{WHOLE}?key=AIza-demo"), Some(&body)),
            200,
            "",
        ),
        (
            sign(vendor.unauthenticated(array, Some(&body))),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            sign(vendor.unauthenticated("/v1beta/models/gemini-0:generateContent", Some(&body))),
            404,
            "NOT_FOUND",
        ),
        (
            sign(vendor.unauthenticated("/v1beta/operations", None)),
            404,
            "NOT_FOUND",
        ),
    ];

    for (request, status, word) in cases {
        let response = request.send().await.expect("up");
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(
            body["error"]["status"].as_str().unwrap_or(""),
            word,
            "{body}"
        );
        let reason = body.pointer("/error/details/0/reason");
        assert_eq!(
            reason.is_some(),
            body["error"]["message"]
                .as_str()
                .is_some_and(|message| message.starts_with("API key not valid"))
        );
    }
}

#[tokio::test]
async fn a_limit_has_a_retry_delay_in_its_body_and_an_outage_is_unavailable() {
    let vendor = start_vendor().await;
    let body = chat(&json!({}));

    vendor.fault(Fault::RateLimit(1));
    vendor.send(WHOLE, Some(&body)).await;
    let limited = vendor.send(WHOLE, Some(&body)).await;
    vendor.fault(Fault::Outage);
    let down = vendor.send("/v1beta/models", None).await;

    assert_eq!(limited.status(), 429);
    assert!(!limited.headers().contains_key("retry-after"));
    let body: Value = limited.json().await.expect("JSON");
    let delay = body["error"]["details"][1]["retryDelay"]
        .as_str()
        .expect("a delay");
    let delay: u64 = delay.trim_end_matches('s').parse().expect("seconds");
    assert!((2..=8).contains(&delay));
    assert_eq!(down.status(), 503);
    let body: Value = down.json().await.expect("JSON");
    assert_eq!(body["error"]["status"], "UNAVAILABLE");
}
