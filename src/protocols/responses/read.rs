//! Reads a request of the Responses API into the neutral form.

use super::item_store;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ObjectReader, ResponseFormat, Sampling, Tool, ToolCall, ToolChoice, TranslationError,
};
use crate::protocols::openai::{audio, choice_word, effort, function, schema_format};
use serde_json::Value;

/// Fields that are no part of the prompt, and those that the response repeats.
const NON_PROMPT_FIELDS: [&str; 4] = ["model", "stream", "stream_options", "metadata"];

/// Fields that refer to a vendor's own store.
const STORE_ONLY_FIELDS: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::of(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    reject_stored(&mut members, dropped)?;
    let mut turns = Vec::new();
    if let Some(text) = members.text("instructions")? {
        turns.push(ChatMessage::new(
            ChatRole::System,
            vec![ContentPart::Text(text)],
        ));
    }
    match members.take("input") {
        Some(Value::String(text)) => turns.push(ChatMessage::new(
            ChatRole::User,
            vec![ContentPart::Text(text)],
        )),
        Some(Value::Array(items)) => {
            for (index, value) in items.into_iter().enumerate() {
                item(value, format!("input[{index}]"), &mut turns, dropped)?;
            }
        }
        _ => {
            return Err(TranslationError::new(
                "input",
                "must be a text or a list of items",
            ));
        }
    }
    let mut reasoning = members.object("reasoning")?;
    let conversation = ChatRequest {
        turns,
        tools: tools(&mut members, dropped)?,
        tool_choice: tool_choice(&mut members, dropped)?,
        parallel_tools: members.flag("parallel_tool_calls")?,
        format: format(&mut members, dropped)?,
        max_tokens: members.count("max_output_tokens")?,
        sampling: Sampling {
            temperature: members.number("temperature")?,
            top_p: members.number("top_p")?,
            ..Sampling::default()
        },
        effort: match &mut reasoning {
            Some(reasoning) => effort(reasoning, "effort")?,
            None => None,
        },
        user: members.text("user")?,
    };
    members.drop_unread(dropped);
    Ok(conversation)
}

/// Rejects requests that need a store, because the missing part of the conversation cannot be
/// added.
fn reject_stored(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    for name in STORE_ONLY_FIELDS {
        if members.has(name) {
            let problem = "names what a store would hold, and there is none here; send the whole \
                           conversation in input";
            return Err(TranslationError::untranslatable(name, problem));
        }
    }
    if members.flag("background")? == Some(true) {
        let problem = "is true, but answers are not stored here to be fetched later";
        return Err(TranslationError::untranslatable("background", problem));
    }
    dropped.add_if(members.flag("store")? == Some(true), "store");
    let truncation = members.text("truncation")?;
    dropped.add_if(
        truncation.is_some_and(|word| word != "disabled"),
        "truncation",
    );
    Ok(())
}

/// Reads one item: a turn, or an addition to the last one.
fn item(
    value: Value,
    path: String,
    turns: &mut Vec<ChatMessage>,
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    let mut members = ObjectReader::of(value, path)?;
    // Ids and states of items mean something to their vendor only.
    let id = members.text("id")?;
    members.take("status");
    let kind = members.text("type")?;
    match kind.as_deref().unwrap_or("message") {
        "message" => turns.push(message(&mut members, dropped)?),
        "function_call" => push_call(turns, ContentPart::ToolCall(call(&mut members)?)),
        "function_call_output" => {
            let result = ContentPart::ToolResult {
                call: members.required_text("call_id")?,
                content: content(&mut members, "output", dropped)?,
                is_error: false,
            };
            turns.push(ChatMessage::new(ChatRole::Tool, vec![result]));
        }
        "item_reference" => push_reference(id, &members, turns)?,
        other => {
            dropped.add(members.at(other));
            return Ok(());
        }
    }
    members.drop_unread(dropped);
    Ok(())
}

/// Adds a call to the assistant's turn before it.
fn push_call(turns: &mut Vec<ChatMessage>, call: ContentPart) {
    match turns.last_mut() {
        Some(turn) if turn.role == ChatRole::Assistant => turn.parts.push(call),
        _ => turns.push(ChatMessage::new(ChatRole::Assistant, vec![call])),
    }
}

/// Adds an item of an earlier response of the gateway, by its id.
fn push_reference(
    id: Option<String>,
    members: &ObjectReader,
    turns: &mut Vec<ChatMessage>,
) -> Result<(), TranslationError> {
    let id = id.ok_or_else(|| TranslationError::new(members.at("id"), "is missing"))?;
    match item_store::find(&id) {
        Some(item_store::StoredItem::Call(call)) => push_call(turns, ContentPart::ToolCall(call)),
        Some(item_store::StoredItem::Text(text)) => {
            turns.push(ChatMessage::new(
                ChatRole::Assistant,
                vec![ContentPart::Text(text)],
            ));
        }
        Some(item_store::StoredItem::Nothing) => {}
        None => {
            let problem = "names an item that is not remembered here; send the item itself, or \
                           ask with store: false";
            return Err(TranslationError::untranslatable(members.at("id"), problem));
        }
    }
    Ok(())
}

fn message(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<ChatMessage, TranslationError> {
    let role = members.required_text("role")?;
    let role = match role.as_str() {
        "system" | "developer" => ChatRole::System,
        "user" => ChatRole::User,
        "assistant" => ChatRole::Assistant,
        other => {
            let problem = format!("is {other:?}, but must be system, developer, user or assistant");
            return Err(TranslationError::new(members.at("role"), problem));
        }
    };
    Ok(ChatMessage::new(
        role,
        content(members, "content", dropped)?,
    ))
}

fn call(members: &mut ObjectReader) -> Result<ToolCall, TranslationError> {
    Ok(ToolCall {
        id: members.required_text("call_id")?,
        name: members.required_text("name")?,
        arguments: members.text("arguments")?.unwrap_or_default(),
        signature: None,
    })
}

fn content(
    members: &mut ObjectReader,
    name: &str,
    dropped: &mut DroppedFields,
) -> Result<Vec<ContentPart>, TranslationError> {
    let path = members.at(name);
    match members.take(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![ContentPart::Text(text)]),
        Some(Value::Array(list)) => {
            let mut parts = Vec::new();
            for (index, value) in list.into_iter().enumerate() {
                parts.extend(part(value, format!("{path}[{index}]"), dropped)?);
            }
            Ok(parts)
        }
        Some(_) => Err(TranslationError::new(
            path,
            "must be a text or a list of parts",
        )),
    }
}

fn part(
    value: Value,
    path: String,
    dropped: &mut DroppedFields,
) -> Result<Option<ContentPart>, TranslationError> {
    let mut members = ObjectReader::of(value, path)?;
    let kind = members.required_text("type")?;
    let part = match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            // Parts of an earlier response that no model reads.
            members.take("annotations");
            members.take("logprobs");
            ContentPart::Text(members.required_text("text")?)
        }
        "refusal" => ContentPart::Refusal(members.required_text("refusal")?),
        "input_image" => image(&mut members)?,
        "input_file" => file(&mut members)?,
        "input_audio" => audio(&mut members)?,
        other => {
            dropped.add(members.at(other));
            return Ok(None);
        }
    };
    members.drop_unread(dropped);
    Ok(Some(part))
}

fn image(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let source = match members.text("image_url")? {
        Some(url) => MediaSource::from_url(url),
        None => MediaSource::Id(members.required_text("file_id")?),
    };
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: members.text("detail")?,
    }))
}

fn file(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let inline = members.text("file_data")?;
    let source = match inline.or(members.text("file_url")?) {
        Some(url) => MediaSource::from_url(url),
        None => MediaSource::Id(members.required_text("file_id")?),
    };
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Document,
        source,
        name: members.text("filename")?,
        detail: members.text("detail")?,
    }))
}

/// Reads functions; a tool that the vendor runs is dropped.
fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<Tool>, TranslationError> {
    let mut tools = Vec::new();
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::of(value, format!("tools[{index}]"))?;
        match tool.required_text("type")?.as_str() {
            "function" => tools.push(function(tool, dropped)?),
            hosted => dropped.add(tool.at(hosted)),
        }
    }
    Ok(tools)
}

fn tool_choice(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ToolChoice>, TranslationError> {
    let name = "tool_choice";
    match members.take(name) {
        None => Ok(None),
        Some(Value::String(word)) => choice_word(&word, members.at(name)).map(Some),
        Some(value) => {
            let mut choice = ObjectReader::of(value, name)?;
            match choice.required_text("type")?.as_str() {
                "function" => Ok(Some(ToolChoice::Named(choice.required_text("name")?))),
                other => {
                    dropped.add(choice.at(other));
                    let is_forced = choice.text("mode")?.as_deref() == Some("required");
                    let any = is_forced.then_some(ToolChoice::Any);
                    Ok(Some(any.unwrap_or(ToolChoice::Auto)))
                }
            }
        }
    }
}

fn format(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ResponseFormat>, TranslationError> {
    let Some(mut text) = members.object("text")? else {
        return Ok(None);
    };
    let format = text.object("format")?;
    text.drop_unread(dropped);
    let Some(mut format) = format else {
        return Ok(None);
    };
    match format.required_text("type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(ResponseFormat::Json)),
        "json_schema" => schema_format(format).map(Some),
        _ => {
            dropped.add("text.format");
            Ok(None)
        }
    }
}
