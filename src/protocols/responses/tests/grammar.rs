//! Every stream follows the grammar and has the same content as the whole response.

use super::super::decode::Decoder;
use crate::protocols::neutral::{
    ChatResponse, ContentPart, Decode, DecodeStep, Delta, Deltas, Encode, Finish, ReportedUsage,
};
use crate::protocols::sse::EventSplitter;
use crate::protocols::test_support::with_call;
use crate::protocols::{ApiDialect, ErrorBody};
use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

const TOKENS: ReportedUsage = ReportedUsage {
    input: 9,
    output: 5,
    cached: Some(4),
    written: Some(1),
    written_long: None,
    reasoning: Some(2),
};

fn encoder() -> Box<dyn Encode> {
    let body = r#"{"model":"m","input":"a","stream":true,"store":false}"#;
    with_call(ApiDialect::Responses, body, |call| {
        ApiDialect::Responses.client_api().encoder(call)
    })
}

/// Deltas in any order; a fragment belongs to one of the calls so far. Fragments of `b`, `c` and
/// `d` never make JSON, so that every call stays open to the end.
fn answers() -> impl Strategy<Value = Deltas> {
    let step = (0..5_u8, any::<prop::sample::Index>(), "[b-d\"\\\\é]{1,4}");
    let steps = prop::collection::vec(step, 0..24);
    let cut = prop::option::of(prop::sample::select(vec![
        Finish::Length,
        Finish::ContentFilter,
    ]));
    (steps, cut).prop_map(|(steps, cut)| {
        let mut deltas = vec![Delta::Start {
            model: Some("m-1".to_owned()),
        }];
        let mut calls = 0;
        for (kind, call, text) in steps {
            match kind {
                0 => deltas.push(Delta::Text(text)),
                1 => deltas.push(Delta::Refusal(text)),
                2 => deltas.push(Delta::Reasoning(text)),
                3 => {
                    deltas.push(Delta::call(calls, format!("c{calls}"), text, None));
                    calls += 1;
                }
                _ if calls > 0 => deltas.push(Delta::Arguments {
                    call: call.index(calls),
                    text,
                }),
                _ => {}
            }
        }
        let default = if calls > 0 {
            Finish::ToolCalls
        } else {
            Finish::Stop
        };
        deltas.push(Delta::End(cut.unwrap_or(default)));
        deltas.into_iter().map(|delta| (0, delta)).collect()
    })
}

fn stream(deltas: Deltas) -> BytesMut {
    let (mut encoder, mut out) = (encoder(), BytesMut::new());
    for (choice, delta) in deltas {
        encoder.write(choice, delta, &mut out);
    }
    encoder.end(Some(TOKENS), &mut out);
    out
}

/// Returns the events with their names.
fn events(bytes: &[u8]) -> Vec<(String, Value)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let name = name.strip_prefix("event: ").unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        (name.to_owned(), serde_json::from_str(data).unwrap())
    });
    events.collect()
}

/// The events of one item so far.
#[derive(Default)]
struct Seen {
    id: String,
    text: String,
    done: Option<Value>,
}

fn check(bytes: &[u8]) {
    let events = events(bytes);
    let (_, last) = events.last().unwrap();
    let mut items: BTreeMap<u64, Seen> = BTreeMap::new();
    for (index, (name, event)) in events.iter().enumerate() {
        assert_eq!(event["type"], **name);
        assert_eq!(event["sequence_number"], index);
        let Some(index) = event["output_index"].as_u64() else {
            continue;
        };
        if name == "response.output_item.added" {
            assert_eq!(index, items.len() as u64);
            let id = event["item"]["id"].as_str().unwrap().to_owned();
            items.insert(
                index,
                Seen {
                    id,
                    ..Seen::default()
                },
            );
            continue;
        }
        let seen = items.get_mut(&index).unwrap();
        assert_eq!(seen.done, None, "{name} after the item's end");
        if name == "response.output_item.done" {
            assert_eq!(event["item"]["id"], *seen.id);
            seen.done = Some(event["item"].clone());
        } else {
            assert_eq!(event["item_id"], *seen.id);
        }
        if name.rsplit('.').next() == Some("delta") {
            seen.text.push_str(event["delta"].as_str().unwrap());
        }
    }
    let output = last["response"]["output"].as_array().unwrap();
    assert_eq!(output.len(), items.len());
    for (seen, item) in items.values().zip(output) {
        assert_eq!(seen.done.as_ref(), Some(item));
        let parts = item["content"].as_array().or(item["summary"].as_array());
        let parts = parts.into_iter().flatten();
        let text = |part: &Value| {
            let text = part["text"].as_str().or(part["refusal"].as_str());
            text.unwrap().to_owned()
        };
        let content: String = parts.map(text).collect();
        assert_eq!(seen.text, item["arguments"].as_str().unwrap_or(&content));
    }
    let names: Vec<&str> = events.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names[..2], ["response.created", "response.in_progress"]);
    let status = last["response"]["status"].as_str().unwrap();
    assert_eq!(names.last(), Some(&&*format!("response.{status}")));
}

/// Decodes a stream with the gateway's own decoder.
fn decoded(bytes: &[u8]) -> (Deltas, Option<ReportedUsage>) {
    let (mut decoder, mut deltas) = (Decoder::new("1"), Deltas::new());
    let mut splitter = EventSplitter::default();
    splitter.push(bytes);
    let mut step = DecodeStep::More;
    while let Some(event) = splitter.next_event().unwrap() {
        assert_eq!(step, DecodeStep::More);
        step = decoder.read(&event, &mut deltas);
    }
    assert_eq!(step, DecodeStep::Done);
    (deltas, decoder.tokens())
}

/// Replaces missing arguments of calls by an empty object.
fn filled(mut response: ChatResponse) -> ChatResponse {
    for part in response
        .choices
        .iter_mut()
        .flat_map(|choice| &mut choice.parts)
    {
        if let ContentPart::ToolCall(call) = part
            && call.arguments.is_empty()
        {
            call.arguments = "{}".to_owned();
        }
    }
    response
}

proptest! {
    #[test]
    fn any_response_is_a_valid_stream_with_the_same_content(deltas in answers()) {
        let bytes = stream(deltas.clone());
        check(&bytes);
        let (collected, tokens) = decoded(&bytes);
        let response = filled(ChatResponse::from(deltas));
        prop_assert_eq!(ChatResponse::from(collected), response.clone());
        prop_assert_eq!(tokens, Some(TOKENS));

        let whole = encoder().whole(response, Some(TOKENS));
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let (_, last) = events(&bytes).pop().unwrap();
        for name in ["model", "incomplete_details", "usage", "status"] {
            prop_assert_eq!(&whole[name], &last["response"][name]);
        }
        let shape = |response: &Value| -> Vec<Value> {
            let items = response["output"].as_array().unwrap().iter();
            items.map(|item| serde_json::json!([item["id"], item["type"], item["content"], item["arguments"]])).collect()
        };
        prop_assert_eq!(shape(&whole), shape(&last["response"]));
    }
}

#[test]
fn a_complete_call_ends_before_the_next_begins() {
    let call = |call: usize| Delta::call(call, format!("c{call}"), "f".to_owned(), None);
    let more = |call: usize, text: &str| Delta::Arguments {
        call,
        text: text.to_owned(),
    };
    let deltas = [
        call(0),
        more(0, "{\"a\":"),
        more(0, "1}"),
        call(1),
        more(1, "{}"),
    ];
    let bytes = stream(deltas.into_iter().map(|delta| (0, delta)).collect());
    let names: Vec<String> = events(&bytes).into_iter().map(|(name, _)| name).collect();
    let index = |wanted: &str| names.iter().position(|name| name == wanted);
    let last = names
        .iter()
        .rposition(|name| name == "response.output_item.added");

    assert!(index("response.output_item.done") < last);
    check(&bytes);
}

#[test]
fn a_broken_stream_ends_in_an_error_and_a_failed_response() {
    let (mut encoder, mut out) = (encoder(), BytesMut::new());
    encoder.write(0, Delta::Text("a".to_owned()), &mut out);
    let error = ErrorBody {
        status: 503,
        kind: "service_unavailable_error".to_owned(),
        code: Some("server_is_overloaded".to_owned()),
        param: None,
        message: "v: busy".to_owned(),
        overflow: None,
        request_id: None,
    };
    encoder.broken(&error, &mut out);
    let events = events(&out);
    let [.., (error, data), (failed, last)] = &events[..] else {
        panic!("too few events")
    };

    assert_eq!((&**error, &**failed), ("error", "response.failed"));
    assert_eq!(data["code"], "server_is_overloaded");
    assert_eq!(data["message"], "v: busy");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(last["response"]["error"]["message"], "v: busy");
    assert_eq!(last["sequence_number"], events.len() - 1);
}

#[test]
fn a_citation_belongs_to_the_text_before_it() {
    let link = serde_json::json!({"type": "url_citation", "url_citation": {
        "url": "https://h", "title": "t", "start_index": 0, "end_index": 1,
    }});
    let deltas = [Delta::Text("a".to_owned()), Delta::Annotation(link)];
    let deltas: Deltas = deltas.into_iter().map(|delta| (0, delta)).collect();
    let bytes = stream(deltas.clone());
    check(&bytes);

    let (_, last) = events(&bytes).pop().unwrap();
    let cited = &last["response"]["output"][0]["content"][0]["annotations"][0];
    assert_eq!(cited["url"], "https://h");
    let annotations = |deltas| ChatResponse::from(deltas).choices[0].annotations.clone();
    assert_eq!(annotations(decoded(&bytes).0), annotations(deltas));
}
