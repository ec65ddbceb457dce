//! Turns as messages: two roles that alternate, the user first, results of tools before everything
//! else.

use super::media;
use super::tool_names::{ToolNames, plain_id};
use crate::protocols::neutral::{
    ChatMessage, ChatRole, ContentPart, DroppedFields, ToolCall, TranslationError, text_of,
};
use crate::protocols::reasoning_cache::ReasoningCache;
use serde_json::{Value, json};

/// Text of the first user message, where the conversation does not begin with one.
const EMPTY_USER_TEXT: &str = ".";

/// The turns of a conversation.
#[derive(Debug, Default)]
pub(super) struct MessageList {
    /// Instructions, in their order.
    pub system: Vec<String>,
    list: Vec<MessageParam>,
}

#[derive(Debug)]
struct MessageParam {
    role: &'static str,
    blocks: Vec<Value>,
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

impl MessageList {
    pub fn of(
        turns: Vec<ChatMessage>,
        names: &mut ToolNames,
        reasoning_cache: &ReasoningCache,
        dropped: &mut DroppedFields,
    ) -> Result<Self, TranslationError> {
        let mut messages = Self::default();
        for turn in turns {
            match turn.role {
                ChatRole::System => {
                    let text = turn.text();
                    messages.system.extend((!text.is_empty()).then_some(text));
                }
                ChatRole::User => messages.add(USER, blocks(turn.parts, dropped)?),
                ChatRole::Tool => {
                    let results = turn.parts.into_iter();
                    let results = results.filter_map(|part| result(part, dropped).transpose());
                    messages.add(USER, results.collect::<Result<_, _>>()?);
                }
                ChatRole::Assistant => {
                    let texts = assistant(turn.parts, names, reasoning_cache, dropped)?;
                    messages.add(ASSISTANT, texts);
                }
            }
        }
        messages.normalize();
        Ok(messages)
    }

    /// Checks whether tools were just used without the signed reasoning that led to them.
    pub fn lacks_reasoning(&self) -> bool {
        let texts = self.list.iter().rev();
        let mut texts = texts.filter(|message| message.role == ASSISTANT);
        texts.next().is_some_and(|message| {
            let is_thought = |block: &Value| {
                matches!(
                    block["type"].as_str(),
                    Some("thinking" | "redacted_thinking")
                )
            };
            let called = message
                .blocks
                .iter()
                .any(|block| block["type"] == "tool_use");
            called && !message.blocks.first().is_some_and(is_thought)
        })
    }

    pub fn into_value(self) -> Value {
        let messages = self.list.into_iter();
        messages
            .map(|message| json!({"role": message.role, "content": message.blocks}))
            .collect()
    }

    fn add(&mut self, role: &'static str, blocks: Vec<Value>) {
        if blocks.is_empty() {
            return;
        }
        match self.list.last_mut().filter(|last| last.role == role) {
            Some(last) => last.blocks.extend(blocks),
            None => self.list.push(MessageParam { role, blocks }),
        }
    }

    fn normalize(&mut self) {
        for message in &mut self.list {
            // The sort is stable: both kinds keep their order.
            message
                .blocks
                .sort_by_key(|block| message.role == USER && block["type"] != "tool_result");
        }
        if self.list.first().is_none_or(|first| first.role != USER) {
            let message = MessageParam {
                role: USER,
                blocks: vec![json!({"type": "text", "text": EMPTY_USER_TEXT})],
            };
            self.list.insert(0, message);
        }
        // A message that the model continues may not end in whitespace.
        let last = self.list.last_mut().filter(|last| last.role == ASSISTANT);
        let last = last.and_then(|last| last.blocks.last_mut());
        if let Some(Value::String(text)) = last.and_then(|block| block.get_mut("text")) {
            text.truncate(text.trim_end().len());
        }
    }
}

/// Encodes texts and media. The provider rejects texts of whitespace, so they are dropped.
fn blocks(
    parts: Vec<ContentPart>,
    dropped: &mut DroppedFields,
) -> Result<Vec<Value>, TranslationError> {
    let mut blocks = Vec::new();
    for part in parts {
        match part {
            ContentPart::Text(text) | ContentPart::Refusal(text) => {
                blocks.extend(text_block(&text));
            }
            ContentPart::Media(media) => {
                dropped.add_if(media.detail.is_some(), "image_url.detail");
                blocks.push(media::write(media)?);
            }
            _ => {}
        }
    }
    Ok(blocks)
}

fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn result(
    part: ContentPart,
    dropped: &mut DroppedFields,
) -> Result<Option<Value>, TranslationError> {
    let ContentPart::ToolResult {
        call,
        content,
        is_error,
    } = part
    else {
        return Ok(None);
    };
    let is_text = |part: &ContentPart| !matches!(part, ContentPart::Media(_));
    let content: Value = if content.iter().all(is_text) {
        text_of(&content).into()
    } else {
        blocks(content, dropped)?.into()
    };
    let mut block = json!({
        "type": "tool_result",
        "tool_use_id": plain_id(&call),
        "content": content,
    });
    if is_error {
        block["is_error"] = true.into();
    }
    Ok(Some(block))
}

/// Encodes reasoning first, then texts, then calls. Reasoning without a signature is dropped.
fn assistant(
    parts: Vec<ContentPart>,
    names: &mut ToolNames,
    reasoning_cache: &ReasoningCache,
    dropped: &mut DroppedFields,
) -> Result<Vec<Value>, TranslationError> {
    let (mut reasoning, mut texts, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = None;
    for part in parts {
        match part {
            ContentPart::ToolCall(call) => {
                calls.push(tool_use(&call, names)?);
                first.get_or_insert(call.id);
            }
            ContentPart::Text(text) | ContentPart::Refusal(text) => texts.extend(text_block(&text)),
            thought => match signed_block(&thought) {
                Some(block) => reasoning.push(block),
                None => dropped.add("reasoning"),
            },
        }
    }
    if let (true, Some(call)) = (reasoning.is_empty(), first) {
        let cached = reasoning_cache.reasoning(&call);
        reasoning.extend(
            cached
                .iter()
                .flat_map(|cached| cached.iter())
                .filter_map(signed_block),
        );
    }
    // Reasoning alone is no turn.
    if texts.is_empty() && calls.is_empty() {
        return Ok(Vec::new());
    }
    Ok([reasoning, texts, calls].concat())
}

fn signed_block(part: &ContentPart) -> Option<Value> {
    match part {
        ContentPart::Reasoning {
            text,
            signature: Some(signature),
        } => Some(json!({"type": "thinking", "thinking": text, "signature": signature})),
        ContentPart::Redacted(data) => Some(json!({"type": "redacted_thinking", "data": data})),
        _ => None,
    }
}

fn tool_use(call: &ToolCall, names: &mut ToolNames) -> Result<Value, TranslationError> {
    let arguments = call.arguments.trim();
    let input = match arguments {
        "" | "null" => Some(json!({})),
        text => serde_json::from_str(text).ok().filter(Value::is_object),
    };
    let invalid = || {
        let problem = format!("of the call {:?} are not a JSON object", call.id);
        TranslationError::new("messages.tool_calls.function.arguments", problem)
    };
    Ok(json!({
        "type": "tool_use",
        "id": plain_id(&call.id),
        "name": names.alias(&call.name),
        "input": input.ok_or_else(invalid)?,
    }))
}
