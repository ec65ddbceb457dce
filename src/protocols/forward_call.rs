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

impl ForwardCall {
    /// Whether it is about files or batches, which belong to the account of the key that made them.
    pub fn names_objects(&self) -> bool {
        ["/files", "/batches"]
            .iter()
            .any(|start| self.path.starts_with(start))
    }
}
