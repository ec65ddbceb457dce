//! Support for the tests of protocols: a call, an endpoint, and an upstream that sends in pieces.

use super::call::CallSpec;
use super::model_traits::ModelTraits;
use super::response_adapter::{ResponseAdapter, StreamEventKind};
use super::{ApiDialect, Endpoint, ErrorBody, RawObject, Splitter, UpstreamError, by_kind};
use crate::domain::Failure;
use bytes::BytesMut;
use http::HeaderMap;
use serde_json::Value;

/// Calls `run` with a call of that body.
pub(super) fn with_call<T>(
    dialect: ApiDialect,
    body: &str,
    run: impl FnOnce(&CallSpec<'_>) -> T,
) -> T {
    let object: RawObject<'_> = serde_json::from_str(body).unwrap();
    let model: String = object.read("model").unwrap_or_else(|| "m".to_owned());
    run(&CallSpec {
        dialect,
        object: &object,
        headers: &HeaderMap::new(),
        model: &model,
        traits: &ModelTraits::UNSTATED,
        prompt: 9,
        stream: object.read("stream").unwrap_or(false),
        wants_usage: dialect.client_api().wants_usage(&object),
        id: "1",
        created: 7,
        use_fallback: false,
    })
}

pub(super) fn endpoint(kind: &str, base_url: &str) -> Endpoint {
    Endpoint::new(base_url, Some("k"), kind, by_kind(kind).unwrap()).unwrap()
}

/// Reads a file of `tests/fixtures`.
pub(super) fn recorded(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    std::fs::read_to_string(format!("{root}/{path}")).unwrap()
}

/// The stream that a client received, and its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CollectedStream {
    pub output: String,
    pub end: Result<(), UpstreamError>,
}

/// Feeds a stream in pieces, as the gateway does.
pub(super) fn feed<'p>(
    adapter: &mut dyn ResponseAdapter,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> CollectedStream {
    let mut splitter = Splitter::new(adapter.framing());
    let mut out = BytesMut::new();
    let mut end = None;
    for piece in pieces {
        splitter.push(piece);
        while let (None, Some(event)) = (&end, splitter.next_event().unwrap()) {
            end = end_of(adapter.read(&event, &mut out));
        }
    }
    while let (None, Some(event)) = (&end, splitter.rest()) {
        end = end_of(adapter.read(&event, &mut out));
    }
    let end = end.unwrap_or_else(|| {
        if adapter.may_end() {
            adapter.close(&mut out);
            Ok(())
        } else {
            Err(UpstreamError::without_response(
                Failure::Disconnected,
                "cut",
            ))
        }
    });
    if let Err(error) = &end {
        let body = ErrorBody {
            status: 502,
            kind: "server_error".to_owned(),
            code: error.code.clone(),
            param: None,
            message: error.message.clone(),
            overflow: error.overflow.as_deref().copied(),
            request_id: None,
        };
        adapter.broken(&body, &mut out);
    }
    CollectedStream {
        output: String::from_utf8(out.to_vec()).unwrap(),
        end,
    }
}

fn end_of(kind: StreamEventKind) -> Option<Result<(), UpstreamError>> {
    match kind {
        StreamEventKind::Done => Some(Ok(())),
        StreamEventKind::Broken(error) => Some(Err(error)),
        _ => None,
    }
}

/// Returns the events of a stream as JSON; `[DONE]` is a string.
pub(super) fn events(output: &str) -> Vec<Value> {
    let data = output
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
        .collect()
}
