//! The provider's side of Messages.

use super::write::Request;
use super::{decode, headers, pass_through, tool_loop, write};
use crate::protocols::adaptation::{NameRule, Restoring};
use crate::protocols::api_dialect::ApiDialect;
use crate::protocols::call::{CallSpec, PreparedCall, TokenCountCall};
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, KeptReasoning, Transcoder, TranslationError,
};
use crate::protocols::openai::{json_text, listed_names};
use crate::protocols::{Endpoint, OutboundRequest, ProviderApi, RawObject};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Anthropic's Messages.
#[derive(Debug)]
pub struct Anthropic;

/// Fields that control the response and are rejected when a prompt is only counted.
const ANSWER_MEMBERS: [&str; 8] = [
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
];

/// Names of tools and ids of calls that the newest version of the protocol accepts.
const SENT_NAMES: NameRule = NameRule::plain(128);
const SENT_IDS: NameRule = NameRule::plain(usize::MAX);

impl ProviderApi for Anthropic {
    fn kinds(&self) -> &'static [&'static str] {
        &["anthropic"]
    }

    fn gen_ai_name(&self, _kind: &str) -> Option<&'static str> {
        Some("anthropic")
    }

    fn build_request(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Result<PreparedCall, TranslationError> {
        match call.dialect {
            ApiDialect::Messages if !has_refused_names(call.object) => {
                Ok(pass_through(endpoint, call))
            }
            _ => translate(endpoint, call),
        }
    }

    fn build_token_count(
        &self,
        endpoint: &Endpoint,
        call: &CallSpec<'_>,
    ) -> Option<TokenCountCall> {
        let body = if call.dialect == ApiDialect::Messages {
            let sent = self.build_request(endpoint, call).ok()?.request.body;
            let object: RawObject<'_> = serde_json::from_slice(&sent).ok()?;
            object.without(&ANSWER_MEMBERS, &[])
        } else {
            let mut dropped = DroppedFields::default();
            let read = call.dialect.client_api().read(call.object, &mut dropped);
            let request = request(read.ok()?, endpoint, call, &mut dropped);
            let mut body = request.ok()?.body;
            body.retain(|name, _| !ANSWER_MEMBERS.contains(&name.as_str()));
            Value::Object(body).to_string().into_bytes()
        };
        Some(TokenCountCall {
            request: post(endpoint, call, "/messages/count_tokens", body),
            read: counted,
        })
    }

    fn build_probe(&self, endpoint: &Endpoint) -> OutboundRequest {
        OutboundRequest {
            method: Method::GET,
            url: format!("{}/models?limit=1000", endpoint.base_url),
            headers: headers::of_probe(endpoint),
            body: Bytes::new(),
        }
    }

    fn is_probe_ok(&self, status: StatusCode, body: &[u8]) -> bool {
        status.is_success() && listed_names(body).is_some()
    }

    fn model_names(&self, body: &[u8]) -> Option<Vec<String>> {
        listed_names(body)
    }
}

/// Checks whether the provider refuses a name of a tool, or an id of a call that comes twice. Such a
/// request is translated, so that both are mended.
fn has_refused_names(object: &RawObject<'_>) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        name: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        id: Option<Cow<'a, str>>,
    }
    let is_refused = |tool: &Named<'_>| {
        let name = tool.name.as_deref();
        name.is_some_and(|name| !SENT_NAMES.accepts(name))
    };
    let tools = object.read::<Vec<Named<'_>>>("tools");
    if tools.iter().flatten().any(is_refused) {
        return true;
    }
    if !object.mentions("messages", r#""tool_use""#) {
        return false;
    }
    let messages: Vec<Message<'_>> = object.read("messages").unwrap_or_default();
    let mut ids = BTreeSet::new();
    let blocks = messages.iter().filter_map(|message| {
        // A text instead of a list has no calls.
        serde_json::from_str::<Vec<Named<'_>>>(message.content.get()).ok()
    });
    let mut calls = blocks
        .flatten()
        .filter(|block| block.kind.as_deref() == Some("tool_use"));
    calls.any(|call| {
        let id = call.id.clone().unwrap_or_default();
        is_refused(&call) || !SENT_IDS.accepts(&id) || !ids.insert(id)
    })
}

/// Passes the client's body with the model's name replaced.
fn pass_through(endpoint: &Endpoint, call: &CallSpec<'_>) -> PreparedCall {
    let mut dropped = DroppedFields::default();
    let mut replaced = vec![("model", json_text(call.model))];
    let mut removed = Vec::new();
    let object = call.object;
    let messages = without_foreign_reasoning(object);
    dropped.add_if(messages.is_some(), "messages.thinking");
    let messages = with_known_types(object, messages.as_deref()).or(messages);
    let sent = messages.as_deref();
    let sent = sent.or_else(|| Some(object.get("messages")?.get()));
    let is_unable = call.traits.reasoning == Some(false)
        && object.has("thinking")
        && !object.mentions("thinking", r#""disabled""#);
    if is_unable || sent.is_some_and(|messages| tool_loop::lacks_reasoning(object, messages)) {
        dropped.add("thinking");
        removed.push("thinking");
        let edits = tool_loop::without_thinking_edits(object);
        replaced.extend(edits.map(|edits| ("context_management", edits)));
    }
    replaced.extend(messages.map(|messages| ("messages", messages)));
    if !call.traits.sampling {
        for name in ["temperature", "top_p", "top_k"] {
            if object.has(name) {
                dropped.add(name);
                removed.push(name);
            }
        }
    }
    let lowered = lowered_limits(call).into_iter();
    replaced.extend(lowered.filter(|(name, _)| !removed.contains(name)));
    let body = object.without(&removed, &replaced);
    PreparedCall {
        request: post(endpoint, call, "/messages", body),
        adapter: Box::new(pass_through::PassThrough::new(call)),
        dropped,
    }
}

/// Returns the messages with the registered name of JPEG's media type, where some of them have
/// another name. With its quotes the type can only be a value: within a text they are escaped.
fn with_known_types(object: &RawObject<'_>, changed: Option<&str>) -> Option<String> {
    const NAMES: [(&str, &str); 2] = [
        (
            r#""media_type":"image/jpg""#,
            r#""media_type":"image/jpeg""#,
        ),
        (
            r#""media_type": "image/jpg""#,
            r#""media_type": "image/jpeg""#,
        ),
    ];
    let messages = changed.or_else(|| Some(object.get("messages")?.get()))?;
    let has = |name: &str| messages.contains(name);
    NAMES.iter().any(|(name, _)| has(name)).then(|| {
        let renamed = |text: String, (name, known): &(&str, &str)| text.replace(name, known);
        NAMES.iter().fold(messages.to_owned(), renamed)
    })
}

/// Lowers a limit above the model's, and the thinking budget, which must be below it.
fn lowered_limits(call: &CallSpec<'_>) -> Vec<(&'static str, String)> {
    let limit = call.object.count("max_tokens");
    let most = call.traits.max_output;
    let (Some(limit), Some(most)) = (limit, most) else {
        return Vec::new();
    };
    if limit <= most {
        return Vec::new();
    }
    let mut replaced = vec![("max_tokens", most.to_string())];
    if let Some(mut thinking) = call.object.read::<Value>("thinking")
        && thinking["budget_tokens"]
            .as_u64()
            .is_some_and(|budget| budget >= most)
    {
        thinking["budget_tokens"] = (most / 2).into();
        replaced.push(("thinking", thinking.to_string()));
    }
    replaced
}

/// Removes reasoning without a signature, where there is any: it came from other providers through
/// the gateway, and Anthropic accepts only its own.
fn without_foreign_reasoning(object: &RawObject<'_>) -> Option<String> {
    let unsigned = [r#""signature":"""#, r#""signature": """#];
    if !unsigned
        .iter()
        .any(|text| object.mentions("messages", text))
    {
        return None;
    }
    let mut messages: Vec<Value> = object.read("messages")?;
    let is_foreign = |block: &Value| block["type"] == "thinking" && block["signature"] == "";
    for message in &mut messages {
        if let Some(Value::Array(blocks)) = message.get_mut("content") {
            blocks.retain(|block| !is_foreign(block));
        }
    }
    messages.retain(|message| {
        message["content"]
            .as_array()
            .is_none_or(|blocks| !blocks.is_empty())
    });
    Some(Value::Array(messages).to_string())
}

fn translate(endpoint: &Endpoint, call: &CallSpec<'_>) -> Result<PreparedCall, TranslationError> {
    let mut dropped = DroppedFields::default();
    let conversation = call.dialect.client_api().read(call.object, &mut dropped)?;
    let taken = conversation.call_ids();
    let Request {
        mut body,
        index,
        answer,
    } = request(conversation, endpoint, call, &mut dropped)?;
    if call.stream {
        body.insert("stream".to_owned(), true.into());
    }
    let body = Value::Object(body).to_string().into_bytes();
    let decoder = Box::new(decode::Decoder::new(call.id, answer));
    let decoder = Restoring::wrap(decoder, index);
    let transcoder = Transcoder::new(decoder, call.encoder()).with_unique_ids(call.id, taken);
    let cache = &endpoint.reasoning_cache;
    Ok(PreparedCall {
        request: post(endpoint, call, "/messages", body),
        adapter: Box::new(transcoder.remembering(cache, KeptReasoning::Signed)),
        dropped,
    })
}

fn request(
    conversation: ChatRequest,
    endpoint: &Endpoint,
    call: &CallSpec<'_>,
    dropped: &mut DroppedFields,
) -> Result<Request, TranslationError> {
    write::request(
        conversation,
        call.model,
        call.traits,
        &endpoint.reasoning_cache,
        dropped,
    )
}

fn post(endpoint: &Endpoint, call: &CallSpec<'_>, path: &str, body: Vec<u8>) -> OutboundRequest {
    OutboundRequest {
        method: Method::POST,
        url: format!("{}{path}", endpoint.base_url),
        headers: headers::of_call(endpoint, call),
        body: body.into(),
    }
}

/// Reads the number of tokens.
fn counted(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Count {
        input_tokens: u64,
    }
    let count = serde_json::from_slice::<Count>(body).ok()?;
    Some(count.input_tokens)
}
