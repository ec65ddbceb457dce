//! The client's side of a wire format.

use super::RawObject;
use super::call::CallSpec;
use super::error_body::ErrorBody;
use super::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use super::output_limits::OutputLimits;
use super::response_adapter::ResponseAdapter;
use crate::domain::RequiredCapabilities;
use bytes::Bytes;
use serde_json::{Value, json};
use std::fmt;

/// The client's side of a protocol.
pub trait ClientApi: Send + Sync + fmt::Debug {
    /// Names the field that holds the conversation; a request without it is invalid.
    fn prompt_member(&self) -> &'static str;
    /// Checks whether the request has a conversation.
    fn has_prompt(&self, object: &RawObject<'_>) -> bool {
        object.has(self.prompt_member())
    }
    /// Answers a request without a conversation, where the protocol gives that a meaning. `created` is
    /// the start of the request, in Unix seconds.
    fn answer_without_prompt(&self, _object: &RawObject<'_>, _created: u64) -> Option<Bytes> {
        None
    }
    /// Names the fields that limit the response's tokens.
    fn limit_members(&self) -> &'static [&'static str];
    /// Names the fields that state the number of choices.
    fn choice_members(&self) -> &'static [&'static str] {
        &[]
    }
    /// Returns what a request states about the size of its response.
    fn output_limits(&self, object: &RawObject<'_>) -> Result<OutputLimits, TranslationError> {
        let mut limits = OutputLimits::default();
        let is_limit = |name: &str| self.limit_members().contains(&name);
        let is_choices = |name: &str| self.choice_members().contains(&name);
        limits.add((object, ""), is_limit, is_choices)?;
        Ok(limits)
    }
    /// Checks whether a request that does not say so wants a stream.
    fn streams_by_default(&self) -> bool {
        false
    }
    /// Returns the media type of the stream that a request wants.
    fn stream_type(&self, _object: &RawObject<'_>) -> &'static str {
        "text/event-stream; charset=utf-8"
    }
    /// Returns bytes that say nothing, and that a client accepts between any two events of the stream
    /// that it wants. `created` is the start of the request, in Unix seconds.
    fn keep_alive(&self, _object: &RawObject<'_>, _created: u64) -> Bytes {
        Bytes::from_static(b": keep-alive\n\n")
    }
    /// Checks whether such bytes, and after them only an error event, may be all of a stream.
    fn may_open_early(&self, _object: &RawObject<'_>) -> bool {
        true
    }
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
    /// Puts the response in the form that this call wants, where the protocol has several.
    fn framed(
        &self,
        _call: &CallSpec<'_>,
        adapter: Box<dyn ResponseAdapter>,
    ) -> Box<dyn ResponseAdapter> {
        adapter
    }
    /// Returns the request whose tokens a request to count them holds.
    fn counted<'a>(&self, object: RawObject<'a>) -> RawObject<'a> {
        object
    }
    /// Encodes a number of input tokens.
    fn token_count(&self, tokens: u64) -> Value {
        json!({"input_tokens": tokens})
    }
    /// Encodes a failure as a response body.
    fn error(&self, error: &ErrorBody) -> Bytes;
    /// Encodes a failure as the only event of a stream.
    fn error_event(&self, error: &ErrorBody) -> Bytes;
}
