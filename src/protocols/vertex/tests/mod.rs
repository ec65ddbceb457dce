//! Requests to Vertex AI, and tokens from a local server.

mod requests;
mod token_server;
mod tokens;

use super::Vertex;
use crate::protocols::neutral::TranslationError;
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, ModelTraits, OutboundRequest, PreparedCall, ProviderApi,
    RawObject, TokenSource, UpstreamError, VertexLocation,
};
use bytes::Bytes;
use http::header::AUTHORIZATION;
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

/// An endpoint in Google's cloud, with a plain token where one is given.
fn endpoint(token: Option<&str>) -> Endpoint {
    let base = "https://aiplatform.googleapis.com";
    let mut endpoint = Endpoint::new(base, token, "vertex", &Vertex).unwrap();
    endpoint.location = Some(VertexLocation {
        project: "fx-proj".to_owned(),
        location: "global".to_owned(),
    });
    endpoint
}

/// Calls `run` with a chat request to a model.
fn with_call<T>(text: &[u8], use_fallback: bool, run: impl FnOnce(&CallSpec<'_>) -> T) -> T {
    let object: RawObject<'_> = serde_json::from_slice(text).unwrap();
    let model: String = object.read("model").unwrap();
    run(&CallSpec {
        dialect: ApiDialect::Chat,
        object: &object,
        headers: &HeaderMap::new(),
        model: &model,
        traits: &ModelTraits::UNSTATED,
        stream: object.read("stream").unwrap_or(false),
        wants_usage: true,
        id: "1",
        created: 7,
        prompt: 9,
        use_fallback,
    })
}

fn body_of(request: &OutboundRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}
