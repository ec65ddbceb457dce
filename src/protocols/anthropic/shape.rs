//! The fields of a response that are read; all others are ignored.

use crate::protocols::framing::Framing;
use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A whole response, or the start of a stream.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub content: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_details: Option<StopDetails<'a>>,
    #[serde(default, deserialize_with = "readable")]
    pub usage: Option<UsageShape>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// An event of a stream.
#[derive(Deserialize)]
pub(super) struct EventShape<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub message: Option<Message<'a>>,
    #[serde(default)]
    pub index: Option<u64>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "readable")]
    pub usage: Option<UsageShape>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// A block of content. Blocks of unknown types may have fields of the same names and other types;
/// they are read as a block without a type.
#[derive(Deserialize, Default)]
pub(super) struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub data: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(default)]
    pub input: Option<Value>,
    #[serde(default)]
    pub citations: Option<Vec<Value>>,
}

/// A delta of a block or of the message.
#[derive(Deserialize, Default)]
pub(super) struct DeltaShape<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub stop_details: Option<StopDetails<'a>>,
}

#[derive(Deserialize)]
pub(super) struct StopDetails<'a> {
    #[serde(borrow, default)]
    pub explanation: Option<Cow<'a, str>>,
}

/// Usage as this protocol counts it: the prompt without its cached parts.
#[derive(Debug, Deserialize, Clone, Copy, Default)]
pub(super) struct UsageShape {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "readable")]
    cache_creation: Option<CacheCreation>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "readable")]
    output_tokens_details: Option<OutputDetails>,
}

/// What was written to the cache, by how long it is kept.
#[derive(Debug, Deserialize, Clone, Copy)]
struct CacheCreation {
    #[serde(default, deserialize_with = "count")]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Deserialize, Clone, Copy)]
struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    thinking_tokens: Option<u64>,
}

impl UsageShape {
    /// Merges the usage of a later event. Numbers are cumulative; those of the prompt may be
    /// missing later, or zero.
    pub fn followed_by(self, later: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.max(later.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .max(later.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .max(later.cache_read_input_tokens),
            cache_creation: later.cache_creation.or(self.cache_creation),
            output_tokens: later.output_tokens.or(self.output_tokens),
            output_tokens_details: later.output_tokens_details.or(self.output_tokens_details),
        }
    }
}

impl From<UsageShape> for ReportedUsage {
    fn from(shape: UsageShape) -> Self {
        let (cached, written) = (
            shape.cache_read_input_tokens,
            shape.cache_creation_input_tokens,
        );
        Self {
            input: shape.input_tokens.unwrap_or(0) + cached.unwrap_or(0) + written.unwrap_or(0),
            output: shape.output_tokens.unwrap_or(0),
            cached,
            written,
            written_long: shape
                .cache_creation
                .and_then(|created| created.ephemeral_1h_input_tokens),
            reasoning: shape
                .output_tokens_details
                .and_then(|details| details.thinking_tokens),
        }
    }
}

impl<'a> Message<'a> {
    /// Reads a whole response.
    pub fn whole(body: &'a [u8]) -> Result<Self, UpstreamError> {
        let message: Self = serde_json::from_slice(body).map_err(|_| ResponseFault::NotJson)?;
        let is_error = message.kind.as_deref() == Some("error") || message.error.is_some();
        if is_error {
            return Err(error_in_success_body(body));
        }
        if message.content.is_none() {
            return Err(ResponseFault::NoContent.into());
        }
        Ok(message)
    }

    pub fn blocks(&self) -> impl Iterator<Item = Block<'a>> {
        let raw = self.content.iter().flatten();
        raw.map(|raw| lenient(Some(raw)))
    }
}

impl<'a> EventShape<'a> {
    /// Reads an event's data, unless it is an error.
    pub fn read(event: &Event, data: &'a [u8]) -> Result<Self, UpstreamError> {
        let read = serde_json::from_slice::<Self>(data);
        let read = read.map_err(|_| unreadable(event, Framing::Events))?;
        if read.kind == "error" || read.error.is_some() {
            return Err(error_in_success_body(data));
        }
        Ok(read)
    }

    pub fn block(&self) -> Block<'a> {
        lenient(self.content_block)
    }

    pub fn delta(&self) -> DeltaShape<'a> {
        lenient(self.delta)
    }
}

impl Block<'_> {
    /// Checks whether the block has content for a client.
    pub fn has_content(&self) -> bool {
        match &*self.kind {
            "text" => non_empty(self.text.as_ref()).is_some(),
            "thinking" => non_empty(self.thinking.as_ref()).is_some(),
            _ => true,
        }
    }

    /// Bytes of text that the model generated for it.
    pub fn length(&self) -> usize {
        let texts = [&self.text, &self.thinking, &self.name];
        let input = self.input.as_ref().map_or(0, |input| match input {
            Value::Object(members) if members.is_empty() => 0,
            other => other.to_string().len(),
        });
        input
            + texts
                .into_iter()
                .flatten()
                .map(|text| text.len())
                .sum::<usize>()
    }
}

impl DeltaShape<'_> {
    /// Bytes of text that the model generated for it.
    pub fn length(&self) -> usize {
        let texts = [&self.text, &self.partial_json, &self.thinking];
        texts.into_iter().flatten().map(|text| text.len()).sum()
    }
}

/// Returns the text unless it is empty.
pub(super) fn non_empty<'t>(text: Option<&'t Cow<'_, str>>) -> Option<&'t str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

fn lenient<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    let read = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    read.unwrap_or_default()
}

/// Maps a stop reason. `called`: a tool of the client's was called.
pub(super) fn finish(word: &str, called: bool) -> Finish {
    match word {
        "max_tokens" | "pause_turn" | "model_context_window_exceeded" | "compaction" => {
            Finish::Length
        }
        "refusal" => Finish::ContentFilter,
        "tool_use" if called => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// Returns this protocol's stop reason.
pub(super) fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
    }
}
