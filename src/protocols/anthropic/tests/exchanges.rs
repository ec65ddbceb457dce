//! Recorded exchanges, in both directions.

use super::*;
use crate::domain::{Failure, Usage};
use bytes::Bytes;
use serde_json::json;

fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

/// Folds a stream into the message that a chat client assembles.
fn folded(stream: &str) -> Value {
    let mut message = json!({"content": "", "reasoning_content": "", "refusal": ""});
    let mut calls: Vec<Value> = Vec::new();
    let (mut finish, mut usage) = (Value::Null, Value::Null);
    for event in events(stream) {
        if event["usage"].is_object() {
            assert!(finish.is_string(), "the usage comes after the finish");
            usage = event["usage"].clone();
        }
        let choice = &event["choices"][0];
        let delta = &choice["delta"];
        for (name, text) in message.as_object_mut().unwrap() {
            if let Some(more) = delta[name].as_str() {
                *text = format!("{}{more}", text.as_str().unwrap()).into();
            }
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            if call["id"].is_string() {
                assert_eq!(call["index"], calls.len());
                calls.push(json!({"id": call["id"], "name": function["name"], "arguments": ""}));
            }
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            let before = calls[index]["arguments"].as_str().unwrap().to_owned();
            let more = function["arguments"].as_str().unwrap();
            calls[index]["arguments"] = format!("{before}{more}").into();
        }
        if choice["finish_reason"].is_string() {
            assert!(finish.is_null(), "there is one finish");
            finish = choice["finish_reason"].clone();
        }
    }
    for (_, text) in message.as_object_mut().unwrap() {
        if text == "" {
            *text = Value::Null;
        }
    }
    message["role"] = "assistant".into();
    message["tool_calls"] = calls.into();
    message["finish_reason"] = finish;
    message["usage"] = usage;
    message["done"] = stream.ends_with("data: [DONE]\n\n").into();
    message
}

#[test]
fn chat_requests_are_translated_for_the_provider() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    for case in ["text", "tools", "multi_turn_request", "stream_error"] {
        let prepared = client.ask(&json_file(&format!("anthropic/{case}/request.openai.json")));
        let prepared = prepared.unwrap();

        assert_eq!(
            sent(&prepared),
            json_file(&format!("anthropic/{case}/request.json")),
            "{case}"
        );
        assert_eq!(prepared.request.url, "http://upstream/v1/messages");
    }
}

#[test]
fn chat_clients_get_whole_responses() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    for case in ["text", "tools"] {
        let request = json_file(&format!("anthropic/{case}/request.openai.json"));
        let mut adapter = client.ask(&request).unwrap().adapter;
        let body = Bytes::from(file(&format!("anthropic/{case}/response.json")));
        let got: Value = serde_json::from_slice(&adapter.whole(&body).unwrap()).unwrap();

        let expected = json_file(&format!("anthropic/{case}/expected.openai.json"));
        assert_eq!(tidy(got), tidy(expected), "{case}");
    }
}

#[test]
fn chat_clients_get_streams_in_pieces_of_any_length() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Chat);
    for case in ["text", "tools", "stream_error", "stream_cut"] {
        let mut request = json_file(&format!("anthropic/{case}/request.openai.json"));
        request["stream_options"] = json!({"include_usage": true});
        let request = streamed(request);
        let stream = file(&format!("anthropic/{case}/stream.sse"));
        let got = in_pieces(&stream, || client.ask(&request).unwrap().adapter);

        let mut expected = json_file(&format!("anthropic/{case}/expected.folded.json"));
        expected.as_object_mut().unwrap().remove("error");
        assert_eq!(tidy(folded(&got.text)), tidy(expected), "{case}");
        let failure = got.error.map(|error| error.failure);
        let expected = (case == "stream_error").then_some(Failure::Overloaded(None));
        assert_eq!(failure, expected, "{case}");
    }
}

#[test]
fn messages_requests_are_translated_for_chat_servers() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    for case in ["text", "tools"] {
        let request = json_file(&format!("inbound-anthropic/{case}/request.anthropic.json"));
        let expected = json_file(&format!(
            "inbound-anthropic/{case}/request.upstream.openai.json"
        ));

        assert_eq!(client.request(&request), expected, "{case}");
    }
}

#[test]
fn messages_clients_get_whole_responses_of_chat_servers() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    for case in ["text", "tools"] {
        let mut request = json_file(&format!("inbound-anthropic/{case}/request.anthropic.json"));
        request["stream"] = false.into();
        let mut adapter = client.ask(&request).unwrap().adapter;
        let body = Bytes::from(file(&format!(
            "inbound-anthropic/{case}/response.upstream.json"
        )));
        let got: Value = serde_json::from_slice(&adapter.whole(&body).unwrap()).unwrap();

        let expected = json_file(&format!("inbound-anthropic/{case}/expected.anthropic.json"));
        assert_eq!(tidy(got), tidy(expected), "{case}");
    }
}

#[test]
fn messages_clients_get_streams_of_chat_servers_in_pieces_of_any_length() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    for case in ["text", "tools", "stream_error"] {
        let request = json_file(&format!("inbound-anthropic/{case}/request.anthropic.json"));
        let request = streamed(request);
        let stream = file(&format!("inbound-anthropic/{case}/stream.upstream.sse"));
        let mut got = in_pieces(&stream, || client.ask(&request).unwrap().adapter);
        if let Some(failure) = got.error {
            let mut out = BytesMut::new();
            let mut adapter = client.ask(&request).unwrap().adapter;
            adapter.broken(&error(500, &failure.message), &mut out);
            got.text.push_str(std::str::from_utf8(&out).unwrap());
        }
        let expected = file(&format!("inbound-anthropic/{case}/expected.anthropic.sse"));
        let tidied = |stream: &str| events(stream).into_iter().map(tidy).collect::<Vec<_>>();
        assert_eq!(tidied(&got.text), tidied(&expected), "{case}");
        let names = |stream: &str| {
            let lines = stream.lines();
            let names = lines.filter_map(|line| line.strip_prefix("event: "));
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names(&got.text), names(&expected), "{case}");
    }
}

#[test]
fn messages_pass_unchanged_to_a_messages_provider() {
    let endpoint = endpoint("anthropic");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let body = json!({"model": "m", "max_tokens": 5, "messages": [], "new": 1});
    for case in ["text", "tools"] {
        let mut adapter = client.ask(&body).unwrap().adapter;
        let whole = Bytes::from(file(&format!("anthropic/{case}/response.json")));
        assert_eq!(adapter.whole(&whole).unwrap(), whole);

        let stream = file(&format!("anthropic/{case}/stream.sse"));
        let got = in_pieces(&stream, || client.ask(&body).unwrap().adapter);
        assert_eq!(got.text, stream);
        assert_eq!(got.usage, adapter.usage());
        assert_eq!(
            got.kinds[..2],
            [StreamEventKind::NoContent, StreamEventKind::NoContent]
        );
        assert!(
            got.kinds
                .ends_with(&[StreamEventKind::Finish, StreamEventKind::Done])
        );
        if case == "tools" {
            let usage = Usage {
                input: 1_576,
                output: 88,
                cached: 1_024,
                written: 512,
                ..Usage::default()
            };
            assert_eq!(got.usage, Some(usage));
        }
    }
    assert_eq!(client.request(&body), body);
}

#[test]
fn an_error_instead_of_the_first_event_has_its_class() {
    let endpoint = endpoint("anthropic");
    for dialect in [ApiDialect::Messages, ApiDialect::Chat] {
        let client = Client::new(&endpoint, dialect);
        let body = json!({"model": "m", "stream": true, "max_tokens": 5, "messages": []});
        let stream = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}\n\n";
        let got = in_pieces(stream, || client.ask(&body).unwrap().adapter);

        assert_eq!(got.text, "");
        let error = got.error.unwrap();
        assert_eq!(
            (error.failure, &*error.message),
            (Failure::RateLimit(None), "slow")
        );
    }
}

#[test]
fn the_model_list_shows_a_working_provider() {
    let endpoint = endpoint("anthropic");
    let protocol = endpoint.protocol;
    let probe = protocol.build_probe(&endpoint);
    let body = file("anthropic/models/response.json");

    assert_eq!(probe.url, "http://upstream/v1/models?limit=1000");
    assert_eq!(probe.headers["x-api-key"], "sk-ant-api-1");
    assert!(protocol.is_probe_ok(http::StatusCode::OK, body.as_bytes()));
    assert!(!protocol.is_probe_ok(http::StatusCode::OK, b"{}"));
    assert_eq!(
        protocol.model_names(body.as_bytes()).unwrap(),
        ["claude-sonnet-5-5", "claude-haiku-5-5"]
    );
}

#[test]
fn failures_have_the_clients_error_shape() {
    let expected = json_file("inbound-anthropic/err429/expected.anthropic.json");
    let error = error(429, "Rate limit reached.");
    let body = ApiDialect::Messages.client_api().error(&error);
    let body: Value = serde_json::from_slice(&body).unwrap();

    assert_eq!(
        (&body["type"], &body["error"]),
        (&expected["type"], &expected["error"])
    );
}

#[test]
fn provider_errors_are_classified() {
    let protocol = by_kind("anthropic").unwrap();
    for (status, case, failure) in [
        (401, "err401", Failure::Auth),
        (413, "err413", Failure::TooLarge),
        (429, "err429", Failure::RateLimit(None)),
        (429, "err429_spend", Failure::Quota),
        (500, "err500", Failure::Server),
        (529, "err529", Failure::Overloaded(None)),
    ] {
        let status = http::StatusCode::from_u16(status).unwrap();
        let body = Bytes::from(file(&format!("anthropic/{case}/response.json")));
        let error = protocol.classify_error(status, &HeaderMap::new(), &body);

        assert_eq!(error.failure, failure, "{case}");
        let stated = json_file(&format!("anthropic/{case}/response.json"));
        assert_eq!(error.message, stated["error"]["message"].as_str().unwrap());
    }
}

#[test]
fn a_stream_that_ends_within_an_event_is_disconnected() {
    let endpoint = endpoint("anthropic");
    let stream = file("anthropic/stream_cut/stream.sse");
    let cut = &stream[..stream.len() - 9];
    for dialect in [ApiDialect::Messages, ApiDialect::Chat] {
        let client = Client::new(&endpoint, dialect);
        let body = json!({"model": "m", "stream": true, "max_tokens": 5, "messages": []});
        let got = in_pieces(cut, || client.ask(&body).unwrap().adapter);

        assert!(got.text.contains("Yes, the"));
        assert_eq!(
            got.error.map(|error| error.failure),
            Some(Failure::Disconnected)
        );
    }
}
