//! A request to an upstream, ready to send.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request to an upstream, ready for the socket.
#[derive(Debug, Clone)]
pub struct OutboundRequest {
    /// HTTP method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// The key is in here, marked as sensitive.
    pub headers: HeaderMap,
    /// Body; empty for a GET.
    pub body: Bytes,
}
