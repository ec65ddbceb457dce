//! Headers of responses that do not depend on the request.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Adds the headers of a stream: of events, unless another type is set.
pub(super) fn set_stream_headers(headers: &mut HeaderMap) {
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

/// The provider's headers that clients get: its rate limits, and the type of a body that passes
/// unchanged.
pub(super) fn forwarded_headers(upstream: &HeaderMap) -> HeaderMap {
    let limits = upstream
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ratelimit-") || **name == CONTENT_TYPE);
    limits
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
