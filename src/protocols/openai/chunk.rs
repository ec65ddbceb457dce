//! The fields of a response that are read; all others are ignored.

use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A chunk of a stream, or a whole response: the two differ in one field's name.
#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub choices: Option<Vec<Choice<'a>>>,
    #[serde(default, deserialize_with = "readable")]
    pub usage: Option<UsageShape>,
    #[serde(default, deserialize_with = "readable")]
    pub x_groq: Option<GroqShape>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    /// `error` where the whole object is an error, on older servers.
    #[serde(borrow, default)]
    object: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub index: Option<u32>,
    #[serde(borrow, default, alias = "message")]
    pub delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<Cow<'a, str>>,
    /// Failure of one choice, sent by `OpenRouter`.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The content of a delta or message. Providers name the reasoning differently.
#[derive(Deserialize, Default)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    pub role: Option<Cow<'a, str>>,
    /// A text, or with some providers a list of parts.
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub reasoning: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub tool_calls: Option<Vec<CallShape<'a>>>,
    #[serde(borrow, default)]
    pub function_call: Option<FunctionShape<'a>>,
    #[serde(borrow, default)]
    pub audio: Option<&'a RawValue>,
    #[serde(default)]
    pub annotations: Option<Vec<Value>>,
}

#[derive(Deserialize)]
pub(super) struct CallShape<'a> {
    #[serde(default)]
    pub index: Option<u64>,
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub function: Option<FunctionShape<'a>>,
    /// Extensions of a provider; Google's compatible API puts signatures here.
    #[serde(borrow, default)]
    pub extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct FunctionShape<'a> {
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub arguments: Option<Cow<'a, str>>,
}

impl CallShape<'_> {
    pub fn has_name(&self) -> bool {
        let name = self.function.as_ref().and_then(|one| one.name.as_deref());
        name.is_some_and(|name| !name.is_empty())
    }
}

#[derive(Deserialize, Clone, Copy)]
pub(super) struct GroqShape {
    #[serde(default, deserialize_with = "readable")]
    pub usage: Option<UsageShape>,
}

#[derive(Deserialize, Clone, Copy)]
pub(super) struct UsageShape {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "readable")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "readable")]
    completion_tokens_details: Option<CompletionDetails>,
    /// Cached tokens, sent by `DeepSeek`.
    #[serde(default, deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct PromptDetails {
    #[serde(default, deserialize_with = "count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "count")]
    reasoning_tokens: Option<u64>,
}

impl UsageShape {
    /// Checks whether reasoning was left out of the completion but not out of the total, as xAI
    /// does.
    pub fn leaves_reasoning_out(&self) -> bool {
        let reasoning = self.reasoning().unwrap_or(0);
        let stated = self.prompt_tokens.unwrap_or(0) + self.completion_tokens.unwrap_or(0);
        reasoning > 0 && self.total_tokens == Some(stated + reasoning)
    }

    fn reasoning(&self) -> Option<u64> {
        self.completion_tokens_details?.reasoning_tokens
    }
}

impl From<UsageShape> for ReportedUsage {
    fn from(shape: UsageShape) -> Self {
        let prompt = shape.prompt_tokens_details.unwrap_or_default();
        let missing_reasoning = if shape.leaves_reasoning_out() {
            shape.reasoning().unwrap_or(0)
        } else {
            0
        };
        Self {
            input: shape.prompt_tokens.unwrap_or(0),
            output: shape.completion_tokens.unwrap_or(0) + missing_reasoning,
            cached: prompt.cached_tokens.or(shape.prompt_cache_hit_tokens),
            written: prompt.cache_write_tokens,
            written_long: None,
            reasoning: shape.reasoning(),
        }
    }
}

impl Chunk<'_> {
    /// Usage of a Groq response, which leaves the usual field empty.
    pub fn tokens(&self) -> Option<ReportedUsage> {
        let usage = self.usage.or_else(|| self.x_groq?.usage)?;
        let says_something = usage.prompt_tokens.or(usage.completion_tokens).is_some();
        says_something.then(|| usage.into())
    }

    /// Returns the error that replaces the response. `data` holds the bytes of the chunk.
    pub fn failure(&self, data: &[u8]) -> Option<UpstreamError> {
        if self.error.is_some_and(is_error) || self.object.as_deref() == Some("error") {
            return Some(error_in_success_body(data));
        }
        let mut choices = self.choices.iter().flatten();
        let error = choices.find_map(|choice| choice.error.filter(|raw| is_error(raw)))?;
        Some(error_in_success_body(
            format!(r#"{{"error":{error}}}"#).as_bytes(),
        ))
    }
}

/// Checks whether the error is not empty; some servers always send the field.
fn is_error(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "false" | "\"\"" | "{}")
}

impl Choice<'_> {
    /// Checks whether the choice ends here. Some servers send an empty reason with every
    /// chunk, and some only at the end of a response that `called` tools.
    pub fn is_end(&self, is_stream: bool, called: bool) -> bool {
        match self.finish_reason.as_deref() {
            None => false,
            Some("") if is_stream => called && !self.delta.as_ref().is_some_and(Delta::has_content),
            Some(_) => true,
        }
    }
}

impl CallShape<'_> {
    /// Signature of the reasoning behind the call.
    pub fn signature(&self) -> Option<String> {
        let extra: Value = serde_json::from_str(self.extra_content?.get()).ok()?;
        signature_in(&extra)
    }
}

/// Reads the signature from a provider's extension of a call.
pub(super) fn signature_in(extra: &Value) -> Option<String> {
    let signature = extra["google"]["thought_signature"].as_str()?;
    Some(signature.to_owned())
}

/// Writes a signature where clients keep it unchanged and send it back.
pub(super) fn with_signature(signature: &str) -> Value {
    serde_json::json!({"google": {"thought_signature": signature}})
}

impl Delta<'_> {
    /// Checks whether there is anything that a client could use.
    pub fn has_content(&self) -> bool {
        let text = |text: &Option<Cow<'_, str>>| text.as_ref().is_some_and(|text| !text.is_empty());
        let raw = |raw: &RawValue| !matches!(raw.get(), "null" | "\"\"" | "[]" | "{}");
        text(&self.refusal)
            || text(&self.reasoning_content)
            || text(&self.reasoning)
            || self.content.is_some_and(raw)
            || self.audio.is_some_and(raw)
            || self
                .tool_calls
                .as_ref()
                .is_some_and(|calls| !calls.is_empty())
            || self.function_call.is_some()
    }
}

impl<'a> Delta<'a> {
    /// Returns the content, where the delta has nothing else.
    pub fn only_content(&self) -> Option<&'a RawValue> {
        let is_bare = self.refusal.is_none()
            && self.reasoning_content.is_none()
            && self.reasoning.is_none()
            && self.tool_calls.is_none()
            && self.function_call.is_none()
            && self.audio.is_none()
            && self.annotations.is_none();
        self.content.filter(|_| is_bare)
    }
}

/// Maps a finish reason of any known server. `called`: tools were called.
pub(super) fn finish(word: &str, called: bool) -> Finish {
    match word {
        "length" | "model_length" | "max_tokens" | "insufficient_system_resource" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        _ if called => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// Returns the chat protocol's finish reason.
pub(super) fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}

/// Checks whether the chat protocol knows the finish reason.
pub(super) fn is_finish_word(word: &str) -> bool {
    matches!(
        word,
        "stop" | "length" | "tool_calls" | "content_filter" | "function_call"
    )
}
