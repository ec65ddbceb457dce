//! The client's side of Messages.

use super::events::{error_event, error_value};
use super::{encode, read};
use crate::domain::RequiredCapabilities;
use crate::protocols::RawObject;
use crate::protocols::call::CallSpec;
use crate::protocols::client_api::ClientApi;
use crate::protocols::error_body::ErrorBody;
use crate::protocols::neutral::{ChatRequest, DroppedFields, Encode, TranslationError};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Anthropic's Messages.
#[derive(Debug)]
pub struct MessagesApi;

impl ClientApi for MessagesApi {
    fn prompt_member(&self) -> &'static str {
        "messages"
    }

    fn limit_members(&self) -> &'static [&'static str] {
        &["max_tokens"]
    }

    fn keep_alive(&self, _object: &RawObject<'_>, _created: u64) -> Bytes {
        Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }

    fn semantic_headers(&self) -> &'static [&'static str] {
        &["anthropic-version", "anthropic-beta"]
    }

    fn member(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "stop" => "stop_sequences",
            "user" => "metadata.user_id",
            "reasoning_effort" => "thinking",
            "reasoning" => "messages.thinking",
            "parallel_tool_calls" => "tool_choice.disable_parallel_tool_use",
            _ => return None,
        })
    }

    fn needs(&self, object: &RawObject<'_>) -> RequiredCapabilities {
        let kind = |object: Option<RawObject<'_>>| object?.read::<String>("type");
        let output = object.read::<RawObject<'_>>("output_config");
        let effort = output.as_ref().is_some_and(|output| output.has("effort"));
        let format = output.and_then(|output| output.read("format"));
        let thinking = kind(object.read("thinking"));
        RequiredCapabilities {
            images: shows_pictures(object),
            tools: object.has_items("tools"),
            json_schema: kind(format.or_else(|| object.read("output_format"))).as_deref()
                == Some("json_schema"),
            prefill: object.last_role("messages").as_deref() == Some("assistant"),
            reasoning: thinking.map_or(effort, |kind| kind != "disabled"),
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
        error_value(error).to_string().into()
    }

    fn error_event(&self, error: &ErrorBody) -> Bytes {
        error_event(error)
    }
}

/// Levels of lists that may hold an image: messages, their blocks, and the blocks of a result.
/// Deeper lists are the client's own and are not searched.
const LISTS: u32 = 3;

/// Checks whether a block is an image, in a message or in a result. The string alone may also be
/// part of a tool's input, so blocks are inspected where it occurs.
fn shows_pictures(object: &RawObject<'_>) -> bool {
    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        content: Option<&'a RawValue>,
    }
    fn is_in(list: &str, lists: u32) -> bool {
        let holders = serde_json::from_str::<Vec<Holder<'_>>>(list);
        holders.iter().flatten().any(|holder| {
            holder.kind.as_deref() == Some("image")
                || holder
                    .content
                    .is_some_and(|raw| lists > 1 && is_in(raw.get(), lists - 1))
        })
    }
    object.mentions("messages", r#""image""#)
        && object
            .get("messages")
            .is_some_and(|raw| is_in(raw.get(), LISTS))
}
