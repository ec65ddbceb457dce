//! WIRE PROTOCOLS: bytes ↔ meaning, one file each. No sockets but one ([`Transport`]), and no
//! knowledge of who asked or why.
//!
//! A new protocol is one file with one type in it, and one line in [`ALL`].

mod addresses;
mod anthropic;
mod call;
mod counts;
mod delay;
mod directory;
mod error_words;
mod failure;
mod front;
mod gemini;
mod neutral;
mod ollama;
mod openai;
mod passage;
mod rate_limit;
mod raw_object;
mod recall;
mod responses;
mod sse;
mod transport;
#[cfg(test)]
mod trial;
mod upstreams;
mod vertex;

pub use call::{Asked, Call, Counting, ModelTraits, Untranslatable};
pub use directory::{Directory, Endpoint, Place};
pub use failure::{Shape, Upset, upset};
pub use front::{Dialect, Front, Told};
pub use neutral::{Losses, Mistake};
pub use passage::{Framing, LARGEST_ANSWER, Meaning, Passage, too_large};
pub use rate_limit::rate_limits;
pub use raw_object::RawObject;
pub use recall::Recall;
pub use sse::{Event, Splitter, TooLong};
pub use transport::{
    Line, Transport, TransportOptions, Unanswered, body_of, certificates, enter_lane,
    failure as transport_failure,
};
pub use upstreams::{Arrival, Upstreams};
pub use vertex::TokenSource;

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

/// One wire format, the provider's side of it.
pub trait Protocol: Send + Sync {
    /// The words that select it in the configuration.
    fn kinds(&self) -> &'static [&'static str];
    /// A call in this protocol's words, and what will carry its answer to the client.
    fn ask(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Asked, Untranslatable>;
    /// Whether a refused call may be asked once more by another way of this protocol.
    fn detour(&self, _endpoint: &Endpoint, _call: &Call<'_>, _upset: &Upset) -> bool {
        false
    }
    /// The same for embeddings.
    fn embed(&self, _endpoint: &Endpoint, _call: &Call<'_>) -> Result<Asked, Untranslatable> {
        let problem = "names a provider that has no embeddings";
        Err(Mistake::untranslatable("model", problem))
    }
    /// A question for the number of a prompt's tokens that costs nothing, where there is one.
    fn count(&self, _endpoint: &Endpoint, _call: &Call<'_>) -> Option<Counting> {
        None
    }
    /// A question that costs nothing and shows whether the provider is there.
    fn probe(&self, endpoint: &Endpoint) -> Outgoing;
    /// Whether the answer to [`Protocol::probe`] is one.
    fn probe_is_good(&self, status: StatusCode, body: &[u8]) -> bool;
    /// The models that the answer to [`Protocol::probe`] lists.
    fn model_names(&self, body: &[u8]) -> Option<Vec<String>>;
    /// What went wrong, from an answer whose status is not a success.
    fn upset(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Upset {
        upset(status, headers, body)
    }
}

/// Every protocol that is built.
pub const ALL: &[&dyn Protocol] = &[
    &openai::OpenAi,
    &anthropic::Anthropic,
    &gemini::Gemini,
    &vertex::Vertex,
    &ollama::Ollama,
];

/// The protocol that a word of the configuration selects.
pub fn by_kind(kind: &str) -> Option<&'static dyn Protocol> {
    ALL.iter()
        .find(|protocol| protocol.kinds().contains(&kind))
        .copied()
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
