//! Features of requests that only this protocol has, in both directions.

use super::*;
use http::HeaderValue;
use serde_json::json;

fn adaptive() -> ModelTraits {
    ModelTraits {
        adaptive_thinking: true,
        ..thinker()
    }
}

#[test]
fn requests_carry_the_key_and_the_protocol_version() {
    let protocol = by_kind("anthropic").unwrap();
    let body =
        json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]});
    for (key, name, value) in [
        ("sk-ant-api-1", "x-api-key", "sk-ant-api-1"),
        ("sk-ant-oat-1", "authorization", "Bearer sk-ant-oat-1"),
    ] {
        let endpoint = Endpoint::new("http://u/v1", Some(key), "anthropic", protocol).unwrap();
        let mut client = Client::new(&endpoint, ApiDialect::Messages);
        for (name, value) in [
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "a,b"),
            ("x-api-key", "the client's"),
            ("cookie", "c"),
        ] {
            client.headers.insert(name, HeaderValue::from_static(value));
        }
        let headers = client.ask(&body).unwrap().request.headers;
        assert_eq!(headers[name], value);
        assert!(headers[name].is_sensitive());
        assert_eq!(headers["anthropic-version"], "2026-10-21");
        assert_eq!(headers["anthropic-beta"], "a,b");
        assert_eq!(headers.len(), 5, "{headers:?}");

        client.dialect = ApiDialect::Chat;
        let headers = client.ask(&body).unwrap().request.headers;
        assert_eq!(headers["anthropic-version"], "2023-06-01");
        assert!(!headers.contains_key("anthropic-beta"));
    }
}

/// Returns the thinking mode of a request: a budget, a mode's name, or nothing.
fn thinking(sent: &Value) -> String {
    match &sent["thinking"] {
        Value::Null => String::new(),
        value if value["type"] == "enabled" => value["budget_tokens"].to_string(),
        value => value["type"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn effort_maps_to_the_models_thinking_mode() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    for (traits, word, asked_limit, expected_thinking, limit, effort) in [
        (adaptive(), "minimal", None, "adaptive", 4096, "low"),
        (adaptive(), "max", None, "adaptive", 4096, "max"),
        (adaptive(), "none", None, "", 4096, ""),
        (thinker(), "high", None, "4096", 8192, ""),
        (thinker(), "high", Some(3000), "1500", 3000, ""),
        (thinker(), "low", Some(64), "", 64, ""),
        (ModelTraits::UNSTATED, "high", None, "", 4096, ""),
    ] {
        client.traits = traits;
        let members = json!({"reasoning_effort": word, "max_tokens": asked_limit, "top_p": 0.9});
        let sent = client.request(&chat(&members));

        assert_eq!(thinking(&sent), expected_thinking, "{members}");
        assert_eq!(sent["max_tokens"], limit, "{members}");
        let sent_effort = sent["output_config"]["effort"].as_str();
        assert_eq!(sent_effort.unwrap_or_default(), effort, "{members}");
        // A model that thinks takes no sampling parameters.
        assert_eq!(
            sent["top_p"].is_null(),
            !expected_thinking.is_empty(),
            "{members}"
        );
    }
}

#[test]
fn thinking_is_off_while_a_tool_is_forced() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    let members = json!({
        "reasoning_effort": "high", "tools": [tool("t")], "tool_choice": "required",
    });
    for traits in [adaptive(), thinker()] {
        client.traits = traits;
        let sent = client.request(&chat(&members));

        assert_eq!(thinking(&sent), "");
        assert_eq!(sent["tool_choice"], json!({"type": "any"}));
    }
}

#[test]
fn fields_that_a_model_rejects_are_dropped_by_name() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    let body = chat(&json!({
        "temperature": 1.7, "top_p": 0.9, "seed": 1, "logprobs": true, "user": "a@b.c",
        "tools": [tool("t")], "tool_choice": "required", "parallel_tool_calls": false,
        "stop": ["", " ", "END"], "presence_penalty": 0.5,
    }));
    let sent = client.request(&body);
    assert_eq!(
        (&sent["temperature"], &sent["top_p"]),
        (&json!(1.0), &json!(0.9))
    );
    assert_eq!(sent["stop_sequences"], json!(["END"]));
    let choice = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(sent["tool_choice"], choice);

    client.traits.sampling = false;
    client.traits.forced_tools = false;
    let prepared = client.ask(&body).unwrap();
    let sent = sent_members(&prepared);
    assert_eq!(
        sent,
        [
            "model",
            "max_tokens",
            "messages",
            "tool_choice",
            "tools",
            "stop_sequences"
        ]
    );
    for name in [
        "temperature",
        "top_p",
        "seed",
        "logprobs",
        "user",
        "stop",
        "tool_choice",
    ] {
        assert!(
            prepared
                .dropped
                .names()
                .iter()
                .any(|dropped| dropped == name),
            "{name}"
        );
    }
}

fn sent_members(prepared: &PreparedCall) -> Vec<String> {
    let sent = sent(prepared);
    sent.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn messages_are_normalized() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    let call = json!({"id": "a:1", "type": "function", "function": {"name": "t", "arguments": ""}});
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "user", "content": "late"},
        {"role": "tool", "tool_call_id": "a:1", "content": "done"},
        {"role": "user", "content": " "},
        {"role": "assistant", "content": "so far \n"},
    ]});

    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "."}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a_1", "name": "t", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a_1", "content": "done"},
            {"type": "text", "text": "late"},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "so far"}]},
    ]);
    assert_eq!(client.request(&body)["messages"], messages);
}

#[test]
fn requests_that_cannot_be_translated_are_rejected() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "t", "arguments": "{\"secret"}});
    let broken = json!({"messages": [{"role": "assistant", "tool_calls": [call]}]});
    let audio = json!({"messages": [{"role": "user", "content": [
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
    ]}]});
    for (members, param, elsewhere) in [
        (json!({"n": 2}), "n", true),
        (audio, "audio", true),
        (broken, "messages.tool_calls.function.arguments", false),
    ] {
        let error = client.ask(&chat(&members)).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param));
        assert_eq!(error.is_target_specific, elsewhere);
        assert!(!error.message.contains("secret"));
    }
}

#[test]
fn a_prompt_is_counted_without_response_settings() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Messages);
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]);
    let body = json!({"model": "m", "max_tokens": 5, "temperature": 1, "messages": messages});
    for dialect in [ApiDialect::Messages, ApiDialect::Chat] {
        client.dialect = dialect;
        let counting = client.with(&body, |call| {
            endpoint.protocol.build_token_count(&endpoint, call)
        });
        let counting = counting.unwrap();
        assert_eq!(
            counting.request.url,
            "http://upstream/v1/messages/count_tokens"
        );
        let sent: Value = serde_json::from_slice(&counting.request.body).unwrap();
        assert_eq!(sent, json!({"model": "m", "messages": messages}));
        assert_eq!((counting.read)(br#"{"input_tokens":7}"#), Some(7));
    }
}

#[test]
fn names_and_ids_that_the_provider_refuses_are_mended_for_its_own_clients_too() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "tide.level", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "4"});
    let body = |name: &str, ids: [&str; 2]| {
        json!({"model": "m", "max_tokens": 9, "tools": [{"name": name, "input_schema": {}}],
            "messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "content": ids.map(call)},
                {"role": "user", "content": ids.map(result)}]})
    };
    let sent = client.request(&body("tide.level", ["a", "a"]));
    assert_eq!(sent["tools"][0]["name"], "tide_level");
    let content = |turn: usize| &sent["messages"][turn]["content"];
    assert_eq!(content(1)[0]["name"], "tide_level");
    assert_eq!(
        (&content(1)[0]["id"], &content(1)[1]["id"]),
        (&json!("a"), &json!("a_2"))
    );
    assert_eq!(content(2)[1]["tool_use_id"], "a_2");

    let plain = json!({"model": "m", "max_tokens": 9, "unknown": 1,
        "tools": [{"name": "x".repeat(128), "input_schema": {}}],
        "messages": [{"role": "user", "content": "a"}]});
    assert_eq!(client.request(&plain), plain, "what is accepted passes");
}

#[test]
fn a_count_has_no_thinking_for_a_model_without_it() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Messages);
    client.traits.reasoning = Some(false);
    let body = json!({"model": "m", "max_tokens": 5_000, "thinking": {"type": "enabled",
        "budget_tokens": 2_000}, "messages": [{"role": "user", "content": "a"}]});
    let counted = client.with(&body, |call| {
        let protocol = endpoint.protocol;
        protocol.build_token_count(&endpoint, call).unwrap().request
    });
    let sent: Value = serde_json::from_slice(&counted.body).unwrap();
    assert_eq!(
        sent,
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}]})
    );
}
