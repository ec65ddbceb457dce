//! The client's side of `generateContent`.

use super::error_json::{error_event, error_value};
use super::field_names::{camel, raw};
use super::json_list::JsonList;
use super::request_facts::{config, inner, wants_list};
use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::protocols::output_limits::OutputLimits;
use crate::protocols::response_adapter::ResponseAdapter;
use bytes::Bytes;
use serde_json::{Value, json};

/// Gemini's `generateContent`, whole and streamed.
#[derive(Debug)]
pub struct GenerateContentApi;

impl ClientApi for GenerateContentApi {
    fn prompt_member(&self) -> &'static str {
        "contents"
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["maxOutputTokens"]
    }

    fn choice_members(&self) -> &'static [&'static str] {
        &["candidateCount"]
    }

    fn output_limits(&self, object: &RawObject<'_>) -> Result<OutputLimits, TranslationError> {
        let mut limits = OutputLimits::default();
        let is_one_of = |names: &[&str], name: &str| names.contains(&&*camel(name));
        for (path, value) in object.members() {
            if camel(path) == "generationConfig"
                && let Ok(config) = serde_json::from_str::<RawObject<'_>>(value.get())
            {
                let is_limit = |name: &str| is_one_of(self.limit_members(), name);
                let is_choices = |name: &str| is_one_of(self.choice_members(), name);
                limits.add((&config, path), is_limit, is_choices)?;
            }
        }
        Ok(limits)
    }

    fn stream_type(&self, object: &RawObject<'_>) -> &'static str {
        if wants_list(object) {
            "application/json; charset=utf-8"
        } else {
            "text/event-stream; charset=utf-8"
        }
    }

    /// Google's libraries read a comment as the beginning of an error, and skip empty lines. Between
    /// the items of a list these are white space.
    fn keep_alive(&self, _object: &RawObject<'_>, _created: u64) -> Bytes {
        Bytes::from_static(b"\n\n")
    }

    /// Readers of a list expect its bracket first.
    fn may_open_early(&self, object: &RawObject<'_>) -> bool {
        !wants_list(object)
    }

    fn member(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "messages" => "contents",
            "max_tokens" | "max_completion_tokens" => "generationConfig.maxOutputTokens",
            "temperature" => "generationConfig.temperature",
            "top_p" => "generationConfig.topP",
            "top_k" => "generationConfig.topK",
            "stop" => "generationConfig.stopSequences",
            "seed" => "generationConfig.seed",
            "n" => "generationConfig.candidateCount",
            "presence_penalty" => "generationConfig.presencePenalty",
            "frequency_penalty" => "generationConfig.frequencyPenalty",
            "reasoning_effort" => "generationConfig.thinkingConfig",
            "reasoning" => "contents.thought",
            "response_format" => "generationConfig.responseSchema",
            "tool_choice" => "toolConfig.functionCallingConfig",
            _ => return None,
        })
    }

    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities {
        let config = config(object);
        let has_schema = config.as_ref().is_some_and(|config| {
            raw(config, "responseSchema", "response_schema").is_some()
                || raw(config, "responseJsonSchema", "response_json_schema").is_some()
        });
        let thinking =
            config.and_then(|config| inner(&config, "thinkingConfig", "thinking_config"));
        let thinks = thinking.is_some_and(|thinking| {
            let budget = raw(&thinking, "thinkingBudget", "thinking_budget");
            raw(&thinking, "thinkingLevel", "thinking_level").is_some()
                || budget.is_some_and(|budget| !matches!(budget.get(), "0" | "-1"))
        });
        RequiredCapabilities {
            // Within a text the quote would be escaped.
            images: object.mentions("contents", r#""image/"#),
            tools: object.has_items("tools")
                && (object.mentions("tools", r#""functionDeclarations""#)
                    || object.mentions("tools", r#""function_declarations""#)),
            json_schema: has_schema,
            prefill: object.last_role("contents").as_deref() == Some("model"),
            reasoning: thinks,
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

    fn framed(
        &self,
        call: &CallSpec<'_>,
        adapter: Box<dyn ResponseAdapter>,
    ) -> Box<dyn ResponseAdapter> {
        if call.stream && wants_list(call.object) {
            Box::new(JsonList::new(adapter))
        } else {
            adapter
        }
    }

    /// The request stands within this one where it has more than contents.
    fn counted<'a>(&self, object: RawObject<'a>) -> RawObject<'a> {
        let whole = inner(
            &object,
            "generateContentRequest",
            "generate_content_request",
        );
        whole.unwrap_or(object)
    }

    fn token_count(&self, tokens: u64) -> Value {
        json!({
            "totalTokens": tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
        })
    }

    fn error(&self, error: &ErrorBody) -> Bytes {
        error_value(error).to_string().into()
    }

    fn error_event(&self, error: &ErrorBody) -> Bytes {
        error_event(error).into()
    }
}
