//! WHAT A VENDOR'S BYTES LOOK LIKE, apart from how it behaves. A vendor with a shape of its own is
//! one more file that implements [`Wire`], and its name in `profile.rs`.

use super::answer::{SimulatedResponse, Slice};
use super::limit::Allowance;
use super::model_list::ModelList;
use super::simulated_request::SimulatedRequest;
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use serde_json::Value;
use std::fmt::Debug;

/// What the headers of an answer tell.
#[derive(Debug, Clone, Copy)]
pub struct ResponseMeta {
    /// Unique in the vendor's life.
    pub identity: u64,
    /// What is left of the limit, where there is one.
    pub allowance: Option<Allowance>,
    /// Unix seconds.
    pub now: u64,
}

/// The shape of one vendor's requests and answers. Pure: no clock, no luck, no waiting.
pub trait Wire: Debug + Send + Sync {
    /// The word of the protocol in a gateway's configuration.
    fn kind(&self) -> &'static str;

    /// What the vendor's base address ends in, such as `/v1`.
    fn base_path(&self) -> &'static str;

    /// What is wanted, or nothing the vendor knows.
    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute>;

    /// Whether the head of a request bears this key, where one is needed, and all else it must.
    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError>;

    /// Reads a request for work.
    fn read(
        &self,
        route: VendorRoute,
        uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError>;

    /// What the vendor has, as it is told at this path.
    fn listing(&self, path: &str, roster: &ModelList) -> Result<Value, VendorError>;

    /// An error as it is told.
    fn refusal(&self, refusal: &VendorError) -> Response<Bytes>;

    /// Writes who answers and what is left of the limit into the headers.
    fn write_receipt(&self, receipt: &ResponseMeta, headers: &mut HeaderMap);

    /// The whole answer at once, as JSON.
    fn whole(&self, answer: &SimulatedResponse) -> Value;

    /// The media type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    /// What a stream begins with, before its first token.
    fn opening(&self, answer: &SimulatedResponse) -> String;

    /// Some tokens; nothing where they are held back until there are more. `place` says how many
    /// slices came before.
    fn piece(&self, answer: &SimulatedResponse, slice: &Slice<'_>, place: u32) -> String;

    /// What a stream of so many slices ends with, its terminator included.
    fn closing(&self, answer: &SimulatedResponse, slices: u32) -> String;
}

/// The key behind `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

/// Whether the key that was given is the one that is needed.
pub fn compare(given: Option<&str>, key: Option<&str>) -> Result<(), VendorError> {
    match (given, key) {
        (_, None) => Ok(()),
        (None, Some(_)) => Err(VendorError::NoKey),
        (Some(given), Some(key)) if given == key => Ok(()),
        (Some(_), Some(_)) => Err(VendorError::WrongKey),
    }
}

/// An error without headers of its own.
pub fn plain_refusal(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// An error that says in its headers when to come back, if it is one that does.
pub fn refusal_with_delay(
    refusal: &VendorError,
    status: StatusCode,
    body: &Value,
) -> Response<Bytes> {
    let mut response = plain_refusal(status, body);
    if let VendorError::RateLimited { retry_after } = refusal {
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
