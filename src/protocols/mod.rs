//! WIRE PROTOCOLS: bytes ↔ meaning, one file each. No sockets but one ([`Transport`]), and no
//! knowledge of who asked or why.
//!
//! A new protocol is one file with one type in it, and one line in [`PROVIDER_APIS`].

mod anthropic;
mod call;
mod client_api;
mod endpoint_registry;
mod error_payload;
mod gemini;
mod neutral;
mod ollama;
mod openai;
mod rate_limit_headers;
mod raw_object;
mod reasoning_cache;
mod response_adapter;
mod responses;
mod retry_after;
mod sse;
#[cfg(test)]
mod test_support;
mod token_counts;
mod transport;
mod upstream_error;
mod upstream_set;
mod url_cache;
mod vertex;

pub use call::{CallSpec, ModelTraits, PreparedCall, TokenCountCall};
pub use client_api::{ApiDialect, ClientApi, ErrorBody};
pub use endpoint_registry::{Endpoint, EndpointRegistry, VertexLocation};
pub use neutral::{DroppedFields, TranslationError};
pub use rate_limit_headers::rate_limits;
pub use raw_object::RawObject;
pub use reasoning_cache::ReasoningCache;
pub use response_adapter::{
    Framing, MAX_RESPONSE_BYTES, ResponseAdapter, StreamEventKind, too_large,
};
pub use sse::{Event, Splitter, TooLong};
pub use transport::{
    ConnectionConfig, Transport, TransportError, TransportOptions, body_of, certificates,
    classify_transport_error as transport_failure, use_thread_pool,
};
pub use upstream_error::{OpenAiErrorFields, UpstreamError, classify_error};
pub use upstream_set::{UpstreamSet, UpstreamUpdate};
pub use vertex::TokenSource;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request to an upstream, ready for the socket.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    pub method: Method,
    pub url: String,
    /// The key is in here, marked as sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// One wire format, the provider's side of it.
pub trait ProviderApi: Send + Sync {
    /// The words that select it in the configuration.
    fn kinds(&self) -> &'static [&'static str];
    /// A call in this protocol's words, and what will carry its answer to the client.
    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError>;
    /// Whether a refused call may be asked once more by another way of this protocol.
    fn fallback_request(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
        _upset: &UpstreamError,
    ) -> bool {
        false
    }
    /// The same for embeddings.
    fn build_embeddings(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        let problem = "names a provider that has no embeddings";
        Err(TranslationError::untranslatable("model", problem))
    }
    /// A question for the number of a prompt's tokens that costs nothing, where there is one.
    fn build_token_count(
        &self,
        _endpoint: &Endpoint,
        _call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        None
    }
    /// A question that costs nothing and shows whether the provider is there.
    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest;
    /// Whether the answer to [`ProviderApi::build_probe`] is one.
    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool;
    /// The models that the answer to [`ProviderApi::build_probe`] lists.
    fn model_names(&self, body: &[u8]) -> Option<Vec<String>>;
    /// What went wrong, from an answer whose status is not a success.
    fn classify_error(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> UpstreamError {
        classify_error(status, headers, body)
    }
}

/// Every protocol that is built.
pub const PROVIDER_APIS: &[&dyn ProviderApi] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &gemini::Gemini,
    &vertex::Vertex,
    &ollama::Ollama,
];

/// The protocol that a word of the configuration selects.
pub fn by_kind(kind: &str) -> Option<&'static dyn ProviderApi> {
    PROVIDER_APIS
        .iter()
        .find(|protocol| protocol.kinds().contains(&kind))
        .copied()
}

/// All words that select a protocol.
pub fn kinds() -> Vec<&'static str> {
    PROVIDER_APIS
        .iter()
        .flat_map(|protocol| protocol.kinds())
        .copied()
        .collect()
}

/// Whether a client's library reads the shapes of the Messages API: it always states a version.
pub fn wants_message_shapes(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}
