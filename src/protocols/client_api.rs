//! The client's side of a wire format.

use super::RawObject;
use super::call::CallSpec;
use super::error_body::ErrorBody;
use super::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::domain::RequiredCapabilities;
use bytes::Bytes;
use std::fmt;

/// The client's side of a protocol.
pub trait ClientApi: Send + Sync + fmt::Debug {
    /// Names the field that holds the conversation; a request without it is invalid.
    fn prompt_member(&self) -> &'static str;
    /// Names the fields that limit the response's tokens; the first one present counts.
    fn limit_members(&self) -> &'static [&'static str];
    /// Checks whether the client wants usage at the end of its stream. Protocols that always send
    /// it leave the client no choice.
    fn wants_usage(&self, _object: &RawObject<'_>) -> bool {
        true
    }
    /// Returns this protocol's name of a request field that the gateway names as chat completions
    /// do, where the names differ.
    fn member(&self, _name: &str) -> Option<&'static str> {
        None
    }
    /// Names the headers that change what the request's fields mean.
    fn semantic_headers(&self) -> &'static [&'static str] {
        &[]
    }
    /// Returns the capabilities that a model needs for the request.
    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities;
    /// Reads a request into the neutral form.
    fn read(
        &self,
        object: &RawObject<'_>,
        dropped: &mut DroppedFields,
    ) -> Result<ChatRequest, TranslationError>;
    /// Creates the encoder of a response to this call.
    fn encoder(&self, call: &CallSpec<'_>) -> Box<dyn Encode>;
    /// Encodes a failure as a response body.
    fn error(&self, error: &ErrorBody) -> Bytes;
    /// Encodes a failure as the only event of a stream.
    fn error_event(&self, error: &ErrorBody) -> Bytes;
}
