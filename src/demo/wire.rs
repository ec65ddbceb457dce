//! The format of a vendor's bytes, separate from its behaviour. A vendor with a format of its own
//! needs one file that implements [`Wire`], and its name in `profile.rs`.

use super::limit::Allowance;
use super::model_list::ModelList;
use super::simulated_request::SimulatedRequest;
use super::simulated_response::{SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use serde_json::Value;
use std::fmt::Debug;

/// The data of a response's headers.
#[derive(Debug, Clone, Copy)]
pub struct ResponseMeta {
    /// Unique during the vendor's life.
    pub identity: u64,
    /// The state of the limit, if there is one.
    pub allowance: Option<Allowance>,
    /// Unix seconds.
    pub now: u64,
}

/// The format of one vendor's requests and responses. Pure: no clock, no random numbers, no I/O.
pub trait Wire: Debug + Send + Sync {
    /// The name of the protocol in a gateway's configuration.
    fn kind(&self) -> &'static str;

    /// The path of the vendor's base URL, such as `/v1`.
    fn base_path(&self) -> &'static str;

    /// The route of a request, or `None` if the vendor does not have it.
    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute>;

    /// Checks the key, if one is expected, and the other required headers.
    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError>;

    /// Reads the body of a request.
    fn read(
        &self,
        route: VendorRoute,
        uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError>;

    /// The response to a list request at this path.
    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError>;

    /// An error in the vendor's format.
    fn error_response(&self, error: &VendorError) -> Response<Bytes>;

    /// Writes request id and limits into the headers.
    fn write_headers(&self, meta: &ResponseMeta, headers: &mut HeaderMap);

    /// The complete response as JSON.
    fn complete_body(&self, answer: &SimulatedResponse) -> Value;

    /// The media type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// The start of a stream, before its first token.
    fn stream_start(&self, answer: &SimulatedResponse) -> String;

    /// Some tokens; empty if they are held back until there are more. `slices_before` is the number
    /// of earlier slices.
    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        slices_before: u32,
    ) -> String;

    /// The end of a stream of `slices` slices, with its terminator.
    fn stream_end(&self, answer: &SimulatedResponse, slices: u32) -> String;
}

/// The key in `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

/// Compares the received key with the expected one.
pub fn compare(given: Option<&str>, key: Option<&str>) -> Result<(), VendorError> {
    match (given, key) {
        (_, None) => Ok(()),
        (None, Some(_)) => Err(VendorError::NoKey),
        (Some(given), Some(key)) if given == key => Ok(()),
        (Some(_), Some(_)) => Err(VendorError::WrongKey),
    }
}

/// An error response without headers of its own.
pub fn json_error(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An error response with `retry-after` for an exceeded limit.
pub fn error_with_delay(error: &VendorError, status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = json_error(status, body);
    if let VendorError::RateLimited { retry_after } = error {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, (*retry_after).into());
    }
    response
}

/// Unix seconds as RFC 3339, in UTC.
pub fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(0);
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_string()
}
