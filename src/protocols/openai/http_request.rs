//! Requests to providers that take the key as a bearer token.

use super::server_quirks::is_at;
use crate::protocols::{Endpoint, OutboundRequest};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Builds a POST request with a JSON body, with the key as a bearer token.
pub(in crate::protocols) fn post(
    endpoint: &Endpoint,
    path: &str,
    body: Vec<u8>,
    stream: bool,
) -> OutboundRequest {
    let mut headers = bearer_headers(endpoint);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    OutboundRequest {
        method: Method::POST,
        url: format!("{}{path}", endpoint.base_url),
        headers,
        body: body.into(),
    }
}

pub(in crate::protocols) fn bearer_headers(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(authorization) = endpoint.bearer() {
        headers.insert(AUTHORIZATION, authorization);
    }
    // Azure reads the key in a header of its own.
    if let Some(key) = endpoint
        .key()
        .filter(|_| is_at(&endpoint.base_url, "azure.com"))
    {
        headers.insert(HeaderName::from_static("api-key"), key);
    }
    headers
}
