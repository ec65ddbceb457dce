//! Adapts one upstream response for its client: unchanged, or translated.

use super::{ErrorBody, Event, Framing, ResponseFault, UpstreamError};
use crate::domain::Usage;
use bytes::{Bytes, BytesMut};

/// Bytes of the largest response, whole or assembled from a stream. A text of four million tokens
/// fits.
pub const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;

/// Creates the failure of a response that is larger than [`MAX_RESPONSE_BYTES`].
pub fn too_large() -> UpstreamError {
    ResponseFault::TooLarge.into()
}

/// Classifies an event that is not JSON. An event without its blank line was cut off.
pub(super) fn unreadable(event: &Event, framing: Framing) -> UpstreamError {
    let is_whole = match framing {
        Framing::Events => event.has_blank_line(),
        Framing::Lines => event.raw.ends_with(b"\n"),
    };
    if is_whole {
        ResponseFault::NotJson.into()
    } else {
        ResponseFault::CutEvent.into()
    }
}

/// The kind of one event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEventKind {
    /// Text, a tool call, reasoning: what the client waits for.
    Content,
    /// A role, a ping, a comment: nothing that a client could use yet.
    NoContent,
    /// The last choice has ended.
    Finish,
    /// The stream is complete.
    Done,
    /// The provider reported a failure within a response of status 200.
    Broken(UpstreamError),
}

/// Adapts one response for its client; holds the state of its stream.
pub trait ResponseAdapter: Send {
    /// Returns the framing of the upstream's stream.
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// Converts a whole response for the client.
    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError>;
    /// Returns the body of the next request, where one response is made of the answers to several
    /// requests to the same URL. Each answer before the last one goes to
    /// [`ResponseAdapter::part`].
    fn next_body(&mut self) -> Option<Bytes> {
        None
    }
    /// Takes a whole answer to one of several requests.
    fn part(&mut self, _body: &Bytes) -> Result<(), UpstreamError> {
        Ok(())
    }
    /// Reads one event and writes what the client gets of it.
    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind;
    /// Checks whether the response is complete if its bytes end here.
    fn may_end(&self) -> bool;
    /// Writes the end of a stream whose upstream sent no terminator.
    fn close(&mut self, out: &mut BytesMut);
    /// Writes the end of a stream that failed.
    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut);
    /// Returns the usage that the provider has reported so far.
    fn usage(&self) -> Option<Usage>;
    /// Bytes of text so far, to estimate tokens where the provider reports none.
    fn text_bytes(&self) -> usize;
}
