//! The fields of a response that are read, one by one; all others are ignored.

use super::content::{has_text, loose_text};
use crate::protocols::lenient::{IdText, lenient_json, lenient_object, text_in};
use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

lenient_object! {
    /// A chunk of a stream, or a whole response: the two differ in the name of a choice's content.
    pub(super) struct Chunk<'a> {
        pub id: Option<&'a RawValue> = "id",
        pub object: Option<Cow<'a, str>> = "object",
        pub created: Option<&'a RawValue> = "created",
        pub model: Option<Cow<'a, str>> = "model",
        pub choices: Option<Vec<Choice<'a>>> = "choices",
        pub usage: Option<UsageShape> = "usage",
        pub x_groq: Option<GroqShape> = "x_groq",
        /// Sources of the answer, sent by Perplexity: links, or links with titles.
        pub citations: Option<&'a RawValue> = "citations",
        pub search_results: Option<&'a RawValue> = "search_results",
        error: Option<&'a RawValue> = "error",
        /// The words of an error that is the whole object.
        message: Option<&'a RawValue> = "message" | "msg" | "detail",
        /// The status of a response of `MiniMax`.
        base_resp: Option<&'a RawValue> = "base_resp",
    }
}

lenient_object! {
    pub(super) struct Choice<'a> {
        pub index: Option<u32> = "index",
        pub delta: Option<Delta<'a>> = "delta",
        pub message: Option<Delta<'a>> = "message",
        pub finish_reason: Option<Cow<'a, str>> = "finish_reason",
        /// The stop sequence or token that ended the text, sent by vLLM and `SGLang`.
        pub stop: Option<&'a RawValue> = "stop_reason" | "matched_stop" | "stopping_word",
        /// Usage in the wrong place, sent by Moonshot.
        pub usage: Option<UsageShape> = "usage",
        /// Failure of one choice, sent by `OpenRouter`.
        error: Option<&'a RawValue> = "error",
    }
}

lenient_object! {
    /// The content of a delta or message. Providers name the reasoning differently.
    pub(super) struct Delta<'a> {
        pub role: Option<Cow<'a, str>> = "role",
        /// A text, or with some providers a list of parts.
        pub content: Option<&'a RawValue> = "content",
        pub refusal: Option<Cow<'a, str>> = "refusal",
        pub reasoning_content: Option<&'a RawValue> = "reasoning_content",
        pub reasoning: Option<&'a RawValue> = "reasoning" | "thinking",
        pub tool_calls: Option<Vec<CallShape<'a>>> = "tool_calls",
        pub function_call: Option<FunctionShape<'a>> = "function_call",
        pub audio: Option<&'a RawValue> = "audio",
        pub images: Option<&'a RawValue> = "images",
        pub annotations: Option<Vec<Value>> = "annotations",
    }
}

lenient_object! {
    pub(super) struct CallShape<'a> {
        pub index: Option<u64> = "index",
        pub id: Option<IdText<'a>> = "id",
        pub kind: Option<Cow<'a, str>> = "type",
        pub function: Option<FunctionShape<'a>> = "function",
        /// Extensions of a provider; Google's compatible API puts signatures here.
        pub extra_content: Option<&'a RawValue> = "extra_content",
    }
}

lenient_object! {
    pub(super) struct FunctionShape<'a> {
        pub name: Option<IdText<'a>> = "name",
        /// A text, or with some servers the object itself.
        pub arguments: Option<&'a RawValue> = "arguments",
    }
}

lenient_json!(UsageShape, GroqShape);

impl CallShape<'_> {
    /// Returns the id unless it is empty.
    pub fn id(&self) -> Option<&str> {
        let id = self.id.as_ref().map(|id| &*id.text);
        id.filter(|id| !id.is_empty())
    }

    /// Returns the function's name unless it is empty.
    pub fn name(&self) -> Option<&str> {
        self.function.as_ref()?.name()
    }

    /// Signature of the reasoning behind the call.
    pub fn signature(&self) -> Option<String> {
        let extra: Value = serde_json::from_str(self.extra_content?.get()).ok()?;
        signature_in(&extra)
    }
}

impl CallShape<'_> {
    /// Checks whether it says nothing about a call.
    fn is_empty(&self) -> bool {
        self.index.is_none() && self.id().is_none() && self.function.is_none()
    }
}

impl<'a> FunctionShape<'a> {
    pub fn name(&self) -> Option<&str> {
        let name = self.name.as_ref().map(|name| &*name.text);
        name.filter(|name| !name.is_empty())
    }

    /// Returns the arguments as JSON text.
    pub fn arguments(&self) -> Option<Cow<'a, str>> {
        let raw = self.arguments?.get();
        let text = text_in(raw).or_else(|| {
            let value: Value = serde_json::from_str(raw).ok()?;
            Some(Cow::Owned(value.to_string()))
        });
        text.filter(|text| !text.is_empty())
    }

    /// Checks whether name and arguments are texts, as clients expect.
    pub fn is_plain(&self) -> bool {
        let is_name = self.name.as_ref().is_none_or(|name| !name.is_number);
        is_name && self.arguments.is_none_or(|raw| raw.get().starts_with('"'))
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
    /// Returns the usage of a response, also where a server puts it elsewhere.
    pub fn tokens(&self) -> Option<ReportedUsage> {
        let usage = self.usage.or_else(|| self.misplaced_usage())?;
        let says_something = usage.prompt_tokens.or(usage.completion_tokens).is_some();
        says_something.then(|| usage.into())
    }

    /// Returns usage that stands beside the usual field: Groq's, or that of a choice.
    pub fn misplaced_usage(&self) -> Option<UsageShape> {
        let of_groq = self.x_groq.and_then(|groq| groq.usage);
        let mut choices = self.choices.iter().flatten();
        of_groq.or_else(|| choices.find_map(|choice| choice.usage))
    }

    /// Returns the error that replaces the response. `data` holds the bytes of the chunk.
    pub fn failure(&self, data: &[u8]) -> Option<UpstreamError> {
        if self.error.is_some_and(is_error)
            || self.object.as_deref() == Some("error")
            || self.is_only_words()
        {
            return Some(error_in_success_body(data));
        }
        let mut choices = self.choices.iter().flatten();
        let error = choices.find_map(|choice| choice.error.filter(|raw| is_error(raw)))?;
        Some(error_in_success_body(
            format!(r#"{{"error":{error}}}"#).as_bytes(),
        ))
    }

    /// Checks whether the object has the words of an error and nothing of a response.
    fn is_only_words(&self) -> bool {
        let has_words = self.message.is_some_and(has_text) || self.base_resp.is_some();
        has_words && self.usage.is_none() && self.choices.as_ref().is_none_or(Vec::is_empty)
    }

    /// Checks whether any part of the chunk has a member of another type than clients expect.
    pub fn is_odd(&self) -> bool {
        self.odd || self.choices.iter().flatten().any(Choice::is_odd)
    }
}

/// Checks whether the error says something; some servers always send the field.
fn is_error(raw: &RawValue) -> bool {
    let json = raw.get();
    json.len() > 2 && json.starts_with(['"', '{', '['])
}

impl<'a> Choice<'a> {
    /// Returns the content: of a delta in a stream, of a message in a whole response. Some servers
    /// send both, or the wrong one.
    pub fn body(&self, is_stream: bool) -> Option<&Delta<'a>> {
        if is_stream {
            self.delta.as_ref().or(self.message.as_ref())
        } else {
            self.message.as_ref().or(self.delta.as_ref())
        }
    }

    /// Checks whether the choice ends here. Some servers send an empty reason with every
    /// chunk, and some only at the end of a response that `called` tools.
    pub fn is_end(&self, is_stream: bool, called: bool) -> bool {
        match self.finish_reason.as_deref() {
            None => false,
            Some("") if is_stream => {
                called && !self.body(is_stream).is_some_and(Delta::has_content)
            }
            Some(_) => true,
        }
    }

    /// Returns the client's stop sequence that ended the text, where the server names it.
    pub fn stop_sequence(&self) -> Option<Cow<'a, str>> {
        let is_stop = self.finish_reason.as_deref() == Some("stop");
        text_in(self.stop?.get()).filter(|text| is_stop && !text.is_empty())
    }

    fn is_odd(&self) -> bool {
        let bodies = [&self.delta, &self.message];
        self.odd || bodies.into_iter().flatten().any(Delta::is_odd)
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

impl<'a> Delta<'a> {
    /// Returns the calls; none where the server sends only an empty object for them.
    pub fn calls(&self) -> &[CallShape<'a>] {
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        if calls.iter().all(CallShape::is_empty) {
            return &[];
        }
        calls
    }

    /// Checks whether there is anything that a client could use.
    pub fn has_content(&self) -> bool {
        let said = [self.content, self.audio, self.images];
        let refused = self.refusal.as_ref().is_some_and(|text| !text.is_empty());
        let called = !self.calls().is_empty();
        refused
            || called
            || said.into_iter().flatten().any(|raw| !is_blank(raw))
            || self.function_call.is_some()
            || self.reasoning().is_some()
    }

    /// Returns the reasoning, under any of its names and in any of its forms.
    pub fn reasoning(&self) -> Option<Cow<'a, str>> {
        let named = self.reasoning_content.or(self.reasoning);
        named.and_then(loose_text)
    }

    /// Returns the content, where the delta has nothing else.
    pub fn only_content(&self) -> Option<&'a RawValue> {
        let is_bare = self.refusal.is_none()
            && self.reasoning_content.is_none()
            && self.reasoning.is_none()
            && self.tool_calls.is_none()
            && self.function_call.is_none()
            && self.audio.is_none()
            && self.images.is_none()
            && self.annotations.is_none();
        self.content.filter(|_| is_bare)
    }

    fn is_odd(&self) -> bool {
        let reasoning = self.reasoning_content.is_some_and(is_no_text);
        let content = self
            .content
            .is_some_and(|raw| is_no_text(raw) && !raw.get().starts_with('['));
        let mut calls = self.tool_calls.iter().flatten();
        let is_odd =
            |call: &CallShape<'_>| call.odd || call.function.as_ref().is_some_and(|one| one.odd);
        let lists_no_call = self.calls().len() < self.tool_calls.as_ref().map_or(0, Vec::len);
        self.odd || reasoning || content || lists_no_call || calls.any(is_odd)
    }
}

fn is_no_text(raw: &RawValue) -> bool {
    !raw.get().starts_with('"')
}

fn is_blank(raw: &RawValue) -> bool {
    matches!(raw.get(), "\"\"" | "[]" | "{}")
}

/// Maps a finish reason of any known server. `called`: tools were called. A server may say that it
/// called a tool without any call; then clients would wait for one.
pub(super) fn finish(word: &str, called: bool) -> Finish {
    match word {
        "length" | "model_length" | "max_tokens" | "insufficient_system_resource" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
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

/// Checks whether the chat protocol knows the finish reason, and the response does not contradict it.
pub(super) fn is_finish_word(word: &str, called: bool) -> bool {
    match word {
        "stop" | "length" | "content_filter" => true,
        "tool_calls" | "function_call" => called,
        _ => false,
    }
}
