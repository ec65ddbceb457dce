//! One request on its way to one target.

use super::neutral::{DroppedFields, Encode};
use super::response_adapter::ResponseAdapter;
use super::{ApiDialect, ModelTraits, OutboundRequest, RawObject};
use http::HeaderMap;
use std::fmt;

/// What a protocol is asked to put into its own words.
#[derive(Debug, Clone, Copy)]
pub struct CallSpec<'a> {
    /// The protocol that the client speaks.
    pub dialect: ApiDialect,
    pub object: &'a RawObject<'a>,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The model's name at the provider.
    pub model: &'a str,
    pub traits: &'a ModelTraits,
    pub stream: bool,
    /// Whether the client wants the usage at the end of its stream.
    pub wants_usage: bool,
    /// Unique, and all that the answer's own names are made from.
    pub id: &'a str,
    /// Unix seconds.
    pub created: u64,
    /// The way that this protocol prefers was refused; go the other.
    pub detour: bool,
}

impl CallSpec<'_> {
    /// Who says the answer to this client.
    pub fn encoder(&self) -> Box<dyn Encode> {
        self.dialect.client_api().encoder(self)
    }
}

/// A call in a protocol's words.
pub struct PreparedCall {
    pub outgoing: OutboundRequest,
    pub passage: Box<dyn ResponseAdapter>,
    pub losses: DroppedFields,
}

impl fmt::Debug for PreparedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedCall")
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

/// A question for the number of a prompt's tokens.
#[derive(Debug)]
pub struct TokenCountCall {
    pub outgoing: OutboundRequest,
    /// Finds the number in the answer.
    pub read: fn(&[u8]) -> Option<u64>,
}
