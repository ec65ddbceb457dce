//! The fields of a response that are read; all others are ignored.

use crate::protocols::lenient::{IdText, lenient_json, lenient_object};
use crate::protocols::neutral::{Finish, Media, MediaKind, MediaSource, ReportedUsage};
use crate::protocols::token_counts::count;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

lenient_object! {
    /// A whole response, or one event of a stream: both have the same shape.
    pub(super) struct GenerateContentResponse<'a> {
        pub candidates: Option<Vec<Candidate<'a>>> = "candidates",
        pub prompt_feedback: Option<Feedback<'a>> = "promptFeedback",
        pub usage_metadata: Option<UsageShape> = "usageMetadata",
        pub model_version: Option<Cow<'a, str>> = "modelVersion",
        error: Option<&'a RawValue> = "error",
    }
}

lenient_object! {
    pub(super) struct Candidate<'a> {
        pub index: Option<u32> = "index",
        pub content: Option<ContentShape<'a>> = "content",
        pub finish_reason: Option<&'a RawValue> = "finishReason",
        /// Links that the answer is based on, and which of its texts.
        pub grounding: Option<Value> = "groundingMetadata",
    }
}

lenient_object! {
    pub(super) struct ContentShape<'a> {
        pub parts: Option<Vec<PartShape<'a>>> = "parts",
    }
}

lenient_object! {
    pub(super) struct PartShape<'a> {
        pub text: Option<Cow<'a, str>> = "text",
        pub thought: Option<bool> = "thought",
        pub thought_signature: Option<Cow<'a, str>> = "thoughtSignature" | "thought_signature",
        pub function_call: Option<CallShape<'a>> = "functionCall",
        pub inline_data: Option<BlobShape<'a>> = "inlineData" | "inline_data",
        pub file_data: Option<BlobShape<'a>> = "fileData" | "file_data",
        /// Code that the model ran, and what came of it.
        pub executable_code: Option<CodeShape<'a>> = "executableCode",
        pub code_result: Option<CodeShape<'a>> = "codeExecutionResult",
    }
}

lenient_object! {
    pub(super) struct CallShape<'a> {
        pub id: Option<IdText<'a>> = "id",
        pub name: Option<IdText<'a>> = "name",
        args: Option<&'a RawValue> = "args",
    }
}

lenient_object! {
    /// An image, a recording or a document, in base64 or by its address.
    pub(super) struct BlobShape<'a> {
        mime: Option<Cow<'a, str>> = "mimeType" | "mime_type",
        data: Option<Cow<'a, str>> = "data",
        uri: Option<Cow<'a, str>> = "fileUri" | "file_uri",
    }
}

lenient_object! {
    pub(super) struct CodeShape<'a> {
        language: Option<Cow<'a, str>> = "language",
        code: Option<Cow<'a, str>> = "code",
        output: Option<Cow<'a, str>> = "output",
    }
}

lenient_object! {
    /// The reason why a prompt was blocked.
    pub(super) struct Feedback<'a> {
        pub block_reason: Option<Cow<'a, str>> = "blockReason",
        pub block_reason_message: Option<Cow<'a, str>> = "blockReasonMessage",
    }
}

lenient_json!(UsageShape);

impl GenerateContentResponse<'_> {
    /// Checks whether the object is an error.
    pub fn is_error(&self) -> bool {
        let says = |error: &RawValue| error.get().len() > 2 && error.get() != "false";
        self.error.is_some_and(says)
    }
}

impl BlobShape<'_> {
    /// Returns the media; `None` where it has neither data nor an address.
    pub fn media(self) -> Option<Media> {
        let mime = self
            .mime
            .map_or_else(|| "image/png".to_owned(), Cow::into_owned);
        let kind = match mime.split('/').next() {
            Some("image") => MediaKind::Image,
            Some("audio") => MediaKind::Audio,
            _ => MediaKind::Document,
        };
        let source = match (self.data, self.uri) {
            (Some(data), _) => MediaSource::Inline {
                mime,
                data: data.into_owned(),
            },
            (None, uri) => MediaSource::Link(uri?.into_owned()),
        };
        Some(Media {
            kind,
            source,
            name: None,
            detail: None,
        })
    }
}

impl CodeShape<'_> {
    /// Returns the code or its output as a block of text; `None` where it is empty.
    pub fn text(&self) -> Option<String> {
        let text = self.code.as_deref().or(self.output.as_deref())?;
        let language = self
            .language
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let text = text.trim_end();
        (!text.is_empty()).then(|| format!("\n```{language}\n{text}\n```\n"))
    }
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
            Ok(args @ Value::Object(_)) => args.to_string(),
            Ok(Value::String(text)) => text,
            _ => "{}".to_owned(),
        }
    }
}

/// Checks whether a finish reason says that the model wanted to call a tool, and that the provider
/// could not read or allow the call.
pub(super) fn is_lost_call(word: &str) -> bool {
    matches!(
        word,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS"
    )
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
