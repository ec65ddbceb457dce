//! The client's side of completions.

use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::protocols::openai::{error_body, includes_usage};
use bytes::Bytes;

/// OpenAI's completions of a text.
#[derive(Debug)]
pub struct CompletionsApi;

impl ClientApi for CompletionsApi {
    fn prompt_member(&self) -> &'static str {
        "prompt"
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["max_tokens"]
    }

    fn choice_members(&self) -> &'static [&'static str] {
        &["n", "best_of"]
    }

    fn wants_usage(&self, object: &RawObject<'_>) -> bool {
        includes_usage(object)
    }

    fn needs(&self, _object: &RawObject<'_>) -> RequiredCapabilities {
        RequiredCapabilities::default()
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
        encode::error_event(error).into()
    }
}
