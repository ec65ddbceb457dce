//! Wire protocols: bytes to meaning and back, one file or folder each. The only outgoing socket is
//! [`Transport`].
//!
//! A new protocol is one file or folder with a [`ProviderApi`], its `mod` line, and one line in
//! [`PROVIDER_APIS`].

#![warn(missing_docs)]

mod adaptation;
mod anthropic;
mod api_dialect;
mod call;
mod client_api;
mod command_key;
mod completions;
mod context_overflow;
mod embedding_dialect;
mod endpoint_registry;
mod error_body;
mod error_payload;
#[cfg(test)]
mod feature_table;
mod form_data;
mod forward_call;
mod framing;
mod gemini;
mod guarded_adapter;
mod half_characters;
mod json_size;
mod lenient;
mod model_names;
mod model_traits;
mod neutral;
mod ollama;
mod openai;
mod outbound_request;
mod output_limits;
mod path_fields;
mod provider_api;
mod quoted_keys;
mod rate_limit_headers;
mod raw_object;
mod reasoning_cache;
mod refused_options;
mod registry;
mod renamed_model;
mod response_adapter;
mod response_fault;
mod responses;
mod retry_after;
mod sensitive_header;
mod sse;
mod stray_lines;
mod stream_event;
#[cfg(test)]
mod test_support;
mod token_counts;
#[cfg(test)]
mod translation_cost;
mod transport;
mod upstream_error;
mod upstream_set;
mod url_cache;
mod vertex;
mod whole_number;

pub use api_dialect::ApiDialect;
pub use call::{CallSpec, PreparedCall, TokenCountCall};
pub use client_api::ClientApi;
pub use context_overflow::ContextOverflow;
pub use embedding_dialect::EmbeddingDialect;
pub use endpoint_registry::EndpointRegistry;
pub use error_body::ErrorBody;
pub use error_payload::OpenAiErrorFields;
pub use form_data::{form_boundary, form_field};
pub use forward_call::ForwardCall;
pub use framing::Framing;
pub use gemini::{
    CONTENT_PREFIXES, ModelMethod, ModelVerb, STREAM_FORM, content_model, wants_content_models,
};
pub use guarded_adapter::{GuardedAdapter, guarded};
pub use json_size::{JsonExcess, check_json_size};
pub use model_traits::ModelTraits;
pub use neutral::{DroppedFields, TranslationError};
pub use ollama::{SERVED_VERSION, model_tag, shown_model};
pub use openai::{AZURE_DEPLOYMENT, AZURE_PREFIX, AZURE_V1_PREFIX};
pub use outbound_request::OutboundRequest;
pub use output_limits::OutputLimits;
pub use path_fields::PathFields;
pub use provider_api::{Endpoint, EndpointKey, ProviderApi, RetryForm, VertexLocation};
pub use rate_limit_headers::rate_limits;
pub use raw_object::RawObject;
pub use reasoning_cache::ReasoningCache;
pub use refused_options::RefusedOptions;
pub use registry::{PROVIDER_APIS, by_kind, gen_ai_name, kinds, wants_message_shapes};
pub use renamed_model::RenamingAdapter;
pub use response_adapter::{
    MAX_RESPONSE_BYTES, ResponseAdapter, StreamEventKind, stream_from, too_large, whole_from,
};
pub use response_fault::ResponseFault;
pub use responses::{
    PendingResponse, ResponseStore, StoringAdapter, compacted, compaction_request, removed_response,
};
pub use retry_after::add_date;
pub use sse::{Splitter, TooLong};
pub use stream_event::Event;
pub use transport::{
    ConnectionConfig, Transport, TransportError, TransportOptions, body_of, certificates,
    classify_transport_error as transport_failure, use_thread_pool,
};
pub use upstream_error::{UpstreamError, classify_error};
pub use upstream_set::{UpstreamSet, UpstreamUpdate};
pub use vertex::TokenSource;
