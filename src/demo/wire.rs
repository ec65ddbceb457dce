//! WHAT A VENDOR'S BYTES LOOK LIKE, apart from how it behaves. A vendor with a shape of its own is
//! one more file that implements [`Wire`], and its name in `profile.rs`.

use super::answer::{SimulatedResponse, Slice};
use super::limit::Allowance;
use super::profile::Embedder;
use super::simulated_request::SimulatedRequest;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use serde_json::Value;
use std::fmt::Debug;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorRoute {
    /// An answer of the model.
    Chat,
    /// The same, where a vendor has two forms for it and this is the second.
    Response,
    /// Vectors of texts.
    Embed,
    /// The size of a request, in tokens.
    Count,
    /// What the vendor has: models, or what else it tells for nothing. Used as a probe.
    Listing,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VendorError {
    /// No key came with it.
    NoKey,
    /// The key is not the vendor's.
    WrongKey,
    /// It cannot be understood: what is wrong, and where.
    Malformed {
        /// One sentence for people.
        message: String,
        /// The member at fault.
        param: Option<&'static str>,
    },
    /// Nobody serves this model here.
    UnknownModel(String),
    /// No such path or method.
    NoRoute {
        /// The method that was used.
        method: Method,
        /// The path that was asked for.
        path: String,
    },
    /// Over the limit.
    RateLimited {
        /// Seconds to wait, at least 1.
        retry_after: u64,
    },
    /// An error of the vendor's own.
    Broken,
    /// The vendor is overloaded or down.
    Unavailable,
}

impl VendorError {
    /// A request that cannot be understood.
    pub fn malformed(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self::Malformed {
            message: message.into(),
            param,
        }
    }
}

/// What a vendor has.
#[derive(Debug, Clone, Copy)]
pub struct ModelList {
    /// The vendor's name.
    pub owner: &'static str,
    /// The model that speaks.
    pub model: &'static str,
    /// The model that makes vectors.
    pub embedder: Option<&'static Embedder>,
    /// Unix seconds of the models' release.
    pub created: u64,
}

impl ModelList {
    /// The names of all models.
    pub fn models(&self) -> impl Iterator<Item = &'static str> {
        let embedder = self.embedder.map(|embedder| embedder.model);
        std::iter::once(self.model).chain(embedder)
    }

    /// The model of this name, or the refusal.
    pub fn named(&self, name: &str) -> Result<&'static str, VendorError> {
        let mut models = self.models();
        models
            .find(|model| *model == name)
            .ok_or_else(|| VendorError::UnknownModel(name.to_owned()))
    }
}

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

/// A body as JSON of this shape. Only the place of a mistake is told: serde's own words may quote
/// the prompt.
pub fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, VendorError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        VendorError::malformed(
            format!("The body is not {what} (line {line}, column {column})."),
            None,
        )
    })
}

/// Unix seconds as RFC 3339, in UTC.
pub fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(0);
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_string()
}
