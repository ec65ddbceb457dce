//! The ways in which a provider's response can be unusable.

use crate::domain::Failure;

/// A received response that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    /// The body, or an event of the stream, is not JSON.
    #[error("the provider's response is not JSON")]
    NotJson,
    /// A Messages response without `content`.
    #[error("the provider's response has no content")]
    NoContent,
    /// A chat completion without `choices`.
    #[error("the provider's response has no choices")]
    NoChoices,
    /// A Gemini response without `candidates`.
    #[error("the provider's response has no candidates")]
    NoCandidates,
    /// An Ollama response without `message`.
    #[error("the provider's response has no message")]
    NoMessage,
    /// A response of the Responses API without `output`.
    #[error("the provider's response has no output")]
    NoOutput,
    /// A response to an embeddings request without vectors.
    #[error("the provider's response has no embeddings")]
    NoEmbeddings,
    /// A Gemini response that is nothing but a tool call that its provider could not read.
    #[error("the model's tool call could not be read by its provider")]
    UnreadableCall,
    /// A stream where a whole response was expected.
    #[error("the provider sent a stream where a whole response was expected")]
    UnexpectedStream,
    /// A whole response where a stream was expected.
    #[error("the provider sent one whole response instead of a stream")]
    UnexpectedWhole,
    /// The response is larger than [`MAX_RESPONSE_BYTES`](super::MAX_RESPONSE_BYTES).
    #[error("the provider's response is too large")]
    TooLarge,
    /// It could not be read because of a mistake of ours, which only such a response shows.
    #[error("the provider's response cannot be read")]
    Panic,
    /// The response has more values than are read.
    #[error("the provider's response has too many values")]
    TooManyValues,
    /// The stream ended within an event.
    #[error("the provider's stream ended within an event")]
    CutEvent,
    /// The stream ended before the response was complete.
    #[error("the provider's stream ended before the response was complete")]
    CutStream,
}

impl ResponseFault {
    /// Class of the failure.
    pub fn failure(self) -> Failure {
        match self {
            Self::CutEvent | Self::CutStream => Failure::Disconnected,
            _ => Failure::Server,
        }
    }
}
