mod answers;
mod exchanges;
mod grammar;
mod inbound;
mod requests;

use crate::protocols::neutral::{Encode, TranslationError};
use crate::protocols::{
    ApiDialect, CallSpec, Endpoint, ErrorBody, ModelTraits, PreparedCall, RawObject,
    ResponseAdapter, Splitter, StreamEventKind, UpstreamError, by_kind,
};
use bytes::BytesMut;
use http::HeaderMap;
use serde_json::{Value, json};
use std::path::Path;

/// Creates an endpoint with the protocol that `kind` selects.
fn endpoint(kind: &str) -> Endpoint {
    let protocol = by_kind(kind).unwrap();
    Endpoint::new("http://upstream/v1", Some("sk-ant-api-1"), kind, protocol).unwrap()
}

/// Translates requests of a client for an upstream.
struct Client<'e> {
    endpoint: &'e Endpoint,
    dialect: ApiDialect,
    traits: ModelTraits,
    headers: HeaderMap,
}

impl<'e> Client<'e> {
    fn new(endpoint: &'e Endpoint, dialect: ApiDialect) -> Self {
        Self {
            endpoint,
            dialect,
            traits: ModelTraits::UNSTATED,
            headers: HeaderMap::new(),
        }
    }

    fn with<T>(&self, body: &Value, run: impl FnOnce(&CallSpec<'_>) -> T) -> T {
        let text = body.to_string();
        let object: RawObject<'_> = serde_json::from_str(&text).unwrap();
        run(&CallSpec {
            dialect: self.dialect,
            object: &object,
            headers: &self.headers,
            model: body["model"].as_str().unwrap_or("m"),
            traits: &self.traits,
            stream: object.read("stream").unwrap_or(false),
            wants_usage: self.dialect.client_api().wants_usage(&object),
            id: "1",
            created: 7,
            prompt: 0,
            use_fallback: false,
        })
    }

    fn ask(&self, body: &Value) -> Result<PreparedCall, TranslationError> {
        self.with(body, |call| {
            self.endpoint.protocol.build_request(self.endpoint, call)
        })
    }

    fn encoder(&self, body: &Value) -> Box<dyn Encode> {
        self.with(body, |call| call.dialect.client_api().encoder(call))
    }

    /// Returns the body that the upstream would get.
    fn request(&self, body: &Value) -> Value {
        sent(&self.ask(body).unwrap())
    }
}

fn sent(prepared: &PreparedCall) -> Value {
    serde_json::from_slice(&prepared.request.body).unwrap()
}

/// Reads a file of a recorded exchange.
fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn json_file(name: &str) -> Value {
    serde_json::from_str(&file(name)).unwrap()
}

/// The stream that a client received.
#[derive(Debug, PartialEq)]
struct Received {
    text: String,
    error: Option<UpstreamError>,
    usage: Option<crate::domain::Usage>,
    kinds: Vec<StreamEventKind>,
}

/// Feeds a stream in pieces.
fn feed<'p>(adapter: &mut dyn ResponseAdapter, pieces: impl Iterator<Item = &'p [u8]>) -> Received {
    let mut splitter = Splitter::new(adapter.framing());
    let mut out = BytesMut::new();
    let mut kinds = Vec::new();
    for piece in pieces {
        splitter.push(piece);
        while let Some(event) = splitter.next_event().unwrap() {
            kinds.push(adapter.read(&event, &mut out));
        }
    }
    if let Some(event) = splitter.rest() {
        kinds.push(adapter.read(&event, &mut out));
    }
    let error = kinds.iter().find_map(|kind| match kind {
        StreamEventKind::Broken(error) => Some(error.clone()),
        _ => None,
    });
    if !kinds.contains(&StreamEventKind::Done) && error.is_none() && adapter.may_end() {
        adapter.close(&mut out);
    }
    Received {
        text: String::from_utf8(out.to_vec()).unwrap(),
        error,
        usage: adapter.usage(),
        kinds,
    }
}

/// Feeds a stream whole, byte by byte and in pieces, and checks that the client gets the same.
fn in_pieces(stream: &str, adapter: impl Fn() -> Box<dyn ResponseAdapter>) -> Received {
    let bytes = stream.as_bytes();
    let whole = feed(&mut *adapter(), [bytes].into_iter());
    for length in [1, 2, 3, 7, 61, 509] {
        let got = feed(&mut *adapter(), bytes.chunks(length));
        assert_eq!(got, whole, "in pieces of {length}");
    }
    whole
}

fn error(status: u16, message: &str) -> ErrorBody {
    ErrorBody {
        status,
        kind: "server_error".to_owned(),
        code: None,
        param: None,
        message: message.to_owned(),
        overflow: None,
        request_id: None,
    }
}

/// Returns the data of events, without their names.
fn events(stream: &str) -> Vec<Value> {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Removes fields that may differ: generated ids, and null fields.
fn tidy(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.retain(|name, value| !value.is_null() && name != "created");
            for (name, value) in members.iter_mut() {
                let is_new = value
                    .as_str()
                    .is_some_and(|text| text.starts_with("chatcmpl-") || text.starts_with("msg_"));
                *value = match (name.as_str(), value.take()) {
                    ("id", _) if is_new => "new".into(),
                    ("arguments", Value::String(text)) => serde_json::from_str(&text).unwrap(),
                    (_, value) => tidy(value),
                };
            }
        }
        Value::Array(list) => list
            .iter_mut()
            .for_each(|value| *value = tidy(value.take())),
        _ => {}
    }
    value
}

/// Creates a chat request with additional fields.
fn chat(members: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

/// Traits of a model that takes a number of thinking tokens.
fn thinker() -> ModelTraits {
    ModelTraits {
        reasoning: Some(true),
        ..ModelTraits::UNSTATED
    }
}
