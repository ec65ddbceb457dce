//! The beginning of a provider's response, which shows its form.

use super::answer_memory::{AnswerBuffer, AnswerError};
use crate::foreign::BodyError;
use crate::protocols::{Framing, UpstreamError, body_of};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};

/// Bytes of leading whitespace and byte order mark that are read to find the first other byte.
const MAX_BLANK_BYTES: usize = 64 * 1024;

/// A response whose first bytes are read.
#[derive(Debug)]
pub(super) struct BodyStart {
    first: BytesMut,
    rest: reqwest::Response,
}

impl BodyStart {
    /// Reads up to the first byte that is no whitespace.
    pub async fn read(mut response: reqwest::Response) -> Result<Self, UpstreamError> {
        let mut first = BytesMut::new();
        while first_byte(&first).is_none() && first.len() <= MAX_BLANK_BYTES {
            match response.chunk().await {
                Ok(Some(bytes)) => first.extend_from_slice(&bytes),
                Ok(None) => break,
                Err(error) => return Err(BodyError::Interrupted(error.without_url()).into()),
            }
        }
        Ok(Self {
            first,
            rest: response,
        })
    }

    /// Whether the body is a stream in this framing. A JSON text is none where events are expected.
    pub fn is_stream(&self, framing: Framing) -> bool {
        let is_whole = matches!(
            (framing, first_byte(&self.first)),
            (Framing::Events, Some(b'{')) | (_, Some(b'[' | b'<'))
        );
        !is_whole
    }

    /// The whole body as a stream.
    pub fn into_stream(self) -> BoxStream<'static, reqwest::Result<Bytes>> {
        let first = self.first.freeze();
        let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
        first.chain(body_of(self.rest)).boxed()
    }

    /// The whole body, at most `max_bytes`.
    pub async fn into_body(
        mut self,
        max_bytes: usize,
        buffer: &mut AnswerBuffer,
    ) -> Result<Bytes, AnswerError> {
        let rest = &mut self.rest;
        buffer.read_rest(self.first, rest, max_bytes).await
    }
}

/// The first byte that is neither whitespace nor part of a byte order mark.
fn first_byte(bytes: &[u8]) -> Option<u8> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    text.iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
}
