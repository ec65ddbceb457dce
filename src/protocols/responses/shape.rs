//! The fields of an upstream's response that are read; all others are ignored.

use crate::protocols::lenient::{from_json, lenient_json, lenient_object, text_in};
use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::token_counts::{count, readable};
use crate::protocols::upstream_error::{UpstreamError, error_in_success_body};
use crate::protocols::{Event, ResponseFault};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

lenient_object! {
    /// One event of a stream.
    pub(super) struct EventShape<'a> {
        kind: Option<Cow<'a, str>> = "type",
        pub sequence_number: Option<u64> = "sequence_number",
        pub output_index: Option<u64> = "output_index",
        pub summary_index: Option<u64> = "summary_index",
        /// A text, in the events that are read.
        delta: Option<&'a RawValue> = "delta",
        pub item: Option<&'a RawValue> = "item",
        pub annotation: Option<&'a RawValue> = "annotation",
        pub response: Option<&'a RawValue> = "response",
        error: Option<&'a RawValue> = "error",
    }
}

impl<'a> EventShape<'a> {
    /// Reads an event's data.
    pub fn read(event: &'a Event, data: &'a [u8]) -> Option<Self> {
        let mut read: Self = from_json(data).ok().flatten()?;
        if read.kind.is_none() {
            read.kind = event.name().map(Cow::Borrowed);
        }
        Some(read)
    }

    /// Checks whether the event has a type of its own.
    pub fn is_named(&self) -> bool {
        self.kind.is_some()
    }

    /// Returns the type; an error may come without one.
    pub fn kind(&self) -> &str {
        let is_error = self.kind.is_none() && self.error.is_some();
        self.kind
            .as_deref()
            .unwrap_or(if is_error { "error" } else { "" })
    }

    pub fn text(&self) -> Option<String> {
        let raw = self.delta?.get();
        let text = text_in(raw).map(Cow::into_owned);
        text.filter(|text| !text.is_empty())
    }

    /// Returns a piece of a call's arguments, also where it is no text.
    pub fn arguments(&self) -> Option<String> {
        self.text().or_else(|| {
            let raw = self.delta?.get();
            raw.starts_with('{').then(|| raw.to_owned())
        })
    }

    pub fn response(&self) -> Option<ResponseShape<'a>> {
        from_json(self.response?.get().as_bytes()).ok().flatten()
    }

    /// Reads the failure that ends a stream.
    pub fn failure(&self, data: &[u8]) -> UpstreamError {
        // An error event holds the error itself; the other events hold it in their response.
        error_in_success_body(self.response.map_or(data, |raw| raw.get().as_bytes()))
    }
}

lenient_object! {
    /// A response, whole or within an event.
    pub(super) struct ResponseShape<'a> {
        pub model: Option<Cow<'a, str>> = "model",
        status: Option<Cow<'a, str>> = "status",
        error: Option<&'a RawValue> = "error",
        incomplete_details: Option<DetailsShape<'a>> = "incomplete_details",
        output: Option<&'a RawValue> = "output",
        usage: Option<UsageShape> = "usage",
    }
}

lenient_object! {
    struct DetailsShape<'a> {
        reason: Option<Cow<'a, str>> = "reason",
    }
}

lenient_json!(UsageShape);

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
        let response: Option<Self> = from_json(body).map_err(|_| ResponseFault::NotJson)?;
        let response = response.ok_or(ResponseFault::NoOutput)?;
        let is_error = response
            .error
            .is_some_and(|error| error.get().len() > 2 && error.get() != "false");
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
        match serde_json::from_str(output) {
            Ok(Value::Array(items)) => items,
            Ok(item @ Value::Object(_)) => vec![item],
            _ => Vec::new(),
        }
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
