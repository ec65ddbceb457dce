//! Requests and answers as they are recorded, and what is peculiar to Gemini.

mod answers;
mod requests;

use super::Gemini;
use super::decode::Decoder;
use super::provider_api::KEY;
use super::{contents, generation, response};
use crate::protocols::neutral::DroppedFields;
use crate::protocols::neutral::{ChatResponse, Decode, DecodeStep, Deltas, TranslationError};
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, ModelTraits, PreparedCall, ProviderApi, RawObject,
    ReasoningCache, Splitter,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A recorded file of `tests/fixtures`.
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

/// Runs with a chat request to a model.
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

/// What a stream says that comes in these reads, and where it left the decoder.
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
    // A memory takes longer to make than all that these tests read.
    static RECALL: LazyLock<ReasoningCache> = LazyLock::new(ReasoningCache::default);
    Decoder::new("1", RECALL.clone())
}

/// The whole of a stream that came in one read.
fn reply_of(decoder: &mut Decoder, stream: &[u8]) -> ChatResponse {
    let (deltas, step) = read(decoder, &[stream]);
    assert_eq!(step, DecodeStep::More);
    ChatResponse::of(deltas)
}
