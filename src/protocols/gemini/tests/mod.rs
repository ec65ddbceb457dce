//! Recorded requests and responses, and the features that only Gemini has.

mod answers;
mod requests;

use super::Gemini;
use super::decode::Decoder;
use super::provider_api::KEY;
use super::response;
use crate::protocols::neutral::{ChatResponse, Decode, DecodeStep, Deltas, TranslationError};
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, ModelTraits, PreparedCall, ProviderApi, RawObject, Splitter,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Reads a recorded file of `tests/fixtures`.
fn fixture(name: &str) -> Bytes {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).expect(&path).into()
}

fn json_of(name: &str) -> Value {
    serde_json::from_slice(&fixture(name)).expect(name)
}

fn endpoint() -> Endpoint {
    let base = "https://generativelanguage.googleapis.com/v1beta";
    Endpoint::new(base, Some("key-fx"), "gemini", &Gemini).unwrap()
}

/// Calls `run` with a chat request to a model.
fn with_call<T>(text: &[u8], traits: &ModelTraits, run: impl FnOnce(&CallSpec<'_>) -> T) -> T {
    let object: RawObject<'_> = serde_json::from_slice(text).unwrap();
    let model: String = object.read("model").unwrap();
    run(&CallSpec {
        dialect: ApiDialect::Chat,
        object: &object,
        headers: &HeaderMap::new(),
        model: &model,
        traits,
        stream: object.read("stream").unwrap_or(false),
        wants_usage: true,
        id: "1",
        created: 7,
        prompt: 9,
        use_fallback: false,
    })
}

fn ask(endpoint: &Endpoint, text: &[u8]) -> Result<PreparedCall, TranslationError> {
    with_call(text, &ModelTraits::UNSTATED, |call| {
        Gemini.build_request(endpoint, call)
    })
}

fn body_of(prepared: &PreparedCall) -> Value {
    serde_json::from_slice(&prepared.request.body).unwrap()
}

/// Decodes a stream that arrives in these reads; returns its deltas and the last step.
fn read(decoder: &mut Decoder, reads: &[&[u8]]) -> (Deltas, DecodeStep) {
    let (mut deltas, mut step) = (Deltas::new(), DecodeStep::More);
    let mut splitter = Splitter::new(decoder.framing());
    let mut events = Vec::new();
    for bytes in reads {
        splitter.push(bytes);
        while let Some(event) = splitter.next_event().unwrap() {
            events.push(event);
        }
    }
    events.extend(splitter.rest());
    for event in events {
        step = decoder.read(&event, &mut deltas);
        if step != DecodeStep::More {
            break;
        }
    }
    (deltas, step)
}

fn decoder() -> Decoder {
    // Building a cache is slow, so all tests share one.
    Decoder::new("1")
}

/// Decodes a stream that arrives in one read.
fn response_of(decoder: &mut Decoder, stream: &[u8]) -> ChatResponse {
    let (deltas, step) = read(decoder, &[stream]);
    assert_eq!(step, DecodeStep::More);
    ChatResponse::from(deltas)
}
