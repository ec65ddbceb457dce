//! Requests that were recorded on their way to the real vendors.

use crate::demo::anthropic_wire::AnthropicWire;
use crate::demo::gemini_wire::GeminiWire;
use crate::demo::ollama_wire::OllamaWire;
use crate::demo::openai_wire::OpenAiWire;
use crate::demo::wire::Wire;
use crate::demo::xai_wire::XaiWire;
use http::{Method, Uri};
use std::fs;
use std::path::Path;

/// Vendor, wire, path of a chat, path of embeddings.
const CASES: [(&str, &dyn Wire, &str, &str); 5] = [
    (
        "openai",
        &OpenAiWire,
        "/v1/chat/completions",
        "/v1/embeddings",
    ),
    ("xai", &XaiWire, "/v1/chat/completions", ""),
    ("anthropic", &AnthropicWire, "/v1/messages", ""),
    (
        "gemini",
        &GeminiWire,
        "/v1beta/models/gemini-3.5-flash:generateContent",
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
    ),
    ("ollama", &OllamaWire, "/api/chat", "/api/embed"),
];

#[test]
fn every_recorded_request_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut read = 0;
    for (vendor, wire, chat, embed) in CASES {
        for exchange in fs::read_dir(root.join(vendor)).expect("recordings") {
            let folder = exchange.expect("a folder").path();
            let Ok(body) = fs::read(folder.join("request.json")) else {
                continue;
            };
            let path = if folder.ends_with("embeddings") {
                embed
            } else {
                chat
            };
            let route = wire.route(&Method::POST, path).expect("a known path");
            let uri: Uri = path.parse().expect("an address");
            let request = wire.read(route, &uri, &body);
            assert!(request.is_ok(), "{}: {request:?}", folder.display());
            read += 1;
        }
    }
    assert!(12 < read, "{read} requests were found");
}
