//! The fields of a response that are read; all others are ignored.

use crate::protocols::neutral::{Finish, ReportedUsage};
use crate::protocols::token_counts::{count, readable};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A whole response, or one event of a stream: both have the same shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenerateContentResponse<'a> {
    #[serde(borrow, default)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    pub prompt_feedback: Option<Feedback<'a>>,
    #[serde(default, deserialize_with = "readable")]
    pub usage_metadata: Option<UsageShape>,
    #[serde(borrow, default)]
    pub model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub index: Option<u32>,
    #[serde(borrow, default)]
    pub content: Option<ContentShape<'a>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct ContentShape<'a> {
    #[serde(borrow, default)]
    pub parts: Option<Vec<PartShape<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartShape<'a> {
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(default)]
    pub thought: Option<bool>,
    #[serde(borrow, default)]
    pub thought_signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub function_call: Option<CallShape<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CallShape<'a> {
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub args: Option<&'a RawValue>,
}

/// The reason why a prompt was blocked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow, default)]
    pub block_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub block_reason_message: Option<Cow<'a, str>>,
}

/// Usage so far; a missing count is zero.
#[derive(Deserialize, Clone, Copy)]
pub(super) struct UsageShape {
    #[serde(rename = "promptTokenCount", default, deserialize_with = "count")]
    prompt: Option<u64>,
    #[serde(
        rename = "toolUsePromptTokenCount",
        default,
        deserialize_with = "count"
    )]
    prompt_of_tools: Option<u64>,
    #[serde(
        rename = "cachedContentTokenCount",
        default,
        deserialize_with = "count"
    )]
    cached: Option<u64>,
    /// Tokens of the candidates, reasoning excluded.
    #[serde(rename = "candidatesTokenCount", default, deserialize_with = "count")]
    candidates: Option<u64>,
    #[serde(rename = "thoughtsTokenCount", default, deserialize_with = "count")]
    reasoning: Option<u64>,
}

impl From<UsageShape> for ReportedUsage {
    fn from(shape: UsageShape) -> Self {
        Self {
            input: shape.prompt.unwrap_or(0) + shape.prompt_of_tools.unwrap_or(0),
            output: shape.candidates.unwrap_or(0) + shape.reasoning.unwrap_or(0),
            cached: shape.cached,
            written: None,
            written_long: None,
            reasoning: shape.reasoning,
        }
    }
}

impl CallShape<'_> {
    /// Returns the arguments as compact JSON.
    pub fn arguments(&self) -> String {
        let args = self.args.map_or("null", |args| args.get());
        match serde_json::from_str::<Value>(args) {
            Ok(Value::Null) | Err(_) => "{}".to_owned(),
            Ok(args) => args.to_string(),
        }
    }
}

/// Maps a finish reason. `called`: tools were called.
pub(super) fn finish(word: &str, called: bool) -> Finish {
    match word {
        "MAX_TOKENS" | "CONTINUATION" => Finish::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "NO_IMAGE"
        | "ESCALATION"
        | "MODEL_ARMOR"
        | "PUP_LIMITED_DISABLED"
        | "OTHER" => Finish::ContentFilter,
        _ if word.starts_with("IMAGE_") => Finish::ContentFilter,
        _ if called => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}
