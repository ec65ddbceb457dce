//! The request that each server gets, and its path.

use crate::protocols::openai::OpenAi;
use crate::protocols::test_support::{endpoint, with_call};
use crate::protocols::{ApiDialect, CallSpec, ModelTraits, ProviderApi, RetryForm};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Returns the body that a provider gets, and the names of the dropped fields.
fn sent(kind: &str, base_url: &str, body: &Value) -> (Value, Vec<String>) {
    let endpoint = endpoint(kind, base_url);
    let prepared = with_call(ApiDialect::Chat, &body.to_string(), |call| {
        OpenAi.build_request(&endpoint, call).unwrap()
    });
    let sent = serde_json::from_slice(&prepared.request.body).unwrap();
    (sent, prepared.dropped.names().to_vec())
}

#[test]
fn mistral_gets_known_fields_under_its_own_names() {
    let (sent, dropped) = sent(
        "openai-compatible",
        "https://api.mistral.ai/v1",
        &json!({
            "model": "m",
            "messages": [
                {"role": "developer", "content": "s"},
                {"role": "user", "content": "a", "name": "n"},
                {"role": "assistant", "content": null, "reasoning_content": "r", "tool_calls": [
                    {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "aB3dE5fG7", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                ]},
                {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
                {"role": "tool", "tool_call_id": "aB3dE5fG7", "content": "2"},
                {"role": "user", "content": "b"},
            ],
            "seed": 7,
            "max_completion_tokens": 9,
            "tool_choice": "required",
            "store": true,
            "stream": true,
            "stream_options": {"include_usage": true},
        }),
    );
    let messages = &sent["messages"];
    let first = &messages[2]["tool_calls"][0]["id"];

    assert_eq!(dropped, ["store"]);
    assert_eq!(first.as_str().map(str::len), Some(9));
    assert_eq!(&messages[3]["tool_call_id"], first);
    assert_eq!(messages[4]["tool_call_id"], "aB3dE5fG7");
    assert_eq!(messages[0], json!({"role": "system", "content": "s"}));
    assert_eq!(messages[1], json!({"role": "user", "content": "a"}));
    assert_eq!(messages[2].get("reasoning_content"), None);
    assert_eq!(messages[5]["role"], "assistant");
    let rest: Vec<&str> = sent
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        rest,
        [
            "stream",
            "model",
            "max_tokens",
            "random_seed",
            "tool_choice",
            "messages"
        ]
    );
    assert_eq!(sent["tool_choice"], "any");
}

#[test]
fn xai_gets_no_field_that_it_rejects() {
    let body = json!({
        "model": "grok-4.7",
        "messages": [
            {"role": "system", "content": "s", "name": "n"},
            {"role": "user", "content": "a", "name": "n"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "strict": true}}],
        "stop": ["x"],
        "frequency_penalty": 1,
        "web_search_options": {},
        "max_completion_tokens": 9,
    });
    let (sent, dropped) = sent("xai", "https://api.x.ai/v1", &body);

    let expected = ["web_search_options", "stop", "frequency_penalty", "strict"];
    assert_eq!(dropped, expected);
    assert_eq!(
        sent,
        json!({
            "model": "grok-4.7",
            "max_tokens": 9,
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "a", "name": "n"},
            ],
        })
    );
}

#[test]
fn reasoning_is_sent_back_only_to_servers_that_accept_it() {
    let message = json!({"role": "assistant", "content": "a", "reasoning_content": "r"});
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let mut calling = message.clone();
    calling["tool_calls"] = json!([call]);
    let body = json!({"model": "m", "messages": [message, calling]});
    let cases = [
        ("openai", "https://api.openai.com/v1", [false, false]),
        (
            "openai-compatible",
            "https://api.groq.com/openai/v1",
            [false, false],
        ),
        (
            "openai-compatible",
            "https://api.deepseek.com/v1",
            [false, true],
        ),
        (
            "openai-compatible",
            "http://notdeepseek.com:8000/v1",
            [true, true],
        ),
    ];
    for (kind, base_url, expected) in cases {
        let (sent, _) = sent(kind, base_url, &body);
        let has_reasoning =
            [0, 1].map(|index| sent["messages"][index].get("reasoning_content").is_some());
        assert_eq!(has_reasoning, expected, "{base_url}");
    }
}

#[test]
fn azure_gets_the_key_in_its_own_header() {
    let has_key = |base_url: &str| {
        let probe = OpenAi.build_probe(&endpoint("openai-compatible", base_url));
        probe.headers.contains_key("api-key")
    };
    assert!(has_key("https://r.openai.azure.com/openai/v1"));
    assert!(!has_key("https://api.groq.com/openai/v1"));
}

#[test]
fn each_client_uses_an_api_that_the_provider_has() {
    let chat = r#"{"model":"m","messages":[],"tools":[]}"#;
    let input = r#"{"model":"m","input":"a"}"#;
    let only = ModelTraits {
        responses_only: true,
        ..ModelTraits::UNSTATED
    };
    let default = ModelTraits::UNSTATED;
    let cases = [
        (
            "openai",
            ApiDialect::Chat,
            &default,
            false,
            "/chat/completions",
        ),
        ("openai", ApiDialect::Chat, &default, true, "/responses"),
        ("openai", ApiDialect::Chat, &only, false, "/responses"),
        (
            "openai",
            ApiDialect::Responses,
            &default,
            false,
            "/responses",
        ),
        (
            "openai",
            ApiDialect::Responses,
            &default,
            true,
            "/chat/completions",
        ),
        ("xai", ApiDialect::Responses, &default, false, "/responses"),
        (
            "openai-compatible",
            ApiDialect::Responses,
            &default,
            false,
            "/chat/completions",
        ),
        (
            "openai-compatible",
            ApiDialect::Chat,
            &only,
            false,
            "/chat/completions",
        ),
    ];
    for (kind, dialect, traits, use_fallback, path) in cases {
        let body = if dialect == ApiDialect::Chat {
            chat
        } else {
            input
        };
        let endpoint = endpoint(kind, "http://h/v1");
        let prepared = with_call(dialect, body, |call| {
            let call = CallSpec {
                traits,
                use_fallback,
                ..*call
            };
            OpenAi.build_request(&endpoint, &call).unwrap()
        });
        assert_eq!(
            prepared.request.url,
            format!("http://h/v1{path}"),
            "{kind} {dialect:?}"
        );
    }
}

#[test]
fn a_rejection_that_the_other_api_can_avoid_is_recognized() {
    let endpoint = endpoint("openai", "http://h/v1");
    let use_fallback = |dialect, body: &str, status: u16, answer: &'static str| {
        let status = StatusCode::from_u16(status).unwrap();
        let error = OpenAi.classify_error(status, &HeaderMap::new(), &Bytes::from(answer));
        with_call(dialect, body, |call| {
            OpenAi.fallback_request(&endpoint, call, &error) == RetryForm::OtherForm
        })
    };
    let effort =
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"reasoning_effort"}}"#;
    let unknown =
        r#"{"error":{"message":"no","type":"invalid_request_error","code":"model_not_found"}}"#;
    let tools = r#"{"model":"m","messages":[],"tools":[{}]}"#;
    let input = r#"{"model":"m","input":"a"}"#;

    assert!(use_fallback(ApiDialect::Chat, tools, 400, effort));
    assert!(!use_fallback(
        ApiDialect::Chat,
        r#"{"model":"m","messages":[]}"#,
        400,
        effort
    ));
    assert!(use_fallback(ApiDialect::Responses, input, 404, "not found"));
    assert!(!use_fallback(ApiDialect::Responses, input, 404, unknown));
}

#[test]
fn names_of_tools_that_a_vendor_refuses_are_mended_for_chat_clients_too() {
    let tool = json!({"type": "function", "function": {"name": "tide.level", "parameters": {}}});
    let body =
        json!({"model": "m", "tools": [tool], "messages": [{"role": "user", "content": "a"}]});
    for (kind, expected) in [
        ("openai", "tide_level"),
        ("xai", "tide_level"),
        ("openai-compatible", "tide.level"),
    ] {
        let (sent, _) = sent(kind, "http://h/v1", &body);
        assert_eq!(sent["tools"][0]["function"]["name"], expected, "{kind}");
    }
}

#[test]
fn lists_where_objects_belong_break_nothing() {
    let body = json!({"model": "grok-4.7", "messages": [{"role": "user", "content": "a"}],
        "tools": [[{"strict": true}], {"function": [{"strict": true}]}]});
    let (sent, _) = sent("xai", "http://h/v1", &body);
    assert_eq!(sent["tools"], body["tools"]);
    let location = json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
        "web_search_options": {"user_location": [1]}});
    with_call(ApiDialect::Chat, &location.to_string(), |call| {
        let endpoint = endpoint("anthropic", "http://h/v1");
        drop(endpoint.protocol.build_request(&endpoint, call));
    });
}

#[test]
fn vectors_get_the_members_that_clients_read() {
    for (format, embedding) in [
        ("float", json!([1.0, -0.5])),
        ("base64", json!("AACAPwAAAL8=")),
    ] {
        let endpoint = endpoint("openai-compatible", "http://h/v1");
        let body = json!({"model": "m", "input": ["a", "b"], "encoding_format": format});
        let prepared = with_call(ApiDialect::Chat, &body.to_string(), |call| {
            OpenAi.build_embeddings(&endpoint, call).unwrap()
        });
        let mut adapter = prepared.adapter;
        let answer = r#"{"data":[{"embedding":[1.0,-0.5]},{"embedding":[1.0,-0.5]}],"model":"e"}"#;
        let whole = adapter
            .whole(&Bytes::from_static(answer.as_bytes()))
            .unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let expected =
            |index: usize| json!({"object": "embedding", "index": index, "embedding": embedding});
        assert_eq!(whole["object"], "list");
        assert_eq!(whole["data"], json!([expected(0), expected(1)]));
    }
}
