//! Reading of client requests.

use crate::protocols::neutral::{
    ChatRequest, ChatRole, ContentPart, DroppedFields, ToolChoice, TranslationError,
};
use crate::protocols::test_support::{endpoint, events, feed, recorded, with_call};
use crate::protocols::{ApiDialect, CallSpec, RawObject};
use bytes::Bytes;
use serde_json::{Value, json};

fn read(body: &Value) -> (Result<ChatRequest, TranslationError>, Vec<String>) {
    let text = body.to_string();
    let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
    let mut dropped = DroppedFields::default();
    let read = ApiDialect::Responses
        .client_api()
        .read(&object, &mut dropped);
    (read, dropped.names().to_vec())
}

#[test]
fn items_become_turns_and_dropped_fields_are_reported() {
    let (read, dropped) = read(&json!({
        "model": "m",
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "f"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "b", "annotations": []},
            ]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "1"}]},
            {"type": "function_call_output", "call_id": "c2", "output": "2"},
            {"type": "web_search_call", "id": "ws_1", "action": {"query": "tide"}},
        ],
        "tools": [
            {"type": "function", "name": "f", "parameters": {}, "strict": true},
            {"type": "web_search"},
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 9,
        "store": false,
        "metadata": {"k": "v"},
    }));
    let read = read.unwrap();

    let shape = |part: &ContentPart| match part {
        ContentPart::Text(text) => text.clone(),
        ContentPart::Media(_) => "media".to_owned(),
        ContentPart::ToolCall(call) => format!("call {}", call.id),
        ContentPart::ToolResult { call, .. } => format!("result {call}"),
        other => format!("{other:?}"),
    };
    let turns = read.turns.iter().map(|turn| {
        let parts: Vec<String> = turn.parts.iter().map(shape).collect();
        (turn.role, parts.join(", "))
    });
    let expected = [
        (ChatRole::System, "be brief"),
        (ChatRole::User, "a, media"),
        (ChatRole::Assistant, "b, call c1, call c2"),
        (ChatRole::Tool, "result c1"),
        (ChatRole::Tool, "result c2"),
        (
            ChatRole::Assistant,
            "[web_search_call action: {\"query\":\"tide\"}]\n",
        ),
    ];
    let expected = expected.map(|(role, parts)| (role, parts.to_owned()));
    assert_eq!(turns.collect::<Vec<_>>(), expected);
    assert_eq!((read.tools.len(), read.server_tools.len()), (1, 1));
    assert_eq!(read.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    assert_eq!(read.max_tokens, Some(9));
    assert_eq!(dropped, ["text.verbosity", "include",]);
}

#[test]
fn requests_that_need_a_store_are_errors_of_this_target_only() {
    let cases = [
        json!({"input": "a", "previous_response_id": "resp_1"}),
        json!({"input": "a", "conversation": "conv_1"}),
        json!({"input": "a", "background": true}),
        json!({"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ];
    for body in cases {
        let error = read(&body).0.unwrap_err();
        assert!(error.is_target_specific && error.param.is_some(), "{error}");
    }
}

#[test]
fn an_error_names_its_field() {
    let cases = [
        (json!({"input": 7}), "input"),
        (
            json!({"input": [{"role": "poet", "content": ""}]}),
            "input[0].role",
        ),
        (
            json!({"input": [{"type": "function_call"}]}),
            "input[0].call_id",
        ),
        (
            json!({"input": "a", "reasoning": {"effort": "some"}}),
            "reasoning.effort",
        ),
        (
            json!({"input": "a", "text": {"format": {}}}),
            "text.format.type",
        ),
    ];
    for (body, param) in cases {
        let error = read(&body).0.unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param));
        assert!(!error.is_target_specific);
    }
}

#[test]
fn required_capabilities_are_read_without_parsing_the_whole_body() {
    let needs = |body: Value| {
        let text = body.to_string();
        let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
        let needs = ApiDialect::Responses.client_api().needs(&object);
        [
            needs.images,
            needs.tools,
            needs.json_schema,
            needs.reasoning,
        ]
    };
    let image = json!([{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]);

    assert_eq!(needs(json!({"input": "\"input_image\""})), [false; 4]);
    assert_eq!(
        needs(json!({
            "input": image,
            "tools": [{"type": "function"}],
            "text": {"format": {"type": "json_schema"}},
            "reasoning": {"effort": "low"},
        })),
        [true; 4]
    );
    assert_eq!(
        needs(json!({"input": "a", "reasoning": {"effort": "none"}})),
        [false; 4]
    );
}

#[test]
fn an_item_of_an_earlier_response_may_be_referred_to_by_id() {
    let answer = |store: bool| -> Value {
        let body = json!({"model": "m", "input": "a", "store": store}).to_string();
        let endpoint = endpoint("openai", "http://h/v1");
        let mut prepared = with_call(ApiDialect::Responses, &body, |call| {
            let use_fallback = true;
            endpoint
                .protocol
                .build_request(
                    &endpoint,
                    &CallSpec {
                        use_fallback,
                        ..*call
                    },
                )
                .unwrap()
        });
        let message = json!({"content": "text", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]});
        let choices = json!([{"index": 0, "message": message, "finish_reason": "tool_calls"}]);
        let upstream = Bytes::from(json!({"choices": choices}).to_string());
        serde_json::from_slice(&prepared.adapter.whole(&upstream).unwrap()).unwrap()
    };
    let named = |answer: &Value| {
        let items = answer["output"].as_array().unwrap().iter();
        let items: Value = items
            .map(|item| json!({"type": "item_reference", "id": item["id"]}))
            .collect();
        read(&json!({"input": items})).0
    };

    // An answer with `store: false` must not be stored.
    assert!(named(&answer(false)).is_err());
    let read = named(&answer(true)).unwrap();
    assert_eq!(read.turns.len(), 1);
    assert_eq!(read.turns[0].text(), "text");
    assert!(matches!(&read.turns[0].parts[1], ContentPart::ToolCall(call) if call.id == "c1"));
}

/// Removes generated ids and times.
fn nameless(mut event: Value) -> Value {
    let name = |value: &mut Value, names: &[&str]| {
        for name in names {
            if let Some(member) = value.get_mut(name) {
                *member = Value::Null;
            }
        }
    };
    name(&mut event, &["item_id"]);
    name(&mut event["item"], &["id"]);
    name(&mut event["response"], &["id", "created_at"]);
    for item in event["response"]["output"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        name(item, &["id"]);
    }
    event
}

#[test]
fn a_recorded_chat_stream_is_translated_event_by_event() {
    for case in ["text", "tools"] {
        let file = |name: &str| recorded(&format!("inbound-responses/{case}/{name}"));
        let mut body: Value = serde_json::from_str(&file("request.responses.json")).unwrap();
        body["stream"] = true.into();
        let endpoint = endpoint("openai", "http://h/v1");
        let mut prepared = with_call(ApiDialect::Responses, &body.to_string(), |call| {
            let use_fallback = true;
            let call = CallSpec {
                use_fallback,
                ..*call
            };
            endpoint.protocol.build_request(&endpoint, &call).unwrap()
        });
        let upstream = file("stream.upstream.sse");
        let collected = feed(&mut *prepared.adapter, upstream.as_bytes().chunks(1));
        let received: Vec<Value> = events(&collected.output)
            .into_iter()
            .map(nameless)
            .collect();
        let expected = events(&file("expected.responses.sse"));
        let expected: Vec<Value> = expected.into_iter().map(nameless).collect();

        assert_eq!(collected.end, Ok(()));
        assert_eq!(received, expected, "{case}");
    }
}
