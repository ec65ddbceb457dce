//! Encodes turns as messages: two roles that alternate, the user first, and results of tools before
//! all other blocks.

use super::media;
use crate::protocols::neutral::{
    CacheMark, ChatMessage, ChatRole, ContentPart, DroppedFields, ToolCall, TranslationError,
    text_of,
};
use serde_json::{Value, json};

/// Text of the first user message, where the conversation does not begin with one.
const EMPTY_USER_TEXT: &str = ".";

/// The turns of a conversation.
#[derive(Debug, Default)]
pub(super) struct MessageList {
    /// Instructions, in their order.
    system: Vec<SystemText>,
    list: Vec<MessageParam>,
}

/// A part of the instructions.
#[derive(Debug)]
struct SystemText {
    text: String,
    mark: Option<CacheMark>,
}

#[derive(Debug)]
struct MessageParam {
    role: &'static str,
    blocks: Vec<Value>,
}

const USER: &str = "user";
const ASSISTANT: &str = "assistant";

impl MessageList {
    pub fn new(
        turns: Vec<ChatMessage>,
        dropped: &mut DroppedFields,
    ) -> Result<Self, TranslationError> {
        let mut messages = Self::default();
        for turn in turns {
            match turn.role {
                ChatRole::System => messages.instruct(turn),
                ChatRole::User => messages.add(USER, blocks(turn.parts, dropped)?),
                ChatRole::Tool => {
                    messages.add(USER, results(turn.parts, dropped)?);
                }
                ChatRole::Assistant => {
                    messages.add(ASSISTANT, assistant(turn.parts, dropped)?);
                }
            }
        }
        messages.normalize();
        Ok(messages)
    }

    /// Adds instructions. A mark ends a text, so that what is behind it stays outside the cache.
    fn instruct(&mut self, turn: ChatMessage) {
        let mut text = String::new();
        for part in turn.parts {
            match part {
                ContentPart::Text(more) | ContentPart::Refusal(more) => text.push_str(&more),
                ContentPart::CacheMark(mark) if !text.is_empty() => {
                    let text = std::mem::take(&mut text);
                    self.system.push(SystemText {
                        text,
                        mark: Some(mark),
                    });
                }
                _ => {}
            }
        }
        if !text.is_empty() {
            self.system.push(SystemText { text, mark: None });
        }
    }

    /// Adds an instruction of the gateway.
    pub fn add_instruction(&mut self, text: String) {
        self.system.push(SystemText { text, mark: None });
    }

    /// Returns the instructions: as one text, or as blocks where some of them are marked.
    pub fn take_system(&mut self) -> Option<Value> {
        let system = std::mem::take(&mut self.system);
        if system.is_empty() {
            return None;
        }
        if system.iter().all(|part| part.mark.is_none()) {
            let texts: Vec<String> = system.into_iter().map(|part| part.text).collect();
            return Some(texts.join("\n\n").into());
        }
        let blocks = system.into_iter().map(|part| {
            let mut block = json!({"type": "text", "text": part.text});
            if let Some(mark) = part.mark {
                block["cache_control"] = mark.to_value();
            }
            block
        });
        Some(blocks.collect())
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
            ContentPart::CacheMark(mark) => set_mark(blocks.last_mut(), &mark),
            _ => {}
        }
    }
    Ok(blocks)
}

/// Marks the block before the mark.
fn set_mark(block: Option<&mut Value>, mark: &CacheMark) {
    if let Some(block) = block {
        block["cache_control"] = mark.to_value();
    }
}

fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}))
}

fn results(
    parts: Vec<ContentPart>,
    dropped: &mut DroppedFields,
) -> Result<Vec<Value>, TranslationError> {
    let mut blocks = Vec::new();
    for part in parts {
        match part {
            ContentPart::ToolResult {
                call,
                content,
                is_error,
            } => blocks.push(result(&call, content, is_error, dropped)?),
            ContentPart::CacheMark(mark) => set_mark(blocks.last_mut(), &mark),
            _ => {}
        }
    }
    Ok(blocks)
}

/// Encodes the result of a call. A mark within it belongs to all of it.
fn result(
    call: &str,
    content: Vec<ContentPart>,
    is_error: bool,
    dropped: &mut DroppedFields,
) -> Result<Value, TranslationError> {
    let mark = content.iter().rev().find_map(|part| match part {
        ContentPart::CacheMark(mark) => Some(mark.clone()),
        _ => None,
    });
    let is_text = |part: &ContentPart| !matches!(part, ContentPart::Media(_));
    let content: Value = if content.iter().all(is_text) {
        text_of(&content).into()
    } else {
        let is_content = |part: &ContentPart| !matches!(part, ContentPart::CacheMark(_));
        let content = content.into_iter().filter(is_content).collect();
        blocks(content, dropped)?.into()
    };
    let mut block = json!({
        "type": "tool_result",
        "tool_use_id": call,
        "content": content,
    });
    if is_error {
        block["is_error"] = true.into();
    }
    if let Some(mark) = mark {
        set_mark(Some(&mut block), &mark);
    }
    Ok(block)
}

/// Encodes reasoning first, then texts, then calls. Only signed reasoning gets here.
fn assistant(
    parts: Vec<ContentPart>,
    dropped: &mut DroppedFields,
) -> Result<Vec<Value>, TranslationError> {
    let (mut reasoning, mut texts, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            ContentPart::ToolCall(call) => calls.push(tool_use(&call)?),
            ContentPart::Text(text) | ContentPart::Refusal(text) => texts.extend(text_block(&text)),
            ContentPart::CacheMark(mark) => {
                let last = calls.last_mut().or_else(|| texts.last_mut());
                set_mark(last, &mark);
            }
            part => reasoning.extend(signed_block(&part)),
        }
    }
    // A turn with reasoning only is dropped.
    if texts.is_empty() && calls.is_empty() {
        dropped.add_if(!reasoning.is_empty(), "reasoning");
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

fn tool_use(call: &ToolCall) -> Result<Value, TranslationError> {
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
        "id": call.id,
        "name": call.name,
        "input": input.ok_or_else(invalid)?,
    }))
}
