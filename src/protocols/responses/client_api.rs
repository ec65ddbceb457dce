//! The client's side of the Responses API.

use super::pass_through::error_event;
use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::protocols::openai::error_body;
use bytes::Bytes;
use serde_json::{Value, json};

/// OpenAI's Responses API.
#[derive(Debug)]
pub struct ResponsesApi;

impl ClientApi for ResponsesApi {
    fn prompt_member(&self) -> &'static str {
        "input"
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["max_output_tokens"]
    }

    fn member(&self, name: &str) -> Option<&'static str> {
        match name {
            "reasoning_effort" => Some("reasoning.effort"),
            "reasoning" => Some("input.reasoning"),
            _ => None,
        }
    }

    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities {
        let inner = |name: &str, member: &str, word: &str| {
            let inner = object.read::<RawObject<'_>>(name)?;
            let inner = inner.read::<RawObject<'_>>(member)?;
            inner.read::<String>(word)
        };
        let reasoning = object.read::<RawObject<'_>>("reasoning");
        let effort = reasoning.and_then(|reasoning| reasoning.read::<String>("effort"));
        RequiredCapabilities {
            // With its quotes the string can only be a field's name or value: within a text they
            // are escaped.
            images: object.mentions("input", r#""input_image""#),
            tools: object.has_items("tools"),
            json_schema: inner("text", "format", "type").as_deref() == Some("json_schema"),
            reasoning: effort.is_some_and(|effort| effort != "none"),
            // The protocol has no prefill.
            prefill: false,
        }
    }

    fn read(
        &self,
        object: &RawObject<'_>,
        dropped: &mut DroppedFields,
    ) -> Result<ChatRequest, TranslationError> {
        read::conversation(object.value()?, dropped)
    }

    fn encoder(&self, call: &CallSpec<'_>) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(call))
    }

    fn token_count(&self, tokens: u64) -> Value {
        json!({"object": "response.input_tokens", "input_tokens": tokens})
    }

    fn error(&self, error: &ErrorBody) -> Bytes {
        error_body(error)
    }

    fn error_event(&self, error: &ErrorBody) -> Bytes {
        error_event(error, 0)
    }
}
