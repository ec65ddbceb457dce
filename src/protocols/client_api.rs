//! The client's side of a wire format.

use super::RawObject;
use super::call::CallSpec;
use super::error_body::ErrorBody;
use super::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::domain::RequiredCapabilities;
use bytes::Bytes;
use std::fmt;

/// A client's side of a protocol.
pub trait ClientApi: Send + Sync + fmt::Debug {
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
    fn semantic_headers(&self) -> &'static [&'static str] {
        &[]
    }
    /// What the request needs of a model.
    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities;
    /// A request in no vendor's words.
    fn read(
        &self,
        object: &RawObject<'_>,
        losses: &mut DroppedFields,
    ) -> Result<ChatRequest, TranslationError>;
    /// Who says an answer.
    fn encoder(&self, call: &CallSpec<'_>) -> Box<dyn Encode>;
    /// A failure, as the body of an answer.
    fn error(&self, told: &ErrorBody) -> Bytes;
    /// A failure as the only event of a stream.
    fn error_event(&self, told: &ErrorBody) -> Bytes;
}
