//! Memory of a stream: what is read of it and not complete yet, and what its client has not taken yet.

use super::{DecodedChunk, StreamEnd, StreamRelay};
use crate::gateway::answer_memory::{ClientMemory, NoAnswerMemory};
use crate::gateway::error::GatewayError;
use bytes::{Bytes, BytesMut};

impl StreamRelay {
    /// Counts what is held of the response in the client's share of the memory.
    pub fn with_memory(mut self, memory: &ClientMemory) -> Self {
        self.memory = Some(memory.clone());
        self.buffer = Some(memory.buffer());
        self
    }

    /// Decodes one read, and counts what is held of the response. Where there is no room for it, the
    /// provider is not read for a while.
    pub(super) async fn on_counted_read(
        &mut self,
        read: Option<reqwest::Result<Bytes>>,
    ) -> DecodedChunk {
        let mut chunk = self.on_read(read);
        let held = self.held.len() + self.splitter.held_bytes();
        if let Some(buffer) = &mut self.buffer
            && buffer.set(held).await.is_err()
        {
            chunk.end = Some(StreamEnd::NoMemory);
            self.ended = true;
        }
        chunk
    }

    /// Counts bytes until the client has taken them.
    pub(super) async fn hand_over(&mut self, out: BytesMut) -> Result<Bytes, NoAnswerMemory> {
        match &self.memory {
            Some(memory) => memory.hold(out.freeze()).await,
            None => Ok(out.freeze()),
        }
    }

    /// Hands over what was held back, which counts already.
    pub(super) async fn hand_over_held(&mut self) -> Result<Bytes, NoAnswerMemory> {
        let held = self.held.split().freeze();
        let fresh = self.memory.as_ref().map(ClientMemory::buffer);
        match std::mem::replace(&mut self.buffer, fresh) {
            Some(buffer) => buffer.into_held(held).await,
            None => Ok(held),
        }
    }

    /// Ends the stream with an error event, because there is no memory for the rest of it.
    pub(super) fn end_without_memory(&mut self) -> Bytes {
        if let Some(attempt) = &self.attempt {
            attempt.count_refused();
        }
        self.end_with(&GatewayError::AnswerMemoryExhausted)
    }
}
