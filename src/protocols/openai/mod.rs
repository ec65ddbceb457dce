//! OpenAI's chat completions, which most providers have, and the servers that differ in details.

mod calls;
mod choice_state;
mod chunk;
mod chunk_names;
mod chunk_template;
mod client_api;
mod client_paths;
mod content;
mod decode;
mod embeddings;
mod encode;
mod error_json;
mod forward;
mod held_end;
mod http_request;
mod json_text;
mod kept_reasoning;
mod limits;
mod mend;
mod model_list;
mod pass_through;
mod provider_api;
mod read;
mod read_tools;
mod server_quirks;
mod sources;
#[cfg(test)]
mod tests;
mod whole_and_stream;
mod write;

pub use client_api::ChatApi;
pub(super) use client_api::includes_usage;
pub use client_paths::{AZURE_DEPLOYMENT, AZURE_PREFIX, AZURE_V1_PREFIX};
pub(super) use embeddings::{EmbeddingAdapter, EmbeddingRequest, take_vectors};
pub(super) use encode::usage;
pub(super) use error_json::error_body;
pub(super) use http_request::post;
pub(super) use json_text::json_text;
pub(super) use model_list::listed_names;
pub use provider_api::OpenAi;
pub(super) use read::{audio, effort, schema_format};
pub(super) use read_tools::{allowed_tools, choice_word, custom, function};
pub(super) use write::{function as write_function, json_schema};
