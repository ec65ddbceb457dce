//! The client's side of `/api/chat` and `/api/generate`.

use super::line::{error_line, is_chat, line_head, set_text};
use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use crate::protocols::output_limits::OutputLimits;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use serde_json::value::RawValue;

/// Ollama's own API.
#[derive(Debug)]
pub struct OllamaApi;

/// Checks whether a message has an image.
fn shows_images(object: &RawObject<'_>) -> bool {
    #[derive(Deserialize)]
    struct MessageShape {
        #[serde(default)]
        images: Option<Vec<IgnoredAny>>,
    }
    let in_messages = || {
        let messages = object.read::<Vec<MessageShape>>("messages");
        let mut messages = messages.into_iter().flatten();
        messages.any(|message| message.images.is_some_and(|images| !images.is_empty()))
    };
    object.has_items("images") || (object.mentions("messages", r#""images""#) && in_messages())
}

impl ClientApi for OllamaApi {
    fn prompt_member(&self) -> &'static str {
        "messages"
    }

    fn has_prompt(&self, object: &RawObject<'_>) -> bool {
        object.has("messages") || object.has("prompt")
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["num_predict"]
    }

    fn output_limits(&self, object: &RawObject<'_>) -> Result<OutputLimits, TranslationError> {
        let mut limits = OutputLimits::default();
        if let Some(options) = object.read::<RawObject<'_>>("options") {
            let is_limit = |name: &str| self.limit_members().contains(&name);
            limits.add((&options, "options"), is_limit, |_| false)?;
        }
        Ok(limits)
    }

    fn streams_by_default(&self) -> bool {
        true
    }

    fn stream_type(&self, _object: &RawObject<'_>) -> &'static str {
        "application/x-ndjson"
    }

    /// Clients read every line as JSON, so a line without text.
    fn keep_alive(&self, object: &RawObject<'_>, created: u64) -> Bytes {
        let model: String = object.read("model").unwrap_or_default();
        let mut line = line_head(&model, created);
        set_text(&mut line, is_chat(object), "");
        line["done"] = false.into();
        format!("{line}\n").into()
    }

    /// A request without a prompt loads the model, or unloads it. Every target is always loaded.
    fn answer_without_prompt(&self, object: &RawObject<'_>, created: u64) -> Option<Bytes> {
        let is_empty =
            |name: &str| matches!(object.get(name).map(RawValue::get), Some("[]" | "\"\""));
        let is_chat = is_chat(object);
        let has_prompt = object.has("prompt") && !is_empty("prompt");
        let has_other = has_prompt || object.has_items("images") || object.has("suffix");
        if (is_chat && !is_empty("messages")) || has_other {
            return None;
        }
        let model: String = object.read("model")?;
        let is_unload = object.get("keep_alive").is_some_and(|raw| raw.get() == "0");
        let reason = if is_unload { "unload" } else { "load" };
        let mut line = line_head(&model, created);
        set_text(&mut line, is_chat, "");
        line["done"] = true.into();
        line["done_reason"] = reason.into();
        Some(line.to_string().into())
    }

    fn member(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "max_tokens" | "max_completion_tokens" => "options.num_predict",
            "temperature" => "options.temperature",
            "top_p" => "options.top_p",
            "top_k" => "options.top_k",
            "stop" => "options.stop",
            "seed" => "options.seed",
            "presence_penalty" => "options.presence_penalty",
            "frequency_penalty" => "options.frequency_penalty",
            "reasoning_effort" => "think",
            "reasoning" => "messages.thinking",
            "response_format" => "format",
            _ => return None,
        })
    }

    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities {
        let thinks = |raw: &RawValue| !matches!(raw.get(), "null" | "false");
        RequiredCapabilities {
            images: shows_images(object),
            tools: object.has_items("tools"),
            json_schema: object
                .get("format")
                .is_some_and(|raw| raw.get().starts_with('{')),
            prefill: object.last_role("messages").as_deref() == Some("assistant"),
            reasoning: object.get("think").is_some_and(thinks),
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
        json!({"error": error.message}).to_string().into()
    }

    fn error_event(&self, error: &ErrorBody) -> Bytes {
        error_line(error).into()
    }
}
