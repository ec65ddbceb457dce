//! Features of requests that only Messages clients send.

use super::*;
use crate::domain::RequiredCapabilities;
use crate::protocols::DroppedFields;
use crate::protocols::neutral::{ContentPart, Delta};
use serde_json::json;

#[test]
fn fields_of_a_messages_request_reach_a_chat_server_or_are_reported_as_dropped() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let image = json!({"type": "image", "source": {"type": "url", "url": "http://i"}});
    let body = json!({
        "model": "m", "max_tokens": 9, "top_k": 3, "temperature": 0.5,
        "system": [
            {"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "B"},
        ],
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"type": "advisor_20260301", "name": "advisor"}, {"name": "t", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": true},
        "messages": [
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "S"},
                {"type": "tool_use", "id": "1", "name": "t", "input": {"a": 1}},
                {"type": "tool_use", "id": "2", "name": "t", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "text", "text": "and"},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "doc"}},
                {"type": "tool_result", "tool_use_id": "1", "content": [image], "is_error": true},
                {"type": "tool_result", "tool_use_id": "2"},
            ]},
        ],
    });
    let prepared = client.ask(&body).unwrap();
    let call = |id: &str, arguments: &str| {
        let function = json!({"name": "t", "arguments": arguments});
        json!({"id": id, "type": "function", "function": function})
    };
    assert_eq!(
        sent(&prepared),
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "A\n\nB"},
                {"role": "assistant", "content": null,
                 "tool_calls": [call("1", r#"{"a":1}"#), call("2", "{}")]},
                {"role": "tool", "tool_call_id": "1", "content": ""},
                {"role": "tool", "tool_call_id": "2", "content": ""},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://i"}}]},
                {"role": "user", "content": [{"type": "text", "text": "and"}, {"type": "text", "text": "doc"}]},
            ],
            "max_completion_tokens": 9,
            "temperature": 0.5,
            "reasoning_effort": "medium",
            "tools": [{"type": "function", "function": {"name": "t", "parameters": {"type": "object", "properties": {}}}}],
            "tool_choice": {"type": "function", "function": {"name": "t"}},
            "parallel_tool_calls": false,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        })
    );
    assert_eq!(
        prepared.dropped.names(),
        [
            "tools[0].advisor_20260301",
            "reasoning",
            "system[0].cache_control",
            "is_error",
            "top_k"
        ]
    );
}

#[test]
fn required_capabilities_are_read_from_a_request() {
    let client_api = ApiDialect::Messages.client_api();
    let image = json!({"type": "image", "source": {}});
    let none = RequiredCapabilities::default();
    let cases = [
        (
            json!({"messages": [{"role": "user", "content": [image]}]}),
            RequiredCapabilities {
                images: true,
                ..none
            },
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [image]}]}]}),
            RequiredCapabilities {
                images: true,
                ..none
            },
        ),
        (
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"type": "image"}}]}]}),
            RequiredCapabilities {
                prefill: true,
                ..none
            },
        ),
        (
            json!({"tools": [{"name": "t"}], "thinking": {"type": "adaptive"}}),
            RequiredCapabilities {
                tools: true,
                reasoning: true,
                ..none
            },
        ),
        (
            json!({"tools": [], "thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
            none,
        ),
        (
            json!({"output_config": {"effort": "low", "format": {"type": "json_schema"}}}),
            RequiredCapabilities {
                json_schema: true,
                reasoning: true,
                ..none
            },
        ),
    ];
    for (body, needs) in cases {
        let text = body.to_string();
        let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(client_api.needs(&object), needs, "{body}");
    }
}

#[test]
fn reasoning_of_other_providers_is_removed() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let own_content = json!([
        {"type": "thinking", "thinking": "own", "signature": "S"},
        {"type": "text", "text": "a"},
    ]);
    let mut content = own_content.clone();
    content.as_array_mut().unwrap().insert(
        0,
        json!({"type": "thinking", "thinking": "foreign", "signature": ""}),
    );
    let body = json!({"model": "m", "messages": [{"role": "assistant", "content": content}]});
    let prepared = client.ask(&body).unwrap();

    assert_eq!(
        sent(&prepared)["messages"],
        json!([{"role": "assistant", "content": own_content}])
    );
    assert_eq!(prepared.dropped.names(), ["messages.thinking"]);
}

#[test]
fn a_thinking_budget_is_dropped_where_tools_were_used_without_reasoning() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let used = |id: &str| json!({"type": "tool_use", "id": id, "name": "t", "input": {}});
    let own = json!({"type": "thinking", "thinking": "own", "signature": "S"});
    let foreign = json!({"type": "thinking", "thinking": "foreign", "signature": ""});
    let assistant = |blocks: &[Value]| json!({"role": "assistant", "content": blocks});
    let question = json!({"role": "user", "content": "q"});
    let result = |id: &str| {
        let block = json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
        json!({"role": "user", "content": [block]})
    };
    let sent_with = |thinking: Value, messages: &[&Value]| {
        let edits = json!([{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "other"}]);
        let body = json!({"model": "m", "thinking": thinking, "messages": messages,
            "context_management": {"edits": edits}});
        let prepared = client.ask(&body).unwrap();
        let sent = sent(&prepared);
        let edits = sent["context_management"]["edits"].as_array().unwrap();
        assert_eq!(edits.len() == 2, sent.get("thinking").is_some());
        assert_eq!(
            prepared
                .dropped
                .names()
                .iter()
                .any(|name| name == "thinking"),
            sent.get("thinking").is_none()
        );
        sent.get("thinking").is_some()
    };
    let budget = json!({"type": "enabled", "budget_tokens": 1024});
    let (bare, lost) = (assistant(&[used("1")]), assistant(&[foreign, used("1")]));
    let thought = assistant(&[own, used("1")]);
    let second = assistant(&[used("2")]);
    let (first, next) = (result("1"), result("2"));

    assert!(!sent_with(budget.clone(), &[&question, &bare, &first]));
    assert!(!sent_with(budget.clone(), &[&question, &lost, &first]));
    assert!(!sent_with(
        budget.clone(),
        &[&question, &thought, &first, &question, &second, &next]
    ));
    // Between calls of one turn the model need not think, and an earlier turn is over.
    assert!(sent_with(
        budget.clone(),
        &[&question, &thought, &first, &second, &next]
    ));
    assert!(sent_with(budget, &[&question, &bare, &first, &question]));
    assert!(sent_with(
        json!({"type": "adaptive"}),
        &[&question, &bare, &first]
    ));
}

#[test]
fn signatures_of_calls_survive_the_chat_protocol() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    let signature = json!({"google": {"thought_signature": "S"}});
    let call = json!({"id": "1", "extra_content": signature, "function": {"name": "t", "arguments": "{}"}});
    let body = json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]});
    let text = body.to_string();
    let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
    let read = ApiDialect::Chat
        .client_api()
        .read(&object, &mut DroppedFields::default());
    let ContentPart::ToolCall(call) = read.unwrap().turns[0].parts[0].clone() else {
        panic!("no call")
    };
    assert_eq!(call.signature.as_deref(), Some("S"));

    let mut encoder = client.encoder(&body);
    let mut out = BytesMut::new();
    let begin = Delta::call(0, call.id, call.name, call.signature);
    encoder.write(0, begin, &mut out);
    let events = events(std::str::from_utf8(&out).unwrap());
    let written = &events[1]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(written["extra_content"], signature);
}

#[test]
fn documents_reach_a_chat_server_unless_they_are_links() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let ask = |source: Value| {
        let block = json!({"type": "document", "title": "T", "source": source});
        client.ask(&json!({"model": "m", "messages": [{"role": "user", "content": [block]}]}))
    };
    let translated = |source| sent(&ask(source).unwrap())["messages"][0]["content"].clone();

    let text = json!({"type": "text", "media_type": "text/plain", "data": "doc"});
    assert_eq!(translated(text), "T\n\ndoc");
    let blocks = json!({"type": "content", "content": [{"type": "text", "text": "a"}]});
    assert_eq!(translated(blocks), "a");
    let paper = json!({"type": "base64", "media_type": "application/pdf", "data": "AA=="});
    let file = json!({"file_data": "data:application/pdf;base64,AA==", "filename": "T"});
    assert_eq!(translated(paper), json!([{"type": "file", "file": file}]));

    let error = ask(json!({"type": "url", "url": "http://d"})).unwrap_err();
    assert!(error.is_target_specific);
    let error = ask(json!({"type": "tape"})).unwrap_err();
    assert_eq!(
        error.param.as_deref(),
        Some("messages[0].content[0].source.type")
    );
    assert!(!error.is_target_specific);
}
