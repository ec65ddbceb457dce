//! What is peculiar to requests in either direction.

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
fn who_asks_and_in_which_version() {
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

/// How a request makes the model think: a budget, a word, or not at all.
fn thinking(sent: &Value) -> String {
    match &sent["thinking"] {
        Value::Null => String::new(),
        value if value["type"] == "enabled" => value["budget_tokens"].to_string(),
        value => value["type"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn effort_becomes_what_the_model_takes() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    for (traits, word, asked_limit, thought, limit, effort) in [
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

        assert_eq!(thinking(&sent), thought, "{members}");
        assert_eq!(sent["max_tokens"], limit, "{members}");
        let said = sent["output_config"]["effort"].as_str();
        assert_eq!(said.unwrap_or_default(), effort, "{members}");
        // A model that thinks chooses its words itself.
        assert_eq!(sent["top_p"].is_null(), !thought.is_empty(), "{members}");
    }
}

#[test]
fn nobody_thinks_while_a_tool_is_forced() {
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
fn what_a_model_refuses_is_left_out_and_named() {
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
            prepared.dropped.names().iter().any(|lost| lost == name),
            "{name}"
        );
    }
}

fn sent_members(prepared: &PreparedCall) -> Vec<String> {
    let sent = sent(prepared);
    sent.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn messages_are_put_right() {
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
fn what_cannot_be_said_is_the_clients_mistake() {
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
        let mistake = client.ask(&chat(&members)).unwrap_err();
        assert_eq!(mistake.param.as_deref(), Some(param));
        assert_eq!(mistake.is_target_specific, elsewhere);
        assert!(!mistake.message.contains("secret"));
    }
}

#[test]
fn a_prompt_is_counted_without_what_steers_the_answer() {
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
