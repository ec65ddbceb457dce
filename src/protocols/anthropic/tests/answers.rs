//! Parts of a request that determine how its response is read.

use super::*;
use bytes::Bytes;
use serde_json::json;

fn whole(mut prepared: PreparedCall, answer: &Value) -> Value {
    let body = Bytes::from(answer.to_string());
    serde_json::from_slice(&prepared.adapter.whole(&body).unwrap()).unwrap()
}

#[test]
fn tool_names_are_aliased_and_restored() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    let prepared = client
        .ask(&chat(&json!({
            "tools": [tool("tide.level"), tool("tide_level")],
            "tool_choice": {"type": "function", "function": {"name": "tide.level"}},
        })))
        .unwrap();
    let sent = sent(&prepared);
    assert_eq!(sent["tools"][0]["name"], "tide_level_2");
    assert_eq!(sent["tools"][1]["name"], "tide_level");
    assert_eq!(sent["tool_choice"]["name"], "tide_level_2");

    let answer = json!({"content": [
        {"type": "tool_use", "id": "1", "name": "tide_level", "input": {}},
        {"type": "tool_use", "id": "2", "name": "tide_level_2", "input": {}},
    ], "stop_reason": "tool_use"});
    let got = whole(prepared, &answer);
    let calls = &got["choices"][0]["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["name"], "tide_level");
    assert_eq!(calls[1]["function"]["name"], "tide.level");
    assert_eq!(calls[1]["function"]["arguments"], "{}");
}

#[test]
fn reasoning_is_sent_back_with_the_results_of_its_calls() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    client.traits = thinker();
    let ask = chat(&json!({"tools": [tool("t")], "reasoning_effort": "high"}));
    let stream = [
        json!({"type": "message_start", "message": {"model": "m"}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "S"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "R"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "c1", "name": "t", "input": {}}}),
        json!({"type": "content_block_stop", "index": 3}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ];
    let stream = stream.map(|event| format!("data: {event}\n\n")).concat();
    let mut body = ask.clone();
    body["stream"] = true.into();
    let got = in_pieces(&stream, || client.ask(&body).unwrap().adapter);
    assert!(got.text.contains(r#""reasoning_content":"hm""#));
    assert!(
        got.text
            .contains(r#""index":0,"function":{"arguments":"{}"}"#)
    );
    assert!(!got.text.contains("web_search"));

    let history = |id: &str| {
        let call =
            json!({"id": id, "type": "function", "function": {"name": "t", "arguments": "{}"}});
        let mut body = ask.clone();
        body["messages"] = json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": "ok"},
        ]);
        client.request(&body)
    };
    let sent = history("c1");
    let expected = json!([
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "tool_use", "id": "c1", "name": "t", "input": {}},
    ]);
    assert_eq!(sent["messages"][1]["content"], expected);
    assert_eq!(sent["thinking"]["type"], "enabled");
    // A call that is no longer cached is sent without thinking, which the provider accepts.
    assert_eq!(history("c2")["thinking"], Value::Null);
}

#[test]
fn a_schema_without_model_support_is_enforced_by_a_tool() {
    let endpoint = endpoint("anthropic");
    let mut client = Client::new(&endpoint, ApiDialect::Chat);
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let body = chat(&json!({"response_format": {
        "type": "json_schema", "json_schema": {"name": "reply", "schema": schema},
    }}));
    let mut closed = schema.clone();
    closed["additionalProperties"] = false.into();
    let format = json!({"format": {"type": "json_schema", "schema": closed}});
    assert_eq!(client.request(&body)["output_config"], format);

    client.traits.json_schema = false;
    let prepared = client.ask(&body).unwrap();
    let request = sent(&prepared);
    assert_eq!(
        request["tool_choice"],
        json!({"type": "tool", "name": "reply"})
    );
    assert_eq!(request["tools"][0]["input_schema"], closed);
    let answer = json!({"content": [
        {"type": "tool_use", "id": "1", "name": "reply", "input": {"a": 1}},
    ], "stop_reason": "tool_use"});
    let choice = &whole(prepared, &answer)["choices"][0];
    assert_eq!(choice["message"]["content"], r#"{"a":1}"#);
    assert_eq!(choice["finish_reason"], "stop");

    client.traits.forced_tools = false;
    let request = client.request(&body);
    assert!(
        request["system"]
            .as_str()
            .unwrap()
            .contains(r#""a":{"type":"integer"}"#)
    );
    assert_eq!(request["tools"], Value::Null);
}

#[test]
fn citations_and_refusals_reach_chat_clients() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    let cited = json!({"type": "web_search_result_location", "url": "u", "title": "t"});
    let answer = json!({"content": [
        {"type": "text", "text": "é: "},
        {"type": "text", "text": "so", "citations": [cited, {"type": "page_location"}]},
    ], "stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "No."}});
    let choice = whole(client.ask(&chat(&json!({}))).unwrap(), &answer)["choices"][0].clone();

    assert_eq!(choice["finish_reason"], "content_filter");
    assert_eq!(choice["message"]["content"], "é: so");
    assert_eq!(choice["message"]["refusal"], "No.");
    let link = json!({"start_index": 3, "end_index": 5, "title": "t", "url": "u"});
    let annotations = json!([{"type": "url_citation", "url_citation": link}]);
    assert_eq!(choice["message"]["annotations"], annotations);
}
