//! The client's side of chat completions.

use super::error_json::{error_body, error_event};
use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use bytes::Bytes;

/// OpenAI's chat completions.
#[derive(Debug)]
pub struct ChatApi;

impl ClientApi for ChatApi {
    fn prompt_member(&self) -> &'static str {
        "messages"
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["max_completion_tokens", "max_tokens"]
    }

    fn choice_members(&self) -> &'static [&'static str] {
        &["n", "best_of"]
    }

    fn wants_usage(&self, object: &RawObject<'_>) -> bool {
        includes_usage(object)
    }

    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities {
        let effort = object.read::<String>("reasoning_effort");
        let format = object.read::<RawObject<'_>>("response_format");
        let format = format.and_then(|format| format.read::<String>("type"));
        RequiredCapabilities {
            // With its quotes the string can only be a field's name or value: within a text they
            // are escaped.
            images: object.mentions("messages", r#""image_url""#),
            tools: object.has_items("tools") || object.has_items("functions"),
            json_schema: format.as_deref() == Some("json_schema"),
            prefill: object.last_role("messages").as_deref() == Some("assistant"),
            reasoning: effort.is_some_and(|effort| effort != "none") || object.has("reasoning"),
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

    fn error(&self, error: &ErrorBody) -> Bytes {
        error_body(error)
    }

    fn error_event(&self, error: &ErrorBody) -> Bytes {
        error_event(error).into()
    }
}

/// Checks whether a request asks for the usage at the end of its stream.
pub(in crate::protocols) fn includes_usage(object: &RawObject<'_>) -> bool {
    let options = object.read::<RawObject<'_>>("stream_options");
    options
        .and_then(|options| options.read("include_usage"))
        .unwrap_or(false)
}
