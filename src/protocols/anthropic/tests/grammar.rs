//! Rules that Messages clients rely on: blocks begin and end one after the other, and a stream
//! folds to the same message as a whole response.

use super::*;
use crate::protocols::neutral::{ChatResponse, Delta, Deltas, Finish, ReportedUsage};
use proptest::prelude::*;
use serde_json::json;

/// A segment of a response.
#[derive(Debug, Clone)]
enum Segment {
    Text(String),
    Reasoning {
        text: String,
        signature: Option<String>,
    },
    Redacted(String),
    /// Calls with fragments that are cut and interleaved by `cuts`.
    Calls {
        inputs: Vec<Option<u32>>,
        cuts: Vec<usize>,
    },
}

fn segment() -> impl Strategy<Value = Segment> {
    prop_oneof![
        ".{1,9}".prop_map(Segment::Text),
        (".{1,9}", proptest::option::of("[a-z]{1,4}"))
            .prop_map(|(text, signature)| Segment::Reasoning { text, signature }),
        "[a-z]{1,4}".prop_map(Segment::Redacted),
        (
            proptest::collection::vec(proptest::option::of(any::<u32>()), 1..4),
            proptest::collection::vec(0_usize..4, 0..40)
        )
            .prop_map(|(inputs, cuts)| Segment::Calls { inputs, cuts }),
    ]
}

fn deltas(segments: &[Segment]) -> Deltas {
    let mut deltas = vec![Delta::Start { model: None }];
    let mut calls = 0;
    for segment in segments {
        match segment {
            Segment::Text(text) => deltas.push(Delta::Text(text.clone())),
            Segment::Reasoning { text, signature } => {
                deltas.push(Delta::Reasoning(text.clone()));
                deltas.extend(signature.clone().map(Delta::Signature));
            }
            Segment::Redacted(data) => deltas.push(Delta::Redacted(data.clone())),
            Segment::Calls { inputs, cuts } => {
                called(inputs, cuts, calls, &mut deltas);
                calls += inputs.len();
            }
        }
    }
    deltas.push(Delta::End(Finish::Stop));
    deltas.into_iter().map(|delta| (0, delta)).collect()
}

/// Begins all calls, then adds fragments in turns and the rest at the end.
fn called(inputs: &[Option<u32>], cuts: &[usize], first: usize, deltas: &mut Vec<Delta>) {
    let mut left: Vec<String> = inputs
        .iter()
        .map(|input| input.map_or_else(String::new, |n| json!({"n": n, "s": "}"}).to_string()))
        .collect();
    for index in 0..inputs.len() {
        let call = first + index;
        let (id, name) = (format!("call-{call}"), "tool".to_owned());
        deltas.push(Delta::call(call, id, name, None));
    }
    let turns = cuts.iter().map(|cut| (cut % inputs.len(), 1));
    let rest = (0..inputs.len()).map(|index| (index, usize::MAX));
    for (index, length) in turns.chain(rest) {
        let whole = std::mem::take(&mut left[index]);
        let (now, later) = whole.split_at(length.min(whole.len()));
        left[index] = later.to_owned();
        if !now.is_empty() {
            let (call, text) = (first + index, now.to_owned());
            deltas.push(Delta::Arguments { call, text });
        }
    }
}

/// Reads a stream as a strict client does and returns its message.
fn message(stream: &str) -> Result<Value, String> {
    let mut message = Value::Null;
    let mut input: Option<String> = None;
    let mut open = false;
    let mut ended = false;
    let mut done = false;
    for event in events(stream) {
        let kind = event["type"].as_str().unwrap_or_default();
        let blocks = message["content"].as_array().map_or(0, Vec::len);
        let wrong = || Err(format!("{kind} at the wrong position: {event}"));
        match kind {
            _ if done || (message.is_null() != (kind == "message_start")) => return wrong(),
            "message_start" => message = event["message"].clone(),
            "content_block_start" if !open && !ended && event["index"] == blocks => {
                open = true;
                let block = event["content_block"].clone();
                message["content"].as_array_mut().unwrap().push(block);
            }
            "content_block_delta" if open && event["index"] == blocks - 1 => {
                let block = &mut message["content"][blocks - 1];
                let delta = &event["delta"];
                let (of, name) = match delta["type"].as_str().unwrap_or_default() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature"),
                    "input_json_delta" => {
                        let more = delta["partial_json"].as_str().unwrap();
                        input.get_or_insert_default().push_str(more);
                        continue;
                    }
                    _ => return wrong(),
                };
                if block["type"] != of {
                    return wrong();
                }
                let before = block[name].as_str().unwrap().to_owned();
                block[name] = (before + delta[name].as_str().unwrap()).into();
            }
            "content_block_stop" if open && event["index"] == blocks - 1 => {
                open = false;
                if let Some(text) = input.take() {
                    // The input of a call may be cut off.
                    let input = serde_json::from_str(&text).unwrap_or(Value::String(text));
                    message["content"][blocks - 1]["input"] = input;
                }
            }
            "message_delta" if !open && !ended => {
                ended = true;
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            "message_stop" if ended => done = true,
            _ => return wrong(),
        }
    }
    if done {
        Ok(message)
    } else {
        Err("no end".to_owned())
    }
}

/// Creates a delta of a badly behaved server.
fn step(kind: u8, number: usize, calls: &mut usize) -> Delta {
    let text = ["a", "{", "}", "{}"][number].to_owned();
    match kind {
        0 => Delta::Text(text),
        1 => Delta::Reasoning(text),
        2 => Delta::Signature(text),
        3 => Delta::Redacted(text),
        4 => Delta::Refusal(text),
        5 => Delta::End(Finish::Length),
        6 => Delta::Arguments { call: number, text },
        _ => {
            *calls += 1;
            Delta::call(*calls - 1, text.clone(), text, None)
        }
    }
}

proptest! {
    #[test]
    fn every_response_is_a_valid_stream_of_the_same_message(
        segments in proptest::collection::vec(segment(), 0..8),
    ) {
        let endpoint = endpoint("openai");
        let client = Client::new(&endpoint, ApiDialect::Messages);
        let tokens = Some(ReportedUsage { input: 9, output: 3, cached: Some(4), ..ReportedUsage::default() });
        let deltas = deltas(&segments);
        let encoder = || client.encoder(&json!({"model": "m"}));

        let mut out = BytesMut::new();
        let mut streaming = encoder();
        for (choice, delta) in deltas.clone() {
            streaming.write(choice, delta, &mut out);
        }
        streaming.end(tokens, &mut out);
        let whole = encoder().whole(ChatResponse::from(deltas), tokens);

        let streamed = message(std::str::from_utf8(&out).unwrap());
        prop_assert_eq!(streamed, Ok(serde_json::from_slice(&whole).unwrap()));
    }

    #[test]
    fn deltas_in_any_order_are_a_valid_stream(
        steps in proptest::collection::vec((0_u8..8, 0_usize..4), 0..30),
    ) {
        let endpoint = endpoint("openai");
        let client = Client::new(&endpoint, ApiDialect::Messages);
        let mut encoder = client.encoder(&json!({"model": "m"}));
        let mut out = BytesMut::new();
        let mut calls = 0;
        for (kind, number) in steps {
            encoder.write(0, step(kind, number, &mut calls), &mut out);
        }
        encoder.end(None, &mut out);

        let streamed = message(std::str::from_utf8(&out).unwrap());
        prop_assert!(streamed.is_ok(), "{:?}", streamed);
    }
}

#[test]
fn a_refusal_has_its_own_stop_reason() {
    let endpoint = endpoint("openai");
    let client = Client::new(&endpoint, ApiDialect::Messages);
    let mut encoder = client.encoder(&json!({"model": "m"}));
    let mut out = BytesMut::new();
    for delta in [Delta::Refusal("No.".to_owned()), Delta::End(Finish::Stop)] {
        encoder.write(0, delta, &mut out);
    }
    encoder.end(None, &mut out);

    let events = events(std::str::from_utf8(&out).unwrap());
    let delta = json!({
        "stop_reason": "refusal",
        "stop_sequence": null,
        "stop_details": {"type": "refusal", "category": null, "explanation": "No."},
    });
    // Most clients show texts only.
    assert_eq!(events[2]["delta"]["text"], "No.");
    assert_eq!(events[4]["delta"], delta);
}
