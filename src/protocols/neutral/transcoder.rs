//! Translates a response from one protocol into another: a decoder reads the upstream's bytes, an
//! encoder writes them for the client.

use super::chat_response::{ChatResponse, Delta, Deltas, ReportedUsage};
use super::reasoning_memory::{KeptReasoning, ReasoningMemory};
use super::size_tracker::SizeTracker;
use super::unique_call_ids::UniqueCallIds;
use crate::domain::Usage;
use crate::protocols::framing::Framing;
use crate::protocols::reasoning_cache::ReasoningCache;
use crate::protocols::response_adapter::{
    ResponseAdapter, StreamEventKind, for_each_event, too_large,
};
use crate::protocols::{ErrorBody, Event, ResponseFault, UpstreamError};
use bytes::{Bytes, BytesMut};
use std::collections::HashSet;

/// State of a decoder after an event.
#[derive(Debug, Clone, PartialEq)]
pub enum DecodeStep {
    More,
    /// The terminator was read.
    Done,
    /// The provider reported a failure within a response of status 200.
    Broken(UpstreamError),
}

/// Decodes one response; holds the state of its stream.
pub trait Decode: Send {
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// Reads a whole response.
    fn whole(&mut self, body: &[u8], deltas: &mut Deltas) -> Result<(), UpstreamError>;
    /// Reads one event of a stream.
    fn read(&mut self, event: &Event, deltas: &mut Deltas) -> DecodeStep;
    /// Checks whether the response is complete if its bytes end here.
    fn may_end(&self) -> bool;
    /// Adds what only the end of the stream shows.
    fn finish(&mut self, _deltas: &mut Deltas) {}
    fn tokens(&self) -> Option<ReportedUsage>;
}

/// Encodes one response for a client; holds the state of its stream.
pub trait Encode: Send {
    /// Returns the id of a call in the form that the client's protocol accepts.
    fn call_id(&self, id: String) -> String {
        id
    }
    fn whole(&mut self, response: ChatResponse, tokens: Option<ReportedUsage>) -> Bytes;
    fn write(&mut self, choice: u32, delta: Delta, out: &mut BytesMut);
    /// Writes the end of a complete stream.
    fn end(&mut self, tokens: Option<ReportedUsage>, out: &mut BytesMut);
    /// Writes the end of a stream that failed.
    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut);
}

/// A response adapter made of a decoder and an encoder.
pub struct Transcoder {
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    deltas: Deltas,
    text_bytes: usize,
    size: SizeTracker,
    ids: UniqueCallIds,
    memory: Option<ReasoningMemory>,
}

impl Transcoder {
    pub fn new(decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        Self {
            decoder,
            encoder,
            deltas: Deltas::new(),
            text_bytes: 0,
            size: SizeTracker::default(),
            ids: UniqueCallIds::default(),
            memory: None,
        }
    }

    /// Gives calls ids that are unique in their conversation, whose calls so far are `taken`.
    /// `response` is unique to the response.
    #[must_use]
    pub fn with_unique_ids(self, response: &str, taken: HashSet<String>) -> Self {
        Self {
            ids: UniqueCallIds::new(response, taken),
            ..self
        }
    }

    /// Stores the reasoning before the response's calls.
    #[must_use]
    pub fn remembering(self, cache: &ReasoningCache, kept: KeptReasoning) -> Self {
        Self {
            memory: Some(ReasoningMemory::new(cache.clone(), kept)),
            ..self
        }
    }

    /// Prepares a delta for the client.
    fn prepare(&mut self, choice: u32, delta: &mut Delta) {
        self.text_bytes += text_length(delta);
        if let Delta::Call { id, .. } = delta {
            let accepted = self.encoder.call_id(std::mem::take(id));
            *id = self.ids.unique(accepted);
        }
        if let Some(memory) = &mut self.memory {
            memory.take(choice, delta);
        }
    }

    /// Folds the deltas of a complete response.
    fn fold(&mut self, mut deltas: Deltas) -> Result<Bytes, UpstreamError> {
        for (choice, delta) in &mut deltas {
            self.prepare(*choice, delta);
            if !self.size.take(delta) {
                return Err(too_large());
            }
        }
        let response = ChatResponse::from(deltas);
        Ok(self.encoder.whole(response, self.decoder.tokens()))
    }

    /// Writes the deltas so far for the client.
    fn write_deltas(&mut self, out: &mut BytesMut) -> Result<StreamEventKind, UpstreamError> {
        let mut kind = StreamEventKind::NoContent;
        let mut deltas = std::mem::take(&mut self.deltas);
        for (choice, mut delta) in deltas.drain(..) {
            self.prepare(choice, &mut delta);
            if !self.size.take(&delta) {
                return Err(too_large());
            }
            kind = match (&delta, kind) {
                (Delta::End(_), StreamEventKind::NoContent) => StreamEventKind::Finish,
                (Delta::Start { .. } | Delta::End(_), before) => before,
                _ => StreamEventKind::Content,
            };
            self.encoder.write(choice, delta, out);
        }
        // The list is used again, so that an event allocates none.
        self.deltas = deltas;
        Ok(kind)
    }
}

impl ResponseAdapter for Transcoder {
    fn framing(&self) -> Framing {
        self.decoder.framing()
    }

    fn whole(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut deltas = Deltas::new();
        self.decoder.whole(body, &mut deltas)?;
        self.fold(deltas)
    }

    fn folded(&mut self, body: &Bytes) -> Result<Bytes, UpstreamError> {
        let mut deltas = Deltas::new();
        let decoder = &mut self.decoder;
        let framing = decoder.framing();
        let is_done = for_each_event(body, framing, |event| {
            match decoder.read(event, &mut deltas) {
                DecodeStep::More => Ok(false),
                DecodeStep::Done => Ok(true),
                DecodeStep::Broken(error) => Err(error),
            }
        })?;
        if !is_done && !self.decoder.may_end() {
            return Err(ResponseFault::CutStream.into());
        }
        self.decoder.finish(&mut deltas);
        self.fold(deltas)
    }

    fn unfolded(&mut self, body: &Bytes, out: &mut BytesMut) -> Result<(), UpstreamError> {
        self.decoder.whole(body, &mut self.deltas)?;
        self.write_deltas(out)?;
        self.close(out);
        Ok(())
    }

    fn read(&mut self, event: &Event, out: &mut BytesMut) -> StreamEventKind {
        let step = self.decoder.read(event, &mut self.deltas);
        let kind = match self.write_deltas(out) {
            Ok(kind) => kind,
            Err(error) => return StreamEventKind::Broken(error),
        };
        match step {
            DecodeStep::More => kind,
            DecodeStep::Done => {
                self.close(out);
                StreamEventKind::Done
            }
            DecodeStep::Broken(error) => StreamEventKind::Broken(error),
        }
    }

    fn may_end(&self) -> bool {
        self.decoder.may_end()
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.decoder.finish(&mut self.deltas);
        // What comes at the end is no text, so it cannot be too large.
        let _ends_only = self.write_deltas(out);
        self.encoder.end(self.decoder.tokens(), out);
    }

    fn broken(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.encoder.broken(error, out);
    }

    fn usage(&self) -> Option<Usage> {
        self.decoder.tokens().map(Usage::from)
    }

    fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// Bytes of text in a delta.
fn text_length(delta: &Delta) -> usize {
    match delta {
        Delta::Text(text)
        | Delta::Reasoning(text)
        | Delta::Refusal(text)
        | Delta::Arguments { text, .. } => text.len(),
        Delta::Call { name, .. } => name.len(),
        // A recording or an image is billed by other rules than its bytes.
        _ => 0,
    }
}
