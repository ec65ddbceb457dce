//! Gemini's own API, with an API key.

mod contents;
mod decode;
mod embeddings;
mod generation;
mod limits;
mod provider_api;
mod response;
#[cfg(test)]
mod tests;
mod write;

pub use provider_api::Gemini;
pub(super) use provider_api::{adapter, body, counted, json_headers, verb};
