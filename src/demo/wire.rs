//! WHAT A VENDOR'S BYTES LOOK LIKE, apart from how it behaves. A vendor with a shape of its own is
//! one more file that implements [`Wire`], and its name in `profile.rs`.

use super::limit::Allowance;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::fmt::Debug;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// An answer of the model.
    Chat,
    /// The list of models: free, used as a probe.
    Models,
}

/// A chat request, as far as a simulated model cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The model asked for.
    pub model: String,
    /// What the request would cost to read, estimated from its size.
    pub prompt_tokens: u32,
    /// The longest answer wanted, at least 1.
    pub max_tokens: Option<u32>,
    /// Whether the answer is to come in pieces.
    pub is_stream: bool,
    /// Whether the stream is to end with its token counts.
    pub wants_usage: bool,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No key came with it, or not the vendor's.
    Key,
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
    /// An error of the vendor's own: 500.
    Broken,
    /// The vendor is overloaded or down: 503.
    Unavailable,
}

/// An answer as it will be told. Its text is `lorem::words(offset, 0, tokens)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Unique in the vendor's life.
    pub identity: u64,
    /// Where in the endless text it begins.
    pub offset: u64,
    /// The model that speaks.
    pub model: &'static str,
    /// Unix seconds.
    pub created: u64,
    /// Tokens read.
    pub prompt_tokens: u32,
    /// Tokens told.
    pub tokens: u32,
    /// Whether `max_tokens` ended it.
    pub is_cut_short: bool,
    /// Whether the stream ends with its token counts.
    pub wants_usage: bool,
}

/// The shape of one vendor's requests and answers. Pure: no clock, no luck, no waiting.
pub trait Wire: Debug + Send + Sync {
    /// The word of the protocol in a gateway's configuration.
    fn kind(&self) -> &'static str;

    /// What the vendor's base address ends in, such as `/v1`.
    fn base_path(&self) -> &'static str;

    /// What is wanted, or nothing the vendor knows.
    fn route(&self, method: &Method, path: &str) -> Option<Route>;

    /// Whether the headers bear this key.
    fn bears_key(&self, headers: &HeaderMap, key: &str) -> bool;

    /// Reads a chat request.
    fn read(&self, path: &str, body: &[u8]) -> Result<Ask, Refusal>;

    /// The list of models: the one model the vendor has, released at `created` (Unix seconds).
    fn models(&self, owner: &str, model: &str, created: u64) -> Bytes;

    /// An error's status and body.
    fn refusal(&self, refusal: &Refusal) -> (StatusCode, Bytes);

    /// Writes what is left of the limit into the headers.
    fn write_allowance(&self, allowance: Allowance, headers: &mut HeaderMap);

    /// The whole answer at once, as JSON.
    fn whole(&self, answer: &Answer, text: &str) -> Bytes;

    /// The media type of a stream.
    fn stream_type(&self) -> &'static str;

    /// What a stream begins with, before its first text.
    fn opening(&self, answer: &Answer) -> Bytes;

    /// One piece of text.
    fn piece(&self, answer: &Answer, text: &str) -> Bytes;

    /// What a stream ends with, its terminator included.
    fn closing(&self, answer: &Answer) -> Bytes;
}
