//! The fields of a response that are read; all others are ignored.

use crate::protocols::framing::Framing;
use crate::protocols::lenient::{IdText, from_json, lenient_json, lenient_object, text_in};
use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::response_adapter::unreadable;
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

lenient_object! {
    /// A whole response, or the start of a stream.
    pub(super) struct Message<'a> {
        kind: Option<Cow<'a, str>> = "type",
        pub model: Option<Cow<'a, str>> = "model",
        /// A list of blocks, or a text.
        content: Option<&'a RawValue> = "content",
        pub stop_reason: Option<Cow<'a, str>> = "stop_reason",
        pub stop_sequence: Option<Cow<'a, str>> = "stop_sequence",
        pub stop_details: Option<StopDetails<'a>> = "stop_details",
        pub usage: Option<UsageShape> = "usage",
        error: Option<&'a RawValue> = "error",
    }
}

lenient_object! {
    /// An event of a stream.
    pub(super) struct EventShape<'a> {
        kind: Option<Cow<'a, str>> = "type",
        pub message: Option<Message<'a>> = "message",
        index: Option<u64> = "index",
        content_block: Option<Block<'a>> = "content_block",
        delta: Option<DeltaShape<'a>> = "delta",
        pub usage: Option<UsageShape> = "usage",
        error: Option<&'a RawValue> = "error",
    }
}

lenient_object! {
    /// A block of content.
    pub(super) struct Block<'a> {
        kind: Option<Cow<'a, str>> = "type",
        pub text: Option<Cow<'a, str>> = "text",
        pub thinking: Option<Cow<'a, str>> = "thinking",
        pub signature: Option<Cow<'a, str>> = "signature",
        pub data: Option<Cow<'a, str>> = "data",
        pub id: Option<IdText<'a>> = "id",
        pub name: Option<IdText<'a>> = "name",
        /// An object, or with some servers its text.
        input: Option<&'a RawValue> = "input",
        pub citations: Option<Vec<Value>> = "citations",
    }
}

lenient_object! {
    /// A delta of a block or of the message.
    pub(super) struct DeltaShape<'a> {
        kind: Option<Cow<'a, str>> = "type",
        pub text: Option<Cow<'a, str>> = "text",
        /// A piece of a text, or with some servers the whole object.
        partial_json: Option<&'a RawValue> = "partial_json",
        pub thinking: Option<Cow<'a, str>> = "thinking",
        pub signature: Option<Cow<'a, str>> = "signature",
        pub citation: Option<Value> = "citation",
        pub stop_reason: Option<Cow<'a, str>> = "stop_reason",
        pub stop_sequence: Option<Cow<'a, str>> = "stop_sequence",
        pub stop_details: Option<StopDetails<'a>> = "stop_details",
    }
}

lenient_object! {
    pub(super) struct StopDetails<'a> {
        pub explanation: Option<Cow<'a, str>> = "explanation",
    }
}

lenient_json!(UsageShape);

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
        let message: Option<Self> = from_json(body).map_err(|_| ResponseFault::NotJson)?;
        let message = message.ok_or(ResponseFault::NoContent)?;
        if message.kind.as_deref() == Some("error") || message.error.is_some() {
            return Err(error_in_success_body(body));
        }
        if message.content.is_none() {
            return Err(ResponseFault::NoContent.into());
        }
        Ok(message)
    }

    /// Checks whether clients can read the message as it is.
    pub fn is_regular(&self) -> bool {
        let has_list = self.content.is_some_and(|raw| raw.get().starts_with('['));
        has_list && self.kind.is_some() && !self.odd
    }

    pub fn blocks(&self) -> Vec<Block<'a>> {
        let Some(raw) = self.content else {
            return Vec::new();
        };
        if let Some(text) = text_in(raw.get()) {
            return vec![Block {
                kind: Some("text".into()),
                text: Some(text),
                ..Block::default()
            }];
        }
        let blocks = from_json(raw.get().as_bytes()).ok().flatten();
        blocks.unwrap_or_default()
    }
}

impl<'a> EventShape<'a> {
    /// Reads an event's data, unless it is an error.
    pub fn read(event: &'a Event, data: &'a [u8]) -> Result<Self, UpstreamError> {
        let read = from_json::<Self>(data).ok().flatten();
        let mut read = read.ok_or_else(|| unreadable(event, Framing::Events))?;
        if read.kind.is_none() {
            read.kind = event.name().map(Cow::Borrowed);
        }
        if read.kind() == "error" || read.error.is_some() {
            return Err(error_in_success_body(data));
        }
        Ok(read)
    }

    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    /// Returns the index of the block.
    pub fn index(&self) -> Option<u64> {
        self.index
    }

    pub fn block(&mut self) -> Block<'a> {
        self.content_block.take().unwrap_or_default()
    }

    pub fn delta(&mut self) -> DeltaShape<'a> {
        self.delta.take().unwrap_or_default()
    }
}

impl Block<'_> {
    /// Makes an empty block.
    pub fn of_kind(kind: &'static str) -> Self {
        Self {
            kind: Some(kind.into()),
            ..Self::default()
        }
    }

    /// Returns the type; that of a block without one follows from what it has.
    pub fn kind(&self) -> &str {
        let own = self.kind.as_deref().filter(|kind| !kind.is_empty());
        own.unwrap_or_else(|| {
            if self.text.is_some() {
                "text"
            } else if self.thinking.is_some() {
                "thinking"
            } else if self.name.is_some() {
                "tool_use"
            } else {
                ""
            }
        })
    }

    /// Returns the input as JSON text, unless it is empty.
    pub fn input(&self) -> Option<String> {
        let json = self.input?.get();
        let text = text_in(json).map(Cow::into_owned);
        let text = text.or_else(|| {
            let value: Value = serde_json::from_str(json).ok()?;
            value.is_object().then(|| value.to_string())
        });
        text.filter(|text| !text.is_empty() && text != "{}")
    }

    /// Checks whether the block has content for a client.
    pub fn has_content(&self) -> bool {
        match self.kind() {
            "text" => non_empty(self.text.as_ref()).is_some(),
            "thinking" => non_empty(self.thinking.as_ref()).is_some(),
            _ => true,
        }
    }

    /// Bytes of text that the model generated for it.
    pub fn length(&self) -> usize {
        let texts = [&self.text, &self.thinking];
        let texts = texts.into_iter().flatten().map(|text| text.len());
        let name = self.name.as_ref().map_or(0, |name| name.text.len());
        texts.sum::<usize>() + name + self.input().map_or(0, |input| input.len())
    }
}

impl<'a> DeltaShape<'a> {
    /// Returns the piece of a call's input.
    pub fn partial_json(&self) -> Option<Cow<'a, str>> {
        let json = self.partial_json?.get();
        let text = text_in(json).unwrap_or(Cow::Borrowed(json));
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns the type of the block that the delta belongs to, by what it has.
    pub fn block_kind(&self) -> Option<&'static str> {
        if self.partial_json.is_some() {
            Some("tool_use")
        } else if self.thinking.is_some() || self.signature.is_some() {
            Some("thinking")
        } else if self.text.is_some() {
            Some("text")
        } else {
            None
        }
    }

    /// Checks whether it adds nothing to its block, as the first piece of a call's input does.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.text, &self.thinking];
        let said = texts.into_iter().flatten().any(|text| !text.is_empty());
        self.block_kind().is_some()
            && !said
            && self.signature.is_none()
            && self.partial_json().is_none()
    }

    /// Bytes of text that the model generated for it.
    pub fn length(&self) -> usize {
        let texts = [&self.text, &self.thinking];
        let texts = texts.into_iter().flatten().map(|text| text.len());
        texts.sum::<usize>() + self.partial_json().map_or(0, |text| text.len())
    }
}

/// Returns the text unless it is empty.
pub(super) fn non_empty<'t>(text: Option<&'t Cow<'_, str>>) -> Option<&'t str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
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
