//! A call that passes to a provider without translation.

use bytes::Bytes;
use http::{HeaderValue, Method};

/// A call that passes to a provider without translation.
#[derive(Debug, Clone)]
pub struct ForwardCall {
    /// HTTP method.
    pub method: Method,
    /// Path below the provider's base URL, with its query.
    pub path: String,
    /// Media type of the body.
    pub content_type: Option<HeaderValue>,
    /// The client's body.
    pub body: Bytes,
    /// Whether the body names a model of ours, so that the provider's name takes its place.
    pub names_target: bool,
}
