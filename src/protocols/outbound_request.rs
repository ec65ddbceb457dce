//! A request to an upstream, ready to send.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request to an upstream, ready for the socket.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    pub method: Method,
    pub url: String,
    /// The key is in here, marked as sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
}
