//! What is read of an answer: the few members that matter, whatever else is there.

use crate::domain::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize, Clone, Copy)]
pub(super) struct UsageShape {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(super) struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(super) struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<UsageShape> for Usage {
    fn from(shape: UsageShape) -> Self {
        let prompt = shape.prompt_tokens_details.unwrap_or_default();
        let completion = shape.completion_tokens_details.unwrap_or_default();
        let input = shape.prompt_tokens.unwrap_or(0);
        let reasoning = completion.reasoning_tokens.unwrap_or(0);
        let stated = shape.completion_tokens.unwrap_or(0);
        // xAI leaves reasoning out of the completion but not out of the total.
        let apart = shape.total_tokens == Some(input + stated + reasoning) && reasoning > 0;
        Self {
            input,
            output: if apart { stated + reasoning } else { stated },
            cached: prompt.cached_tokens.unwrap_or(0),
            written: prompt.cache_write_tokens.unwrap_or(0),
            reasoning,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub usage: Option<UsageShape>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub index: u64,
    #[serde(borrow, default)]
    pub delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<Cow<'a, str>>,
}

/// What a client could use; each vendor calls its reasoning something else.
#[derive(Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    pub fn has_content(&self) -> bool {
        let parts = [
            self.content,
            self.refusal,
            self.reasoning_content,
            self.reasoning,
            self.tool_calls,
            self.function_call,
            self.audio,
        ];
        parts
            .iter()
            .flatten()
            .any(|part| !matches!(part.get(), "null" | "\"\"" | "[]" | "{}"))
    }
}
