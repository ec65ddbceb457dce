//! The fields of an upstream's response that are read; all others are ignored.

use crate::protocols::ResponseFault;
use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One event of a stream.
#[derive(Deserialize)]
pub(super) struct EventShape<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Option<Cow<'a, str>>,
    #[serde(default)]
    pub sequence_number: Option<u64>,
    #[serde(default)]
    pub output_index: Option<u64>,
    #[serde(default)]
    pub summary_index: Option<u64>,
    /// A text, in the events that are read.
    #[serde(borrow, default)]
    pub delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub annotation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub response: Option<&'a RawValue>,
}

impl EventShape<'_> {
    pub fn text(&self) -> Option<String> {
        let text = serde_json::from_str::<String>(self.delta?.get()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    pub fn response(&self) -> Option<ResponseShape<'_>> {
        serde_json::from_str(self.response?.get()).ok()
    }

    /// Reads the failure that ends a stream.
    pub fn failure(&self, data: &[u8]) -> UpstreamError {
        // An error event holds the error itself; the other events hold it in their response.
        error_in_success_body(self.response.map_or(data, |raw| raw.get().as_bytes()))
    }
}

/// A response, whole or within an event.
#[derive(Deserialize)]
pub(super) struct ResponseShape<'a> {
    #[serde(borrow, default)]
    pub model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    incomplete_details: Option<Details>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "readable")]
    usage: Option<UsageShape>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
struct UsageShape {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "readable")]
    input_tokens_details: Option<InputDetails>,
    #[serde(default, deserialize_with = "readable")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct InputDetails {
    #[serde(default, deserialize_with = "count")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    reasoning_tokens: Option<u64>,
}

impl<'a> ResponseShape<'a> {
    /// Reads a whole response.
    pub fn read(body: &'a [u8]) -> Result<Self, UpstreamError> {
        let response: Self = serde_json::from_slice(body).map_err(|_| ResponseFault::NoOutput)?;
        let is_error = response.error.is_some_and(|error| error.get() != "null");
        if is_error || matches!(response.status.as_deref(), Some("failed" | "cancelled")) {
            return Err(error_in_success_body(body));
        }
        if response.output.is_none() {
            return Err(ResponseFault::NoOutput.into());
        }
        Ok(response)
    }

    pub fn items(&self) -> Vec<Value> {
        let output = self.output.map_or("[]", RawValue::get);
        serde_json::from_str(output).unwrap_or_default()
    }

    /// Returns the finish reason. `called`: tools were called.
    pub fn finish(&self, called: bool) -> Finish {
        let details = self.incomplete_details.as_ref();
        let reason = details.and_then(|details| details.reason.as_deref());
        match (self.status.as_deref(), reason) {
            (Some("incomplete"), Some("content_filter")) => Finish::ContentFilter,
            (Some("incomplete"), _) => Finish::Length,
            _ if called => Finish::ToolCalls,
            _ => Finish::Stop,
        }
    }

    pub fn tokens(&self) -> Option<ReportedUsage> {
        let usage = self.usage?;
        let input = usage.input_tokens.unwrap_or(0);
        let output = usage.output_tokens.unwrap_or(0);
        let details = usage.input_tokens_details.unwrap_or_default();
        let reasoning = usage.output_tokens_details.unwrap_or_default();
        let reasoning = reasoning.reasoning_tokens;
        // xAI counts reasoning in the total but not in the output.
        let missing_reasoning = reasoning.filter(|missing_reasoning| {
            usage.total_tokens == Some(input + output + missing_reasoning)
        });
        Some(ReportedUsage {
            input,
            output: output + missing_reasoning.unwrap_or(0),
            cached: details.cached_tokens,
            written: details.cache_write_tokens,
            written_long: None,
            reasoning,
        })
    }
}
