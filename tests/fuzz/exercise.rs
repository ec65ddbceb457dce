//! Properties that hold for any bytes. The fuzz targets call this code with bytes from libFuzzer,
//! the test suite with damaged recordings.

use aibal_tui::protocols::{
    ApiDialect, CallSpec, Endpoint, ErrorBody, Framing, ModelTraits, RawObject, ResponseAdapter,
    Splitter, StreamEventKind, VertexLocation, by_kind, kinds, whole_from,
};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;

/// The protocols of clients.
pub const DIALECTS: [ApiDialect; 6] = [
    ApiDialect::Chat,
    ApiDialect::Messages,
    ApiDialect::Responses,
    ApiDialect::Completions,
    ApiDialect::GenerateContent,
    ApiDialect::Ollama,
];

/// Returns a minimal request of each protocol.
fn smallest(dialect: ApiDialect) -> &'static [u8] {
    match dialect {
        ApiDialect::Chat | ApiDialect::Messages | ApiDialect::Ollama => {
            br#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#
        }
        ApiDialect::Responses => br#"{"input":"a"}"#,
        ApiDialect::Completions => br#"{"prompt":"a"}"#,
        ApiDialect::GenerateContent => br#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
    }
}

fn endpoint(kind: &str) -> Endpoint {
    let protocol = by_kind(kind).expect("a kind from the list");
    let endpoint = Endpoint::new("http://127.0.0.1:1/v1", Some("key"), kind, protocol);
    let mut endpoint = endpoint.expect("a key that fits into a header");
    endpoint.location = Some(VertexLocation {
        project: "p".to_owned(),
        location: "global".to_owned(),
    });
    endpoint
}

/// Returns the response adapter for a request, and the body that goes to the provider.
fn ask(
    kind: &str,
    dialect: ApiDialect,
    body: &[u8],
    stream: bool,
) -> Option<(Box<dyn ResponseAdapter>, Bytes)> {
    let object: RawObject<'_> = serde_json::from_slice(body).ok()?;
    let call = CallSpec {
        dialect,
        object: &object,
        headers: &HeaderMap::new(),
        model: "m",
        prompt: 9,
        traits: &ModelTraits::UNSTATED,
        stream,
        wants_usage: true,
        id: "1",
        created: 1,
        use_fallback: false,
    };
    let endpoint = endpoint(kind);
    let prepared = endpoint.protocol.build_request(&endpoint, &call).ok()?;
    Some((prepared.adapter, prepared.request.body))
}

/// Returns the framing of a provider's streams.
pub fn framing(kind: &str, dialect: ApiDialect) -> Framing {
    let (adapter, _) = ask(kind, dialect, smallest(dialect), true).expect("a good request");
    adapter.framing()
}

/// Returns what a client gets of a whole answer; the provider's fault where it is unusable.
pub fn whole_answer(kind: &str, dialect: ApiDialect, body: &[u8]) -> Result<Bytes, String> {
    let (mut adapter, _) = ask(kind, dialect, smallest(dialect), false).expect("a good request");
    let body = whole_from(&mut *adapter, Bytes::copy_from_slice(body));
    body.map_err(|error| error.message)
}

/// Returns what a client gets of a stream; the provider's fault where it breaks.
pub fn streamed_answer(kind: &str, dialect: ApiDialect, stream: &[u8]) -> Result<String, String> {
    let (mut adapter, _) = ask(kind, dialect, smallest(dialect), true).expect("a good request");
    let mut splitter = Splitter::new(adapter.framing());
    let mut out = BytesMut::new();
    splitter.push(stream);
    let mut events = Vec::new();
    while let Ok(Some(event)) = splitter.next_event() {
        events.push(event);
    }
    while let Some(event) = splitter.rest() {
        events.push(event);
    }
    for event in events {
        match adapter.read(&event, &mut out) {
            StreamEventKind::Broken(error) => return Err(error.message),
            StreamEventKind::Done => return Ok(String::from_utf8_lossy(&out).into_owned()),
            _ => {}
        }
    }
    if !adapter.may_end() {
        return Err("cut".to_owned());
    }
    adapter.close(&mut out);
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Reads a stream. The first bytes choose the provider, the client and the size of the pieces.
pub fn stream(bytes: &[u8]) {
    let [kind, dialect, piece, stream @ ..] = bytes else {
        return;
    };
    let kinds = kinds();
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let dialect = DIALECTS[usize::from(*dialect) % DIALECTS.len()];
    through(kind, dialect, usize::from(*piece).max(1), stream);
}

/// Feeds a stream from a provider to a client. Every event that the client gets is
/// JSON, and a broken response never looks complete.
pub fn through(kind: &str, dialect: ApiDialect, piece: usize, stream: &[u8]) {
    let (mut adapter, _) = ask(kind, dialect, smallest(dialect), true).expect("a good request");
    let mut splitter = Splitter::new(adapter.framing());
    let mut out = BytesMut::new();
    let mut end = None;
    for part in stream.chunks(piece) {
        splitter.push(part);
        while let Ok(Some(event)) = splitter.next_event() {
            end = ending(&adapter.read(&event, &mut out));
            if end.is_some() {
                return check_end(adapter.as_mut(), dialect, end, out);
            }
        }
    }
    while let (None, Some(event)) = (end, splitter.rest()) {
        end = ending(&adapter.read(&event, &mut out));
    }
    if end.is_none() && adapter.may_end() {
        adapter.close(&mut out);
        end = Some(true);
    }
    check_end(adapter.as_mut(), dialect, end, out);
}

/// Returns true for a complete response, false for a broken one; `None` while it goes on.
fn ending(kind: &StreamEventKind) -> Option<bool> {
    match kind {
        StreamEventKind::Done => Some(true),
        StreamEventKind::Broken(_) => Some(false),
        StreamEventKind::Content | StreamEventKind::NoContent | StreamEventKind::Finish => None,
    }
}

fn check_end(
    adapter: &mut dyn ResponseAdapter,
    dialect: ApiDialect,
    end: Option<bool>,
    mut out: BytesMut,
) {
    let is_whole = end == Some(true);
    if !is_whole {
        let error = ErrorBody {
            status: 502,
            kind: "server_error".to_owned(),
            code: Some("upstream_disconnected".to_owned()),
            param: None,
            message: "the stream broke".to_owned(),
            overflow: None,
            request_id: None,
        };
        adapter.broken(&error, &mut out);
    }
    let _reads_without_panic = (adapter.usage(), adapter.text_bytes());
    let text = String::from_utf8_lossy(&out);
    let data = text
        .lines()
        .map(|line| line.strip_prefix("data:").unwrap_or(line));
    let mut data = data.map(str::trim).filter(|data| !data.is_empty());
    let looks_whole = match dialect {
        // Nothing follows the last event, not even an error.
        ApiDialect::GenerateContent => data.next_back().is_some_and(|data| is_last(dialect, data)),
        _ => data.any(|data| is_last(dialect, data)),
    };
    assert!(
        is_whole || !looks_whole,
        "the response is broken but looks complete: {text}"
    );
}

/// Checks whether clients read an event's data as the end of a complete response.
fn is_last(dialect: ApiDialect, data: &str) -> bool {
    let read = || serde_json::from_str::<serde_json::Value>(data).unwrap_or_default();
    match dialect {
        ApiDialect::Chat | ApiDialect::Completions => data == "[DONE]",
        ApiDialect::GenerateContent => read()["error"].is_null(),
        ApiDialect::Ollama => read()["done"] == true,
        ApiDialect::Messages => read()["type"] == "message_stop",
        ApiDialect::Responses => {
            let kind = &read()["type"];
            kind == "response.completed" || kind == "response.incomplete"
        }
    }
}

/// Translates a request, whose result must be JSON. The first byte chooses provider and client.
pub fn request(bytes: &[u8]) {
    let [choice, body @ ..] = bytes else {
        return;
    };
    let kinds = kinds();
    let kind = kinds[usize::from(*choice) % kinds.len()];
    let dialect = DIALECTS[usize::from(*choice) / kinds.len() % DIALECTS.len()];
    if let Some((_, request)) = ask(kind, dialect, body, choice % 2 == 0) {
        // Only the syntax is checked: numbers beyond the gateway's range pass to the provider.
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(&request);
        assert!(
            read.is_ok(),
            "the request to {kind} is not JSON: {request:?}"
        );
    }
}
