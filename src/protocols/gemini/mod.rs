//! Gemini's own API: the provider's side with an API key, and the client's.

mod client_api;
mod contents;
mod decode;
mod embed_content;
mod embeddings;
mod encode;
mod error_json;
mod field_names;
mod generation;
mod json_list;
mod limits;
mod model_list;
mod model_method;
mod pass_through;
mod provider_api;
mod read;
mod read_contents;
mod read_schema;
mod request_facts;
mod response;
mod signature;
#[cfg(test)]
mod tests;
mod write;

pub use client_api::GenerateContentApi;
pub(super) use embed_content::{read_batch, read_one, write_batch, write_one};
pub use model_list::{content_model, wants_content_models};
pub use model_method::{CONTENT_PREFIXES, ModelMethod, ModelVerb};
pub(super) use pass_through::{own_fields, passing};
pub use provider_api::Gemini;
pub(super) use provider_api::{adapter, body, counted, json_headers, verb};
pub use request_facts::STREAM_FORM;
