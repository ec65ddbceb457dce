//! Ollama's own protocol, streamed as one JSON object a line: the provider's side and the client's.

mod client_api;
mod decode;
mod embed;
mod embed_request;
mod encode;
mod line;
mod model_list;
mod pass_through;
mod provider_api;
mod read;
mod request;
mod server_fields;
#[cfg(test)]
mod tests;

pub use client_api::OllamaApi;
pub(super) use embed_request::{read_embed, read_embed_prompt, write_embed, write_embed_prompt};
pub use model_list::{SERVED_VERSION, model_tag, shown_model};
pub use provider_api::Ollama;
