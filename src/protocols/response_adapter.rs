//! How one answer gets from an upstream to its client: as it came, or in other words.

use super::{ErrorBody, Event, Framing, UpstreamError};
use crate::domain::{Failure, Usage};
use bytes::{Bytes, BytesMut};

/// Bytes of an answer, whole or put together from a stream; one that is larger is none. A text of
/// four million tokens fits.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// An answer beyond what one may have.
pub fn too_large() -> UpstreamError {
    UpstreamError::without_response(Failure::Server, "the provider's answer is too large")
}

/// What is not JSON where it should be. A piece without its end is where the stream was cut off.
pub(super) fn unreadable(event: &Event, framing: Framing) -> UpstreamError {
    let is_whole = match framing {
        Framing::Events => event.has_blank_line(),
        Framing::Lines => event.raw.ends_with(b"\n"),
    };
    if is_whole {
        let message = "the provider sent something that is not JSON";
        UpstreamError::without_response(Failure::Server, message)
    } else {
        let message = "the provider's stream ended inside of an event";
        UpstreamError::without_response(Failure::Disconnected, message)
    }
}

/// What one event of an answer's stream means.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEventKind {
    /// Text, a tool call, reasoning: what the client waits for.
    Content,
    /// A role, a ping, a comment: nothing that a client could use yet.
    NoContent,
    /// The last choice has ended.
    Finish,
    /// The stream is whole.
    Done,
    /// The provider gave up, inside a 200.
    Broken(UpstreamError),
}

/// Carries one answer; keeps the state of its stream.
pub trait ResponseAdapter: Send {
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// A whole answer, for the client.
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError>;
    /// Takes one event in and writes what the client gets of it.
    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind;
    /// Whether the end of the bytes, here, is the end of the answer.
    fn may_end(&self) -> bool;
    /// Writes the end of a stream whose upstream sent no terminator.
    fn close(&mut self, out: &mut BytesMut);
    /// Writes the end of a stream that broke.
    fn broken(&mut self, told: &ErrorBody, out: &mut BytesMut);
    /// The tokens that the provider reported so far.
    fn usage(&self) -> Option<Usage>;
    /// Bytes of text that the answer had so far, to estimate the tokens where nobody reports them.
    fn text_bytes(&self) -> usize;
}
