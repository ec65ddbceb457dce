//! Ollama's own protocol: `/api/chat` in lines of JSON, `/api/embed`, and `/api/tags`.

mod decode;
mod embed;
mod provider_api;
mod request;
#[cfg(test)]
mod tests;

pub use provider_api::Ollama;
