use crate::demo::test_vendor::with_members;
use crate::demo::{Fault, Scenario, VendorEndpoint, Vendors};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A hundred times real speed: a response takes some ten milliseconds.
const SPEED: f64 = 100.0;

/// Running vendors and a client.
struct VendorFixture {
    vendors: Vendors,
    client: reqwest::Client,
}

impl VendorFixture {
    async fn start() -> Self {
        Self {
            vendors: Vendors::start_at(1, Scenario::steady(), SPEED)
                .await
                .expect("free ports"),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(10))
                .build()
                .expect("a client"),
        }
    }

    fn endpoint(&self, name: &str) -> &VendorEndpoint {
        let mut endpoints = self.vendors.endpoints().iter();
        endpoints.find(|one| one.name == name).expect("a vendor")
    }

    fn fault(&self, name: &str, fault: Option<Fault>) {
        self.vendors.set_fault(name, fault).expect("a vendor");
    }

    fn with_key(&self, name: &str, request: RequestBuilder) -> RequestBuilder {
        let endpoint = self.endpoint(name);
        match (endpoint.kind, endpoint.api_key) {
            (_, None) => request,
            ("anthropic", Some(key)) => request
                .header("x-api-key", key)
                .header("anthropic-version", "2023-06-01"),
            ("gemini", Some(key)) => request.header("x-goog-api-key", key),
            (_, Some(key)) => request.bearer_auth(key),
        }
    }

    fn models(&self, name: &str) -> RequestBuilder {
        let endpoint = self.endpoint(name);
        let path = match endpoint.kind {
            "ollama" => "/api/tags",
            _ => "/models",
        };
        let request = self.client.get(format!("{}{path}", endpoint.base_url));
        self.with_key(name, request)
    }

    fn chat(&self, name: &str, extra: &Value) -> RequestBuilder {
        let endpoint = self.endpoint(name);
        let path = match endpoint.kind {
            "ollama" => "/api/chat",
            _ => "/chat/completions",
        };
        let url = format!("{}{path}", endpoint.base_url);
        let body = with_members(
            json!({
                "model": endpoint.model,
                "messages": [{"role": "user", "content": "lorem ipsum dolor"}],
            }),
            extra,
        );
        self.with_key(name, self.client.post(url).json(&body))
    }

    /// A vendor's response without random failures.
    fn steady(self, name: &str) -> Self {
        self.fault(name, Some(Fault::Errors(0.0)));
        self
    }
}

fn streamed() -> Value {
    json!({"stream": true, "stream_options": {"include_usage": true}})
}

/// The chunks of a stream, and whether its terminator came last.
fn chunks(text: &str) -> (Vec<Value>, bool) {
    let lines: Vec<&str> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    let chunks = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    (chunks, lines.last() == Some(&"[DONE]"))
}

#[tokio::test]
async fn a_stream_has_role_text_finish_usage_and_terminator() {
    let fixture = VendorFixture::start().await.steady("openai");

    let response = fixture
        .chat("openai", &streamed())
        .send()
        .await
        .expect("up");
    let kind = response.headers()["content-type"].clone();
    let (chunks, is_done) = chunks(&response.text().await.expect("a whole stream"));

    assert_eq!(kind, "text/event-stream; charset=utf-8");
    assert!(is_done);
    let (last, rest) = chunks.split_last().expect("chunks");
    let (finish, rest) = rest.split_last().expect("chunks");
    let (role, pieces) = rest.split_first().expect("chunks");
    assert_eq!(role["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"], json!([]));
    let words: usize = pieces
        .iter()
        .filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str())
        .map(|text| text.split_whitespace().count())
        .sum();
    assert_eq!(last["usage"]["completion_tokens"], words);
    assert!(3 < pieces.len(), "{} pieces", pieces.len());
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(
            (&chunk["id"], &chunk["created"]),
            (&role["id"], &role["created"])
        );
    }
}

#[tokio::test]
async fn a_stream_has_usage_only_on_request() {
    let fixture = VendorFixture::start().await.steady("openai");

    let request = fixture.chat("openai", &json!({"stream": true}));
    let text = request.send().await.expect("up").text().await;
    let (chunks, is_done) = chunks(&text.expect("a whole stream"));

    assert!(is_done);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[tokio::test]
async fn a_complete_response_counts_tokens_and_stops_at_the_limit() {
    let fixture = VendorFixture::start().await.steady("openai");

    let request = fixture.chat("openai", &json!({"max_tokens": 3}));
    let body: Value = request
        .send()
        .await
        .expect("up")
        .json()
        .await
        .expect("JSON");

    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    let text = body["choices"][0]["message"]["content"].as_str();
    assert_eq!(text.map(|text| text.split(' ').count()), Some(3));
    // 17 characters are 5 tokens, and the message itself 4.
    assert_eq!(body["usage"]["prompt_tokens"], 9);
    assert_eq!(body["usage"]["completion_tokens"], 3);
    assert_eq!(body["usage"]["total_tokens"], 12);
}

#[tokio::test]
async fn requests_that_cannot_be_served_get_the_vendors_errors() {
    let fixture = VendorFixture::start().await.steady("openai");
    let url = fixture.endpoint("openai").base_url.clone();
    let client = &fixture.client;
    let cases = [
        (client.get(format!("{url}/models")), 401, ""),
        (
            client.get(format!("{url}/models")).bearer_auth("sk-other"),
            401,
            "invalid_api_key",
        ),
        (
            fixture.with_key("openai", client.get(format!("{url}/nothing"))),
            404,
            "unknown_url",
        ),
        (
            fixture.chat("openai", &json!({"model": "gpt-0"})),
            404,
            "model_not_found",
        ),
        (fixture.chat("openai", &json!({"messages": "no"})), 400, ""),
    ];

    for (request, status, code) in cases {
        let response = request.send().await.expect("up");
        assert_eq!(response.status().as_u16(), status);
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["error"]["type"], "invalid_request_error", "{body}");
        assert_eq!(body["error"]["code"].as_str().unwrap_or(""), code);
    }
}

#[tokio::test]
async fn every_vendor_lists_its_model_and_accepts_its_key() {
    let fixture = VendorFixture::start().await;

    let kinds: Vec<&str> = fixture
        .vendors
        .endpoints()
        .iter()
        .map(|one| one.kind)
        .collect();
    assert_eq!(kinds, ["openai", "anthropic", "xai", "gemini", "ollama"]);
    for endpoint in fixture.vendors.endpoints() {
        let response = fixture.models(endpoint.name).send().await.expect("up");
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.text().await.expect("a whole list");
        assert!(body.contains(endpoint.model), "{body}");
    }
}

#[tokio::test]
async fn limits_are_in_the_headers_and_rejections_have_retry_after() {
    let fixture = VendorFixture::start().await.steady("openai");
    let short = json!({"max_tokens": 1});

    let usual = fixture.chat("openai", &short).send().await.expect("up");
    fixture.fault("openai", Some(Fault::RateLimit(1)));
    let mut refused = None;
    for _ in 0..3 {
        let response = fixture.chat("openai", &short).send().await.expect("up");
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(response);
        }
    }

    assert_eq!(usual.headers()["x-ratelimit-limit-requests"], "3000");
    assert_eq!(usual.headers()["x-ratelimit-remaining-requests"], "2999");
    let refused = refused.expect("one of three is over the limit");
    let wait = refused.headers()["retry-after"].to_str().map(str::parse);
    assert!((2..=8).contains(&wait.expect("text").expect("seconds")));
    assert_eq!(refused.headers()["x-ratelimit-limit-requests"], "1");
    assert_eq!(refused.headers()["x-ratelimit-remaining-requests"], "0");
    let body: Value = refused.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn an_outage_fails_chats_and_probes_until_it_ends() {
    let fixture = VendorFixture::start().await;
    fixture.fault("openai", Some(Fault::Outage));

    for request in [fixture.models("openai"), fixture.chat("openai", &json!({}))] {
        let response = request.send().await.expect("still an answer");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(fixture.models("xai").send().await.expect("up").status() == StatusCode::OK);

    fixture.fault("openai", None);
    assert!(fixture.models("openai").send().await.expect("up").status() == StatusCode::OK);
}

#[tokio::test]
async fn a_vendor_that_refuses_connections_resets_open_ones_too() {
    let fixture = VendorFixture::start().await;
    let open = fixture.models("xai").send().await.expect("up");
    open.bytes().await.expect("a body");

    fixture.fault("xai", Some(Fault::Refused));

    fixture.models("xai").send().await.expect_err("reset");
    fixture.models("xai").send().await.expect_err("reset again");
}

#[tokio::test]
async fn a_hanging_vendor_never_responds() {
    let fixture = VendorFixture::start().await;
    fixture.fault("xai", Some(Fault::Hang));

    let patience = Duration::from_millis(100);
    let error = fixture.models("xai").timeout(patience).send().await;

    assert!(error.expect_err("no answer").is_timeout());
}

#[tokio::test]
async fn a_cut_response_ends_the_connection_without_a_terminator() {
    let fixture = VendorFixture::start().await;
    fixture.fault("openai", Some(Fault::CutMidStream));
    // With seed 1, none of the first requests fails by chance.

    let mut response = fixture
        .chat("openai", &streamed())
        .send()
        .await
        .expect("up");
    assert_eq!(response.status(), StatusCode::OK);
    let mut text = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(piece)) => text.extend_from_slice(&piece),
            end => break end,
        }
    };
    let whole = fixture.chat("openai", &json!({})).send().await.expect("up");

    assert!(end.is_err(), "the end must not look like one");
    let (chunks, is_done) = chunks(&String::from_utf8(text).expect("text"));
    assert!(!is_done && 2 <= chunks.len());
    assert!(
        whole.bytes().await.is_err(),
        "an unstreamed answer breaks too"
    );
}

#[tokio::test]
async fn clients_that_disconnect_release_their_slots() {
    let fixture = VendorFixture::start().await;
    fixture.fault("ollama", Some(Fault::StallMidStream));
    let mut held = Vec::new();
    for _ in 0..fixture.endpoint("ollama").max_concurrent {
        let mut response = fixture
            .chat("ollama", &streamed())
            .send()
            .await
            .expect("up");
        response.chunk().await.expect("a first piece");
        held.push(response);
    }
    fixture.fault("ollama", Some(Fault::Errors(0.0)));

    let patience = Duration::from_millis(100);
    let queued = fixture.chat("ollama", &json!({})).timeout(patience).send();
    assert!(queued.await.expect_err("all slots are held").is_timeout());
    drop(held);

    let answer = fixture.chat("ollama", &json!({})).send().await;
    assert_eq!(answer.expect("a free slot").status(), StatusCode::OK);
}

#[tokio::test]
async fn dropped_vendors_stop_listening_and_unknown_ones_are_named() {
    let fixture = VendorFixture::start().await;
    let request = fixture.models("openai");
    let error = fixture
        .vendors
        .set_fault("acme", None)
        .expect_err("unknown");
    drop(fixture.vendors);

    // The servers stop when their tasks run next.
    while request.try_clone().expect("no body").send().await.is_ok() {
        tokio::task::yield_now().await;
    }

    assert_eq!(
        error.to_string(),
        "no vendor is called \"acme\"; known are openai, anthropic, xai, google, ollama"
    );
}
