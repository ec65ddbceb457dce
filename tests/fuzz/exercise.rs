//! What must hold whatever the bytes are. The fuzz targets call it with bytes that libFuzzer
//! finds, the test suite with recorded ones that were damaged.

use aibal_tui::protocols::{
    ApiDialect, CallSpec, Endpoint, ErrorBody, ModelTraits, RawObject, ResponseAdapter, Splitter,
    StreamEventKind, VertexLocation, by_kind, kinds,
};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;

const DIALECTS: [ApiDialect; 3] = [
    ApiDialect::Chat,
    ApiDialect::Messages,
    ApiDialect::Responses,
];

/// A smallest request of each protocol.
fn smallest(dialect: ApiDialect) -> &'static [u8] {
    match dialect {
        ApiDialect::Chat | ApiDialect::Messages => {
            br#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#
        }
        ApiDialect::Responses => br#"{"input":"a"}"#,
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

/// The passage for a request, and the bytes that go to the provider.
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

/// The first bytes choose the provider, the client and the size of the pieces.
pub fn stream(bytes: &[u8]) {
    let [kind, dialect, piece, stream @ ..] = bytes else {
        return;
    };
    let kinds = kinds();
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let dialect = DIALECTS[usize::from(*dialect) % DIALECTS.len()];
    through(kind, dialect, usize::from(*piece).max(1), stream);
}

/// Feeds a stream from a provider to a client. However it goes, every event that the client gets
/// is JSON, and an answer that broke never looks whole.
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
                return judge(adapter.as_mut(), dialect, end, out);
            }
        }
    }
    if let Some(event) = splitter.rest() {
        end = ending(&adapter.read(&event, &mut out));
    }
    if end.is_none() && adapter.may_end() {
        adapter.close(&mut out);
        end = Some(true);
    }
    judge(adapter.as_mut(), dialect, end, out);
}

/// Whether the answer is whole, once that is known.
fn ending(meaning: &StreamEventKind) -> Option<bool> {
    match meaning {
        StreamEventKind::Done => Some(true),
        StreamEventKind::Broken(_) => Some(false),
        StreamEventKind::Content | StreamEventKind::NoContent | StreamEventKind::Finish => None,
    }
}

fn judge(
    adapter: &mut dyn ResponseAdapter,
    dialect: ApiDialect,
    end: Option<bool>,
    mut out: BytesMut,
) {
    let is_whole = end == Some(true);
    if !is_whole {
        let told = ErrorBody {
            status: 502,
            kind: "server_error".to_owned(),
            code: Some("upstream_disconnected".to_owned()),
            param: None,
            message: "it broke".to_owned(),
        };
        adapter.broken(&told, &mut out);
    }
    let _reads_without_panic = (adapter.usage(), adapter.text_bytes());
    let text = String::from_utf8_lossy(&out);
    let mut data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let looks_whole = data.any(|data| is_last(dialect, data.trim()));
    assert!(is_whole || !looks_whole, "it broke but looks whole: {text}");
}

/// Whether clients take an event's data for the end of a whole answer.
fn is_last(dialect: ApiDialect, data: &str) -> bool {
    let read = || serde_json::from_str::<serde_json::Value>(data).unwrap_or_default();
    match dialect {
        ApiDialect::Chat => data == "[DONE]",
        ApiDialect::Messages => read()["type"] == "message_stop",
        ApiDialect::Responses => {
            let kind = &read()["type"];
            kind == "response.completed" || kind == "response.incomplete"
        }
    }
}

/// The first byte chooses the provider and the client; what is sent on is JSON.
pub fn request(bytes: &[u8]) {
    let [choice, body @ ..] = bytes else {
        return;
    };
    let kinds = kinds();
    let kind = kinds[usize::from(*choice) % kinds.len()];
    let dialect = DIALECTS[usize::from(*choice) / kinds.len() % DIALECTS.len()];
    if let Some((_, request)) = ask(kind, dialect, body, choice % 2 == 0) {
        // Only as JSON: a number of the client's that is too large for us is the provider's to judge.
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(&request);
        assert!(read.is_ok(), "what goes to {kind} is no JSON: {request:?}");
    }
}
