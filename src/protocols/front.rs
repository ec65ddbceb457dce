//! The protocols that clients speak to us.

use super::call::Call;
use super::neutral::{Conversation, Encode, Losses, Mistake};
use super::{RawObject, anthropic, openai, responses};
use crate::domain::RequiredCapabilities;
use bytes::Bytes;
use std::fmt;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
    /// OpenAI's responses.
    Responses,
}

impl Dialect {
    pub fn front(self) -> &'static dyn Front {
        match self {
            Self::Chat => &openai::ChatFront,
            Self::Messages => &anthropic::MessagesFront,
            Self::Responses => &responses::ResponsesFront,
        }
    }
}

/// A client's side of a protocol.
pub trait Front: Send + Sync + fmt::Debug {
    /// The member that holds the conversation; a request without it is none.
    fn prompt_member(&self) -> &'static str;
    /// The members that hold the longest answer's tokens, the first that is there counts.
    fn limit_members(&self) -> &'static [&'static str];
    /// Whether the client wants the tokens at the end of its stream. Protocols that always send
    /// them leave the client no choice.
    fn wants_usage(&self, _object: &RawObject<'_>) -> bool {
        true
    }
    /// Headers that decide what the request's own words mean.
    fn telling_headers(&self) -> &'static [&'static str] {
        &[]
    }
    /// What the request needs of a model.
    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities;
    /// A request in no vendor's words.
    fn read(&self, object: &RawObject<'_>, losses: &mut Losses) -> Result<Conversation, Mistake>;
    /// Who says an answer.
    fn encoder(&self, call: &Call<'_>) -> Box<dyn Encode>;
    /// A failure, as the body of an answer.
    fn error(&self, told: &Told) -> Bytes;
    /// A failure as the only event of a stream.
    fn error_event(&self, told: &Told) -> Bytes;
}

/// A failure as clients are told of it, in OpenAI's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: String,
    pub code: Option<String>,
    /// The member at fault.
    pub param: Option<String>,
    pub message: String,
}
