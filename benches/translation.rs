//! Cost of a request and a response: passed unchanged where client and provider have the same
//! protocol, and translated otherwise. Measures time and allocated memory.
//!
//! `cargo bench --bench translation`. A stream's figures cover all of its recorded events; the
//! item counter counts events, so time per event is the reciprocal of the item rate.

use aibal_tui::protocols::{
    ApiDialect, CallSpec, Endpoint, ModelTraits, RawObject, ResponseAdapter, Splitter,
    VertexLocation, by_kind,
};
use bytes::{Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use http::HeaderMap;
use std::path::Path;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Client's protocol, provider's kind, and the folder with their recordings.
type Pair = (ApiDialect, &'static str, &'static str);

const PASSED: &[&str] = &["openai", "xai", "openai-compatible"];
const PAIRS: [Pair; 7] = [
    (ApiDialect::Chat, "openai", "openai"),
    (ApiDialect::Chat, "xai", "xai"),
    (ApiDialect::Chat, "anthropic", "anthropic"),
    (ApiDialect::Chat, "gemini", "gemini"),
    (ApiDialect::Chat, "ollama", "ollama"),
    (ApiDialect::Messages, "openai", "openai"),
    (ApiDialect::Messages, "anthropic", "anthropic"),
];

fn name(pair: &Pair) -> String {
    let (dialect, kind, _) = pair;
    let same = (*dialect == ApiDialect::Chat && PASSED.contains(kind))
        || (*dialect == ApiDialect::Messages && *kind == "anthropic");
    let how = if same { "passed" } else { "translated" };
    format!("{dialect:?} → {kind}, {how}")
}

fn fixture(folder: &str, file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(path.join(folder).join(file)).unwrap_or_default()
}

/// Reads a client's request with tools, in its protocol.
fn request(dialect: ApiDialect) -> Vec<u8> {
    match dialect {
        ApiDialect::Messages => fixture("inbound-anthropic/tools", "request.anthropic.json"),
        ApiDialect::Responses => fixture("inbound-responses/tools", "request.responses.json"),
        // The others are not in PAIRS.
        _ => fixture("openai/tools", "request.openai.json"),
    }
}

fn endpoint(kind: &str) -> Option<Endpoint> {
    let mut endpoint = Endpoint::new("http://127.0.0.1:1/v1", Some("key"), kind, by_kind(kind)?)?;
    endpoint.location = Some(VertexLocation {
        project: "p".to_owned(),
        location: "global".to_owned(),
    });
    Some(endpoint)
}

/// Builds the request to the provider and returns the adapter of its response.
fn ask(
    dialect: ApiDialect,
    endpoint: &Endpoint,
    body: &[u8],
    stream: bool,
) -> Box<dyn ResponseAdapter> {
    let object: RawObject<'_> = serde_json::from_slice(body).expect("a recorded request");
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
        prompt: 9,
        use_fallback: false,
    };
    let prepared = endpoint.protocol.build_request(endpoint, &call);
    prepared
        .expect("a recorded request can be translated")
        .adapter
}

#[divan::bench(args = PAIRS.iter().map(name))]
fn a_request(bencher: Bencher<'_, '_>, pair: &String) {
    let Some((dialect, kind, _)) = PAIRS.iter().find(|known| name(known) == *pair) else {
        return;
    };
    let Some(endpoint) = endpoint(kind) else {
        return;
    };
    let body = request(*dialect);
    bencher
        .counter(BytesCount::new(body.len()))
        .bench(|| ask(*dialect, &endpoint, black_box(&body), false));
}

#[divan::bench(args = PAIRS.iter().map(name))]
fn a_stream_in_chunks(bencher: Bencher<'_, '_>, pair: &String) {
    let Some((dialect, kind, folder)) = PAIRS.iter().find(|known| name(known) == *pair) else {
        return;
    };
    let Some(endpoint) = endpoint(kind) else {
        return;
    };
    let body = request(*dialect);
    let text = format!("{folder}/text");
    let stream = [
        fixture(&text, "stream.sse"),
        fixture(&text, "stream.ndjson"),
    ]
    .concat();
    let make = || ask(*dialect, &endpoint, &body, true);
    let chunks = read(make().as_mut(), &stream);
    bencher
        .counter(ItemsCount::new(chunks))
        .with_inputs(make)
        .bench_values(|mut adapter| read(adapter.as_mut(), black_box(&stream)));
}

/// Reads a stream and returns the number of its events.
fn read(adapter: &mut dyn ResponseAdapter, stream: &[u8]) -> usize {
    let mut splitter = Splitter::new(adapter.framing());
    let mut out = BytesMut::with_capacity(stream.len() * 2);
    let mut events = 0;
    for piece in stream.chunks(1_024) {
        splitter.push(piece);
        while let Ok(Some(event)) = splitter.next_event() {
            adapter.read(&event, &mut out);
            events += 1;
        }
    }
    black_box(out.freeze());
    events
}

#[divan::bench(args = PAIRS.iter().map(name))]
fn a_whole_answer(bencher: Bencher<'_, '_>, pair: &String) {
    let Some((dialect, kind, folder)) = PAIRS.iter().find(|known| name(known) == *pair) else {
        return;
    };
    let Some(endpoint) = endpoint(kind) else {
        return;
    };
    let body = request(*dialect);
    let answer = Bytes::from(fixture(&format!("{folder}/tools"), "response.json"));
    bencher
        .counter(BytesCount::new(answer.len()))
        .with_inputs(|| ask(*dialect, &endpoint, &body, false))
        .bench_values(|mut adapter| adapter.whole(black_box(&answer)));
}
