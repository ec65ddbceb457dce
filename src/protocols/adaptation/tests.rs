//! Requests of every client to every kind of provider, and the responses to them.

use crate::protocols::call::PreparedCall;
use crate::protocols::test_support::{endpoint, events, feed, with_call};
use crate::protocols::{ApiDialect, Endpoint, ModelTraits, RetryForm};
use bytes::Bytes;
use serde_json::{Value, json};

const KINDS: [&str; 5] = [
    "openai",
    "openai-compatible",
    "anthropic",
    "gemini",
    "ollama",
];

fn prepare(endpoint: &Endpoint, dialect: ApiDialect, body: &Value) -> PreparedCall {
    with_call(dialect, &body.to_string(), |call| {
        endpoint.protocol.build_request(endpoint, call).unwrap()
    })
}

fn sent(prepared: &PreparedCall) -> Value {
    serde_json::from_slice(&prepared.request.body).unwrap()
}

/// The tools of a provider's request: name and schema.
fn tools(body: &Value) -> Vec<(String, Value)> {
    let list = body["tools"].as_array().into_iter().flatten();
    let list = list.flat_map(|tool| match tool["functionDeclarations"].as_array() {
        Some(list) => list.clone(),
        None => vec![tool.clone()],
    });
    list.map(|tool| {
        let function = tool.get("function").unwrap_or(&tool);
        let schemas = ["parameters", "input_schema", "parametersJsonSchema"];
        let schema = schemas.iter().find_map(|name| function.get(name));
        (
            function["name"].as_str().unwrap_or_default().to_owned(),
            schema.cloned().unwrap_or_default(),
        )
    })
    .collect()
}

/// A provider's whole response that calls a tool.
fn calls(kind: &str, name: &str, arguments: &Value) -> Bytes {
    let body = match kind {
        "anthropic" => json!({"type": "message", "stop_reason": "tool_use", "content": [
            {"type": "tool_use", "id": "call_a", "name": name, "input": arguments}]}),
        "gemini" => json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {
            "parts": [{"functionCall": {"id": "call_a", "name": name, "args": arguments}}]}}]}),
        "ollama" => json!({"done": true, "message": {"role": "assistant", "tool_calls": [
            {"id": "call_a", "function": {"name": name, "arguments": arguments}}]}}),
        _ => json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "tool_calls": [{"id": "call_a", "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}}]}}]}),
    };
    body.to_string().into()
}

fn answer(prepared: &mut PreparedCall, body: &Bytes) -> Value {
    serde_json::from_slice(&prepared.adapter.whole(body).unwrap()).unwrap()
}

#[test]
fn every_target_gets_tool_names_that_it_accepts_and_the_client_its_own() {
    let long = format!("2nd harbour/{}", "tide level ".repeat(12));
    let schema = json!({"type": "object"});
    for kind in KINDS {
        let endpoint = endpoint(kind, "http://h/v1");
        let body = json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c", "name": long, "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]},
        ], "tools": [{"name": long, "input_schema": schema}, {"name": "tide", "input_schema": schema}],
        "tool_choice": {"type": "tool", "name": long}});
        if kind == "anthropic" {
            continue;
        }
        let mut prepared = prepare(&endpoint, ApiDialect::Messages, &body);
        let sent = sent(&prepared);
        let names = tools(&sent);
        let (name, _) = &names[0];
        if kind != "ollama" {
            assert!(
                name.len() <= 64 && !name.contains([' ', '/']),
                "{kind}: {name}"
            );
            let uses = sent.to_string().matches(name.as_str()).count();
            assert!(
                uses >= 3,
                "{kind}: tool, history and choice have the same name: {sent}"
            );
        }
        let answer = answer(&mut prepared, &calls(kind, name, &json!({})));
        assert_eq!(answer["content"][0]["name"], long, "{kind}");
    }
}

#[test]
fn a_tool_with_free_text_is_a_function_with_one_text_and_comes_back_as_itself() {
    let patch = "*** Begin Patch\n+low\n";
    let body = json!({"model": "m", "store": false, "input": [
        {"role": "user", "content": "a"},
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "+earlier"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
    ], "tools": [{"type": "custom", "name": "apply_patch", "description": "Edits.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}}]});
    for kind in KINDS.into_iter().filter(|kind| *kind != "openai") {
        let endpoint = endpoint(kind, "http://h/v1");
        let mut prepared = prepare(&endpoint, ApiDialect::Responses, &body);
        let sent = sent(&prepared);
        let (name, schema) = tools(&sent).remove(0);
        let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(
            (name.as_str(), properties.len()),
            ("apply_patch", 1),
            "{kind}"
        );
        let text = sent.to_string();
        assert!(
            text.contains("+earlier") && text.contains("start: /x/"),
            "{kind}: {text}"
        );
        assert!(
            prepared.dropped.names().is_empty(),
            "{kind}: {:?}",
            prepared.dropped
        );

        let arguments = json!({properties[0]: patch});
        let answer = answer(&mut prepared, &calls(kind, &name, &arguments));
        let item = &answer["output"][0];
        assert_eq!(item["type"], "custom_tool_call", "{kind}");
        assert_eq!(
            (&item["name"], &item["input"]),
            (&json!("apply_patch"), &json!(patch))
        );
    }
}

#[test]
fn chat_clients_get_their_tools_with_free_text_back() {
    let body = json!({"model": "m", "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c", "type": "custom", "custom": {"name": "edit", "input": "+earlier"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ], "tools": [{"type": "custom", "custom": {"name": "edit"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "edit"}}});
    for kind in ["anthropic", "gemini", "ollama"] {
        let endpoint = endpoint(kind, "http://h/v1");
        let mut prepared = prepare(&endpoint, ApiDialect::Chat, &body);
        assert!(sent(&prepared).to_string().contains("+earlier"), "{kind}");
        let answer = answer(
            &mut prepared,
            &calls(kind, "edit", &json!({"input": "+low"})),
        );
        let call = &answer["choices"][0]["message"]["tool_calls"][0];
        let custom = json!({"name": "edit", "input": "+low"});
        assert_eq!(
            (&call["type"], &call["custom"]),
            (&json!("custom"), &custom),
            "{kind}"
        );
    }
}

#[test]
fn a_stream_of_free_text_has_the_events_of_its_client() {
    let body = json!({"model": "m", "stream": true, "store": false, "input": "a",
        "tools": [{"type": "custom", "name": "apply_patch"}]});
    let endpoint = endpoint("openai-compatible", "http://h/v1");
    let mut prepared = prepare(&endpoint, ApiDialect::Responses, &body);
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let call = |more: Value| chunk(json!({"tool_calls": [more]}), Value::Null);
    let arguments = |text: &str| call(json!({"index": 0, "function": {"arguments": text}}));
    let pieces = [
        call(json!({"index": 0, "id": "call_a", "type": "function",
            "function": {"name": "apply_patch", "arguments": ""}})),
        arguments("{\"input\""),
        arguments(": \"*** Begin\\"),
        arguments("n+low\\n\"}"),
        chunk(json!({}), json!("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let stream = feed(&mut *prepared.adapter, pieces.iter().map(String::as_bytes));
    assert_eq!(stream.end, Ok(()));
    let events = events(&stream.output);
    let of = |kind: &str| {
        events
            .iter()
            .filter(|event| event["type"] == kind)
            .collect::<Vec<_>>()
    };
    let deltas = of("response.custom_tool_call_input.delta");
    let text: String = deltas
        .iter()
        .filter_map(|event| event["delta"].as_str())
        .collect();
    assert_eq!(text, "*** Begin\n+low\n");
    assert_eq!(of("response.custom_tool_call_input.done")[0]["input"], text);
    let added = &of("response.output_item.added")[0]["item"];
    assert_eq!(
        (&added["type"], &added["input"]),
        (&json!("custom_tool_call"), &json!(""))
    );
    let done = &of("response.output_item.done")[0]["item"];
    assert_eq!(
        (&done["input"], &done["call_id"]),
        (&json!(text), &json!("call_a"))
    );
    assert_eq!(of("response.completed")[0]["response"]["output"][0], *done);
}

#[test]
fn grouped_and_typed_tools_are_functions_and_come_back_as_themselves() {
    let body = json!({"model": "m", "store": false, "input": [
        {"role": "user", "content": "a"},
        {"type": "function_call", "call_id": "c", "namespace": "mcp__harbour", "name": "tide",
            "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "low"},
        {"type": "local_shell_call", "call_id": "d", "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "call_id": "d", "output": "a.txt"},
    ], "tools": [
        {"type": "namespace", "name": "mcp__harbour", "description": "", "tools": [
            {"type": "function", "name": "tide", "parameters": {"type": "object"}}]},
        {"type": "local_shell"},
    ]});
    for kind in KINDS.into_iter().filter(|kind| *kind != "openai") {
        let endpoint = endpoint(kind, "http://h/v1");
        let mut prepared = prepare(&endpoint, ApiDialect::Responses, &body);
        let sent = sent(&prepared);
        let names: Vec<String> = tools(&sent).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["mcp__harbour__tide", "local_shell"], "{kind}");
        let text = sent.to_string();
        assert!(
            text.contains("low") && text.contains("a.txt"),
            "{kind}: {text}"
        );

        let grouped = answer(&mut prepared, &calls(kind, &names[0], &json!({})));
        let item = &grouped["output"][0];
        assert_eq!(
            (&item["type"], &item["namespace"], &item["name"]),
            (
                &json!("function_call"),
                &json!("mcp__harbour"),
                &json!("tide")
            )
        );
        let mut prepared = prepare(&endpoint, ApiDialect::Responses, &body);
        let command = json!({"command": ["pwd"]});
        let shell = answer(&mut prepared, &calls(kind, "local_shell", &command));
        let item = &shell["output"][0];
        assert_eq!(item["type"], "local_shell_call", "{kind}");
        let action = json!({"type": "exec", "command": ["pwd"], "env": {}});
        assert_eq!(item["action"], action, "{kind}");
    }
}

#[test]
fn what_a_target_limits_is_adapted_for_each_client() {
    let long = "u".repeat(150);
    let messages = json!({"model": "m", "max_tokens": 9, "metadata": {"user_id": long},
        "messages": [{"role": "user", "content": [{"type": "document", "source": {
            "type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}}]}],
        "stop_sequences": ["a", "b", "c", "d", "e"],
        "tools": [{"name": "list", "input_schema": {"type": "object"}}]});
    let openai = endpoint("openai", "http://h/v1");
    let prepared = prepare(&openai, ApiDialect::Messages, &messages);
    let body = sent(&prepared);
    assert!(body["user"].as_str().unwrap().len() <= 64);
    let again = sent(&prepare(&openai, ApiDialect::Messages, &messages));
    assert_eq!(body["user"], again["user"]);
    let file = &body["messages"][0]["content"][0]["file"];
    assert_eq!(file["filename"], "document.pdf");
    let schema = &body["tools"][0]["function"]["parameters"];
    assert_eq!(*schema, json!({"type": "object", "properties": {}}));
    assert_eq!(body["stop"].as_array().unwrap().len(), 4);
    assert_eq!(prepared.dropped.names(), ["stop[4]"]);
}

#[test]
fn a_chat_server_that_is_not_openais_gets_functions_for_the_tools_of_chat_clients() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [
        {"type": "custom", "custom": {"name": "edit"}},
        {"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}},
    ], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
        {"type": "custom", "custom": {"name": "edit"}}]}}});
    let compatible = endpoint("openai-compatible", "http://h/v1");
    let mut prepared = prepare(&compatible, ApiDialect::Chat, &body);
    let request = sent(&prepared);
    let names: Vec<String> = tools(&request).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["edit"]);
    assert_eq!(request["tool_choice"]["function"]["name"], "edit");
    let arguments = json!({"input": "+low"});
    let answer = answer(
        &mut prepared,
        &calls("openai-compatible", "edit", &arguments),
    );
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["custom"], json!({"name": "edit", "input": "+low"}));

    let openai = endpoint("openai", "http://h/v1");
    assert_eq!(
        sent(&prepare(&openai, ApiDialect::Chat, &body))["tools"],
        body["tools"]
    );
}

#[test]
fn requests_of_the_same_protocol_are_adapted_to_the_model() {
    let plain = ModelTraits {
        reasoning: Some(false),
        max_output: Some(100),
        ..ModelTraits::UNSTATED
    };
    let request = |kind: &str, dialect, body: &Value| {
        let endpoint = endpoint(kind, "http://h/v1");
        with_call(dialect, &body.to_string(), |call| {
            let mut call = *call;
            call.traits = &plain;
            sent(&endpoint.protocol.build_request(&endpoint, &call).unwrap())
        })
    };
    let long = "u".repeat(100);
    let turns = json!([{"role": "user", "content": "a"}]);
    let chat = json!({"model": "m", "messages": turns, "max_tokens": 200, "reasoning_effort": "low",
        "user": long});
    let body = request("openai", ApiDialect::Chat, &chat);
    assert_eq!(
        (&body["max_tokens"], &body["reasoning_effort"]),
        (&json!(100), &Value::Null)
    );
    assert!(body["user"].as_str().unwrap().len() <= 64);

    let responses = json!({"model": "m", "input": "a", "max_output_tokens": 200,
        "reasoning": {"effort": "low"}});
    let body = request("openai", ApiDialect::Responses, &responses);
    assert_eq!(
        (&body["max_output_tokens"], &body["reasoning"]),
        (&json!(100), &Value::Null)
    );

    let image = json!({"type": "image", "source": {
        "type": "base64", "media_type": "image/jpg", "data": "/9j/"}});
    let messages = json!({"model": "m", "max_tokens": 200, "thinking": {"type": "enabled",
        "budget_tokens": 150}, "messages": [{"role": "user", "content": [image]}]});
    let body = request("anthropic", ApiDialect::Messages, &messages);
    assert_eq!(
        (&body["max_tokens"], &body["thinking"]),
        (&json!(100), &Value::Null)
    );
    let source = &body["messages"][0]["content"][0]["source"];
    assert_eq!(source["media_type"], "image/jpeg");
}

#[test]
fn a_wish_for_reasoning_that_a_server_refuses_is_left_out() {
    let body = json!({"model": "m", "max_tokens": 9_000, "messages": [
        {"role": "user", "content": "a"}], "thinking": {"type": "enabled", "budget_tokens": 4_000}});
    for kind in ["openai", "openai-compatible"] {
        let endpoint = endpoint(kind, "http://h/v1");
        let refused = endpoint.protocol.classify_error(
            http::StatusCode::BAD_REQUEST,
            &http::HeaderMap::new(),
            &Bytes::from_static(
                br#"{"error":{"message":"Unrecognized request argument supplied: reasoning_effort"}}"#,
            ),
        );
        with_call(ApiDialect::Messages, &body.to_string(), |call| {
            let call = *call;
            let first = endpoint.protocol.build_request(&endpoint, &call).unwrap();
            assert_eq!(sent(&first)["reasoning_effort"], "medium");
            let retry = endpoint
                .protocol
                .fallback_request(&endpoint, &call, &refused);
            assert_eq!(retry, RetryForm::Corrected);
            let second = endpoint.protocol.build_request(&endpoint, &call).unwrap();
            let body = sent(&second);
            assert_eq!(
                (&body["reasoning_effort"], &body["input"]),
                (&Value::Null, &Value::Null)
            );
            assert_eq!(second.dropped.names(), ["reasoning_effort"], "{kind}");
        });
    }
}

#[test]
fn reasoning_returns_to_a_chat_server_with_the_calls_that_it_led_to() {
    let endpoint = endpoint("openai-compatible", "http://h/v1");
    let first = json!({"model": "m", "input": "a", "store": false,
        "tools": [{"type": "function", "name": "tide"}]});
    let mut prepared = prepare(&endpoint, ApiDialect::Responses, &first);
    let body = json!({"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "reasoning_content": "The gauge knows.", "tool_calls": [{"id": "call_a", "type": "function",
            "function": {"name": "tide", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "c2Vh"}}}]}}]});
    answer(&mut prepared, &body.to_string().into());

    // The client sends the call without its reasoning.
    let second = json!({"model": "m", "store": false, "input": [
        {"role": "user", "content": "a"},
        {"type": "function_call", "call_id": "call_a", "name": "tide", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_a", "output": "low"},
    ]});
    let message = &sent(&prepare(&endpoint, ApiDialect::Responses, &second))["messages"][1];
    assert_eq!(message["reasoning_content"], "The gauge knows.");
    let signature = &message["tool_calls"][0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(signature, "c2Vh");
}

#[test]
fn clients_get_ids_that_their_protocol_accepts() {
    let endpoint = endpoint("openai-compatible", "http://h/v1");
    let body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]});
    let mut prepared = prepare(&endpoint, ApiDialect::Messages, &body);
    let answer = calls("", "t", &json!({}));
    let answer = std::str::from_utf8(&answer)
        .unwrap()
        .replace("call_a", "functions.t:0");
    let response = prepared.adapter.whole(&Bytes::from(answer)).unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["content"][0]["id"], "functions_t_0");
}
