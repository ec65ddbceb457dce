//! Request headers: the key and the version of the protocol.

use crate::protocols::call::CallSpec;
use crate::protocols::{ApiDialect, Endpoint};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Version of the gateway's own requests.
const OUR_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Prefix of a user's OAuth tokens; the provider takes them as a bearer token only.
const PERSONAL_TOKEN: &[u8] = b"sk-ant-oat";

/// Builds the headers of the gateway's own requests.
pub(super) fn of_probe(endpoint: &Endpoint) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(VERSION, OUR_VERSION);
    if let (Some(key), Some(bearer)) = (endpoint.key(), endpoint.bearer()) {
        if key.as_bytes().starts_with(PERSONAL_TOKEN) {
            headers.insert(AUTHORIZATION, bearer);
        } else {
            headers.insert(KEY, key);
        }
    }
    headers
}

/// Builds the headers of a client's call. A client of this protocol chooses version and betas
/// itself, because they define what its fields mean.
pub(super) fn of_call(endpoint: &Endpoint, call: &CallSpec<'_>) -> HeaderMap {
    let mut headers = of_probe(endpoint);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if call.stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    if call.dialect == ApiDialect::Messages {
        if let Some(version) = call.headers.get(VERSION) {
            headers.insert(VERSION, version.clone());
        }
        for beta in call.headers.get_all(BETA) {
            headers.append(BETA, beta.clone());
        }
    }
    headers
}
