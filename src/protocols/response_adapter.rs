//! Adapts one upstream response for its client: unchanged, or translated.

use super::half_characters::mend_body;
use super::json_size::check_answer_size;
use super::{ErrorBody, Event, Framing, ResponseFault, Splitter, UpstreamError, stray_lines};
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
    /// Checks whether responses pass as the bytes that they are, whatever they hold.
    fn is_opaque(&self) -> bool {
        false
    }
    /// Converts a complete stream into a whole response for the client.
    fn folded(&mut self, _body: &Bytes) -> Result<Bytes, UpstreamError> {
        Err(ResponseFault::UnexpectedStream.into())
    }
    /// Converts a whole response into a complete stream for the client.
    fn unfolded(&mut self, _body: &Bytes, _out: &mut BytesMut) -> Result<(), UpstreamError> {
        Err(ResponseFault::UnexpectedWhole.into())
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

/// Converts a body for a client that wants a whole response, also where the provider sent a stream.
pub fn whole_from(adapter: &mut dyn ResponseAdapter, body: Bytes) -> Result<Bytes, UpstreamError> {
    if adapter.is_opaque() {
        return adapter.whole(&body);
    }
    let body = mend_body(body);
    check_answer_size(&body).map_err(|_| ResponseFault::TooManyValues)?;
    if stray_lines::is_stream(&body) {
        adapter.folded(&body)
    } else {
        adapter.whole(&body)
    }
}

/// Converts a body for a client that wants a stream, where the provider sent a whole response or a
/// stream in another framing.
pub fn stream_from(
    adapter: &mut dyn ResponseAdapter,
    body: Bytes,
    out: &mut BytesMut,
) -> Result<(), UpstreamError> {
    if adapter.is_opaque() {
        return adapter.unfolded(&body, out);
    }
    let body = mend_body(body);
    check_answer_size(&body).map_err(|_| ResponseFault::TooManyValues)?;
    if stray_lines::is_stream(&body) {
        read_stream(adapter, &body, out)
    } else {
        adapter.unfolded(&body, out)
    }
}

/// Converts a complete stream.
pub(super) fn read_stream(
    adapter: &mut dyn ResponseAdapter,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<(), UpstreamError> {
    let is_done = for_each_event(body, adapter.framing(), |event| {
        match adapter.read(event, out) {
            StreamEventKind::Done => Ok(true),
            StreamEventKind::Broken(error) => Err(error),
            _ => Ok(false),
        }
    })?;
    if is_done {
        return Ok(());
    }
    if !adapter.may_end() {
        return Err(ResponseFault::CutStream.into());
    }
    adapter.close(out);
    Ok(())
}

/// Calls `read` with each event of a complete stream until it returns true; returns whether it did.
/// Lines of JSON are events too.
pub(super) fn for_each_event(
    body: &[u8],
    framing: Framing,
    mut read: impl FnMut(&Event) -> Result<bool, UpstreamError>,
) -> Result<bool, UpstreamError> {
    let has_lines = body.trim_ascii_start().starts_with(b"{");
    let own = if has_lines { Framing::Lines } else { framing };
    let mut splitter = Splitter::new(own);
    splitter.push(body);
    loop {
        let event = match splitter.next_event()? {
            Some(event) => event,
            None => match splitter.rest() {
                Some(event) => event,
                None => return Ok(false),
            },
        };
        let event = if own == framing {
            event
        } else {
            event.with_field()
        };
        if read(&event)? {
            return Ok(true);
        }
    }
}
