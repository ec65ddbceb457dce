//! A failure as a client reads it.

use super::context_overflow::ContextOverflow;
use std::borrow::Cow;

/// A failure as a client reads it, in OpenAI's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// HTTP status of the response.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: String,
    /// Error code, in OpenAI's terms.
    pub code: Option<String>,
    /// The rejected field of the request.
    pub param: Option<String>,
    /// Sentence for the client.
    pub message: String,
    /// Present where the prompt is too long for the model.
    pub overflow: Option<ContextOverflow>,
    /// Id of the client's request, where it is known.
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// Returns the message as clients of OpenAI's protocols expect it.
    pub(super) fn openai_message(&self) -> Cow<'_, str> {
        match self.overflow {
            Some(overflow) => Cow::Owned(overflow.in_openai_words(&self.message)),
            None => Cow::Borrowed(&self.message),
        }
    }

    /// Returns the message as clients of Anthropic's protocol expect it.
    pub(super) fn anthropic_message(&self) -> Cow<'_, str> {
        match self.overflow {
            Some(overflow) => Cow::Owned(overflow.in_anthropic_words(&self.message)),
            None => Cow::Borrowed(&self.message),
        }
    }
}
