//! A provider's response, as far as it was read before the client gets the first of it.

use super::attempt_usage::AttemptUsage;
use super::relay::StreamRelay;
use axum::http::HeaderMap;
use bytes::Bytes;

/// A provider's response for the client.
pub(super) enum UpstreamResponse {
    /// The attempt is over.
    Whole {
        headers: HeaderMap,
        body: Bytes,
        spent: AttemptUsage,
    },
    /// The attempt continues in the relay.
    Stream {
        headers: HeaderMap,
        relay: Box<StreamRelay>,
    },
}
