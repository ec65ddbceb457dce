//! One call to one target.

use super::neutral::{DroppedFields, Encode};
use super::response_adapter::ResponseAdapter;
use super::{ApiDialect, ModelTraits, OutboundRequest, RawObject};
use http::HeaderMap;
use std::fmt;

/// A client's call, as input of a provider protocol.
#[derive(Debug, Clone, Copy)]
pub struct CallSpec<'a> {
    /// The client's protocol.
    pub dialect: ApiDialect,
    /// Body of the client's request.
    pub object: &'a RawObject<'a>,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The model's name at the provider.
    pub model: &'a str,
    /// Facts about the model that change the request.
    pub traits: &'a ModelTraits,
    /// Estimated tokens of the prompt.
    pub prompt: u64,
    /// True if the client wants a stream.
    pub stream: bool,
    /// True if the client wants the usage at the end of its stream.
    pub wants_usage: bool,
    /// Unique id, from which the response's own ids are made.
    pub id: &'a str,
    /// Start of the request, in Unix seconds.
    pub created: u64,
    /// True if the provider rejected this protocol's preferred form, so the other one is used.
    pub use_fallback: bool,
}

impl CallSpec<'_> {
    /// Creates the encoder of the response for this client.
    pub fn encoder(&self) -> Box<dyn Encode> {
        self.dialect.client_api().encoder(self)
    }
}

/// A call that is ready to send.
pub struct PreparedCall {
    /// The request to send.
    pub request: OutboundRequest,
    /// Carries the response to the client.
    pub adapter: Box<dyn ResponseAdapter>,
    /// Fields that the provider cannot represent.
    pub dropped: DroppedFields,
}

impl fmt::Debug for PreparedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedCall")
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// A request that counts a prompt's tokens.
#[derive(Debug)]
pub struct TokenCountCall {
    /// The request to send.
    pub request: OutboundRequest,
    /// Reads the number from the response body.
    pub read: fn(&[u8]) -> Option<u64>,
}
