//! WIRE PROTOCOLS: bytes ↔ meaning, one file each. No sockets but one ([`Transport`]), and no
//! knowledge of who asked or why.
//!
//! A new protocol is one file with one type in it, and one line in [`ALL`].

mod directory;
mod failure;
mod openai;
mod rate_limit;
mod raw_object;
mod sse;
mod transport;

pub use directory::{Directory, Endpoint};
pub use failure::{Upset, delay_from, upset};
pub use rate_limit::rate_limits;
pub use raw_object::RawObject;
pub use sse::{Event, EventSplitter, TooLong};
pub use transport::{Transport, TransportOptions, failure as transport_failure};

use crate::domain::Usage;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

/// A request to an upstream, ready for the socket.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub method: Method,
    pub url: String,
    /// The key is in here, marked as sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What one event of an answer's stream means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// Text, a tool call, reasoning: what the client waits for.
    Content,
    /// A role, a ping, a comment: nothing that a client could use yet.
    Quiet,
    /// Nothing but the usage, which we asked for on our own behalf if the client did not.
    UsageOnly,
    /// The last choice has ended.
    Finish,
    /// The stream is whole.
    Done,
    /// The provider gave up, inside a 200.
    Broken(Upset),
}

/// Reads along as an answer's stream flows by.
pub trait StreamMeter: Send {
    /// What an event means; remembers the usage.
    fn read(&mut self, event: &Event) -> Meaning;
    /// Whether the end of the bytes, here, is the end of the answer.
    fn may_end(&self) -> bool;
    fn usage(&self) -> Option<Usage>;
}

/// One wire format.
pub trait Protocol: Send + Sync {
    /// The words that select it in the configuration.
    fn kinds(&self) -> &'static [&'static str];
    /// A chat request to `model` at the endpoint: the client's own object with the model's name
    /// replaced and, for streams, the usage asked for.
    fn chat(
        &self,
        endpoint: &Endpoint,
        model: &str,
        request: &RawObject<'_>,
        stream: bool,
    ) -> Outgoing;
    /// A question that costs nothing and shows whether the provider is there.
    fn probe(&self, endpoint: &Endpoint) -> Outgoing;
    /// Whether the answer to [`Protocol::probe`] is one.
    fn probe_is_good(&self, status: StatusCode, body: &[u8]) -> bool;
    /// The models that the answer to [`Protocol::probe`] lists.
    fn model_names(&self, body: &[u8]) -> Option<Vec<String>>;
    /// The tokens that a whole answer reports.
    fn usage(&self, body: &[u8]) -> Option<Usage>;
    fn stream_meter(&self) -> Box<dyn StreamMeter>;
    /// What went wrong, from an answer whose status is not a success.
    fn upset(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Upset;
}

/// Every protocol that is built.
pub const ALL: [&dyn Protocol; 1] = [&openai::OpenAi];

/// The protocol that a word of the configuration selects.
pub fn by_kind(kind: &str) -> Option<&'static dyn Protocol> {
    ALL.into_iter()
        .find(|protocol| protocol.kinds().contains(&kind))
}

/// All words that select a protocol.
pub fn kinds() -> Vec<&'static str> {
    ALL.iter()
        .flat_map(|protocol| protocol.kinds())
        .copied()
        .collect()
}

/// Whether a client's library reads the shapes of the Messages API: it always states a version.
pub fn wants_message_shapes(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}
