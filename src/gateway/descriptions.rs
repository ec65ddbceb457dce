//! The calls of model traffic, for the description of the API. Their shapes are those of the APIs that
//! clients speak, so bodies are described as JSON only.

use crate::access::{Permission, RouteDescription};
use axum::http::Method;

const CALLS: [(Method, &str, &str); 29] = [
    (
        Method::POST,
        "/v1/chat/completions",
        "OpenAI's chat completions, also as a stream",
    ),
    (
        Method::POST,
        "/v1/completions",
        "OpenAI's older completions, also as a stream",
    ),
    (
        Method::POST,
        "/v1/responses",
        "OpenAI's responses, also as a stream",
    ),
    (
        Method::POST,
        "/v1/responses/compact",
        "A summary of a conversation",
    ),
    (
        Method::POST,
        "/v1/responses/input_tokens",
        "Counts the tokens of a request",
    ),
    (Method::GET, "/v1/responses/{id}", "A stored response"),
    (
        Method::POST,
        "/v1/messages",
        "Anthropic's messages, also as a stream",
    ),
    (
        Method::POST,
        "/v1/messages/count_tokens",
        "Counts the tokens of messages",
    ),
    (Method::POST, "/v1/embeddings", "OpenAI's embeddings"),
    (
        Method::GET,
        "/v1/models",
        "Models that the token may use, in the shape of OpenAI or Anthropic",
    ),
    (
        Method::POST,
        "/v1/images/generations",
        "Images, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/images/edits",
        "Edited images, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/images/variations",
        "Variations of an image, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/audio/speech",
        "Speech, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/audio/transcriptions",
        "A transcription, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/audio/translations",
        "A translation, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/moderations",
        "Moderations, passed on to a provider",
    ),
    (
        Method::POST,
        "/v1/rerank",
        "A ranking, passed on to a provider",
    ),
    (Method::GET, "/v1/files", "Files that the token made"),
    (Method::POST, "/v1/files", "Makes a file at a provider"),
    (Method::GET, "/v1/batches", "Batches that the token made"),
    (Method::POST, "/v1/batches", "Makes a batch at a provider"),
    (
        Method::POST,
        "/v1beta/models/{model}",
        "Gemini's generateContent and other methods of a model",
    ),
    (
        Method::GET,
        "/v1beta/models",
        "Models in the shape of Gemini's API",
    ),
    (Method::POST, "/api/chat", "Ollama's chat, also as a stream"),
    (
        Method::POST,
        "/api/generate",
        "Ollama's completion, also as a stream",
    ),
    (Method::POST, "/api/embed", "Ollama's embeddings"),
    (
        Method::GET,
        "/api/tags",
        "Models in the shape of Ollama's API",
    ),
    (
        Method::GET,
        "/api/version",
        "The version that Ollama's clients ask for",
    ),
];

/// The calls in their usual paths; `/v1` may also be missing or doubled.
pub fn descriptions() -> Vec<RouteDescription> {
    let call = |(method, path, about): (Method, &'static str, &'static str)| {
        RouteDescription::new((method, path), Some(Permission::Use), about)
    };
    CALLS.into_iter().map(call).collect()
}
