//! What must hold whatever the bytes are. The fuzz targets call it with bytes that libFuzzer
//! finds, the test suite with recorded ones that were damaged.

use aibal_tui::protocols::{
    Call, Dialect, Endpoint, Meaning, ModelTraits, Passage, Place, RawObject, Splitter, Told,
    by_kind, kinds,
};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;

const DIALECTS: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

/// A smallest request of each protocol.
fn smallest(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Chat | Dialect::Messages => {
            br#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#
        }
        Dialect::Responses => br#"{"input":"a"}"#,
    }
}

fn endpoint(kind: &str) -> Endpoint {
    let protocol = by_kind(kind).expect("a kind from the list");
    let endpoint = Endpoint::new("http://127.0.0.1:1/v1", Some("key"), kind, protocol);
    let mut endpoint = endpoint.expect("a key that fits into a header");
    endpoint.place = Some(Place {
        project: "p".to_owned(),
        location: "global".to_owned(),
    });
    endpoint
}

/// The passage for a request, and the bytes that go to the provider.
fn ask(
    kind: &str,
    dialect: Dialect,
    body: &[u8],
    stream: bool,
) -> Option<(Box<dyn Passage>, Bytes)> {
    let object: RawObject<'_> = serde_json::from_slice(body).ok()?;
    let call = Call {
        dialect,
        object: &object,
        headers: &HeaderMap::new(),
        model: "m",
        traits: &ModelTraits::UNSTATED,
        stream,
        wants_usage: true,
        id: "1",
        created: 1,
        detour: false,
    };
    let endpoint = endpoint(kind);
    let asked = endpoint.protocol.ask(&endpoint, &call).ok()?;
    Some((asked.passage, asked.outgoing.body))
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
pub fn through(kind: &str, dialect: Dialect, piece: usize, stream: &[u8]) {
    let (mut passage, _) = ask(kind, dialect, smallest(dialect), true).expect("a good request");
    let mut splitter = Splitter::new(passage.framing());
    let mut out = BytesMut::new();
    let mut end = None;
    for part in stream.chunks(piece) {
        splitter.push(part);
        while let Ok(Some(event)) = splitter.next_event() {
            end = ending(&passage.read(&event, &mut out));
            if end.is_some() {
                return judge(passage.as_mut(), dialect, end, out);
            }
        }
    }
    if let Some(event) = splitter.rest() {
        end = ending(&passage.read(&event, &mut out));
    }
    if end.is_none() && passage.may_end() {
        passage.close(&mut out);
        end = Some(true);
    }
    judge(passage.as_mut(), dialect, end, out);
}

/// Whether the answer is whole, once that is known.
fn ending(meaning: &Meaning) -> Option<bool> {
    match meaning {
        Meaning::Done => Some(true),
        Meaning::Broken(_) => Some(false),
        Meaning::Content | Meaning::Quiet | Meaning::Finish => None,
    }
}

fn judge(passage: &mut dyn Passage, dialect: Dialect, end: Option<bool>, mut out: BytesMut) {
    let is_whole = end == Some(true);
    if !is_whole {
        let told = Told {
            status: 502,
            kind: "server_error".to_owned(),
            code: Some("upstream_disconnected".to_owned()),
            param: None,
            message: "it broke".to_owned(),
        };
        passage.broken(&told, &mut out);
    }
    let _reads_without_panic = (passage.usage(), passage.said());
    let text = String::from_utf8_lossy(&out);
    let mut data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let looks_whole = data.any(|data| is_last(dialect, data.trim()));
    assert!(is_whole || !looks_whole, "it broke but looks whole: {text}");
}

/// Whether clients take an event's data for the end of a whole answer.
fn is_last(dialect: Dialect, data: &str) -> bool {
    let read = || serde_json::from_str::<serde_json::Value>(data).unwrap_or_default();
    match dialect {
        Dialect::Chat => data == "[DONE]",
        Dialect::Messages => read()["type"] == "message_stop",
        Dialect::Responses => {
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
    if let Some((_, outgoing)) = ask(kind, dialect, body, choice % 2 == 0) {
        // Only as JSON: a number of the client's that is too large for us is the provider's to judge.
        let read = serde_json::from_slice::<serde::de::IgnoredAny>(&outgoing);
        assert!(read.is_ok(), "what goes to {kind} is no JSON: {outgoing:?}");
    }
}
