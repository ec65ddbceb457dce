//! Reads a request of the Responses API into the neutral form.

use super::client_tools::ToolType;
use super::item_store;
use super::read_tools::{self, ToolList};
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ObjectReader, ResponseFormat, Sampling, ToolCall, ToolForm, TranslationError,
};
use crate::protocols::openai::{audio, effort, schema_format};
use serde_json::Value;

/// Fields that are no part of the prompt, and those that the response repeats.
const NON_PROMPT_FIELDS: [&str; 4] = ["model", "stream", "stream_options", "metadata"];

/// Fields that refer to a provider's store.
const STORE_ONLY_FIELDS: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    reject_stored(&mut members, dropped)?;
    let mut tools = ToolList::default();
    tools.extend(members.list("tools")?, "tools", dropped)?;
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
                let path = format!("input[{index}]");
                item(value, path, (&mut turns, &mut tools), dropped)?;
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
        tools: tools.tools,
        server_tools: tools.server_tools,
        tool_choice: read_tools::tool_choice(&mut members, dropped)?,
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
            let id = members
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let id: String = id.chars().take(80).collect();
            let problem = format!(
                "refers to stored data ({id:?}) that the gateway does not hold; send the whole \
                 conversation in input"
            );
            return Err(TranslationError::untranslatable(name, problem));
        }
    }
    if members.flag("background")? == Some(true) {
        let problem = "is true, but the gateway does not store responses for later";
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
    (turns, tools): (&mut Vec<ChatMessage>, &mut ToolList),
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    if let Some(kind) = value["type"].as_str()
        && let Some(tool) = ToolType::called(kind)
    {
        push_call(
            turns,
            ContentPart::ToolCall(typed_call(tool, &value, &path)?),
        );
        return Ok(());
    }
    let mut members = ObjectReader::new(value, path)?;
    // Ids and states of items have a meaning only for their provider.
    let id = members.text("id")?;
    members.take("status");
    let kind = members.text("type")?;
    match kind.as_deref().unwrap_or("message") {
        "message" => push_message(turns, message(&mut members, dropped)?),
        "reasoning" => push_reasoning(turns, &mut members)?,
        "function_call" | "custom_tool_call" => {
            push_call(turns, ContentPart::ToolCall(call(&mut members)?));
        }
        "function_call_output" | "custom_tool_call_output" => {
            members.take("name");
            let call = members.required_text("call_id")?;
            let content = content(&mut members, "output", dropped)?;
            push_result(turns, call, content);
        }
        "tool_search_output" => {
            let call = members.text("call_id")?.or(id).unwrap_or_default();
            let found = members.list("tools")?;
            members.take("execution");
            let text = Value::Array(found.clone()).to_string();
            tools.extend(found, &members.at("tools"), dropped)?;
            push_result(turns, call, vec![ContentPart::Text(text)]);
        }
        kind if ToolType::answered(kind).is_some() => {
            let call = members.text("call_id")?.or(id).unwrap_or_default();
            members.take("max_output_length");
            let content = match members.take("output") {
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
                None => String::new(),
            };
            push_result(turns, call, vec![ContentPart::Text(content)]);
        }
        // What the provider's own tools did stays readable.
        "web_search_call" | "code_interpreter_call" | "file_search_call" | "mcp_call" => {
            let kind = kind.as_deref().unwrap_or_default();
            let text = ContentPart::Text(server_call(kind, &mut members));
            push_message(turns, ChatMessage::new(ChatRole::Assistant, vec![text]));
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

/// Members of a provider's own call that a model can read.
const READABLE_MEMBERS: [&str; 9] = [
    "action",
    "arguments",
    "code",
    "name",
    "output",
    "outputs",
    "queries",
    "results",
    "error",
];

/// Returns a call of the provider's own tool as text.
fn server_call(kind: &str, members: &mut ObjectReader) -> String {
    let member = |name| Some(format!(" {name}: {}", members.take(name)?));
    let text: String = READABLE_MEMBERS.into_iter().filter_map(member).collect();
    format!("[{kind}{text}]\n")
}

/// Adds a message. One of the assistant continues the turn that holds its reasoning.
fn push_message(turns: &mut Vec<ChatMessage>, message: ChatMessage) {
    let is_reasoning = |part: &ContentPart| matches!(part, ContentPart::Reasoning { .. });
    match turns.last_mut() {
        Some(last)
            if last.role == ChatRole::Assistant
                && message.role == ChatRole::Assistant
                && last.parts.iter().all(is_reasoning) =>
        {
            last.parts.extend(message.parts);
        }
        _ => turns.push(message),
    }
}

/// Adds reasoning, which comes before the texts and calls that it led to.
fn push_reasoning(
    turns: &mut Vec<ChatMessage>,
    members: &mut ObjectReader,
) -> Result<(), TranslationError> {
    let summary = members.list("summary")?;
    let content = members.list("content")?;
    // Only the provider that wrote it can read it.
    members.take("encrypted_content");
    let list = if content.is_empty() { summary } else { content };
    let texts: Vec<&str> = list
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    if !texts.is_empty() {
        let part = ContentPart::Reasoning {
            text: texts.join("\n\n"),
            signature: None,
        };
        turns.push(ChatMessage::new(ChatRole::Assistant, vec![part]));
    }
    Ok(())
}

fn push_result(turns: &mut Vec<ChatMessage>, call: String, content: Vec<ContentPart>) {
    let result = ContentPart::ToolResult {
        call,
        content,
        is_error: false,
    };
    turns.push(ChatMessage::new(ChatRole::Tool, vec![result]));
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
            let problem = "names an item that the gateway no longer stores; send the item itself, \
                           or set store to false";
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

/// Reads a call of a function or of a tool with free text.
fn call(members: &mut ObjectReader) -> Result<ToolCall, TranslationError> {
    let mut call = ToolCall {
        id: members.required_text("call_id")?,
        name: members.required_text("name")?,
        namespace: members.text("namespace")?,
        ..ToolCall::default()
    };
    if let Some(text) = members.text("input")? {
        call.form = ToolForm::FreeText;
        call.arguments = text;
    } else {
        call.arguments = members.text("arguments")?.unwrap_or_default();
    }
    Ok(call)
}

/// Reads a call of a tool of a type of its own.
fn typed_call(tool: &ToolType, item: &Value, path: &str) -> Result<ToolCall, TranslationError> {
    let id = item["call_id"].as_str().or(item["id"].as_str());
    let missing = || {
        let problem = "is missing; it must be a text";
        TranslationError::new(format!("{path}.call_id"), problem)
    };
    Ok(ToolCall {
        id: id.ok_or_else(missing)?.to_owned(),
        name: tool.name.to_owned(),
        form: ToolForm::Typed(tool.name),
        arguments: tool.arguments(item),
        ..ToolCall::default()
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
    let mut members = ObjectReader::new(value, path)?;
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
    let name = members.text("filename")?;
    let inline = members.text("file_data")?;
    let source = match inline.or(members.text("file_url")?) {
        Some(data) => MediaSource::from_data(data, name.as_deref()),
        None => MediaSource::Id(members.required_text("file_id")?),
    };
    Ok(ContentPart::Media(Media {
        detail: members.text("detail")?,
        ..Media::file(source, name)
    }))
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
