//! Reads a chat request into the neutral form.

use super::chunk::signature_in;
use super::read_tools;
use crate::protocols::neutral::{
    CacheMark, ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind,
    MediaSource, ObjectReader, ReasoningEffort, ResponseFormat, Sampling, ToolCall, ToolForm,
    TranslationError,
};
use serde_json::Value;

/// Fields that are no part of the prompt.
const NON_PROMPT_FIELDS: [&str; 3] = ["model", "stream", "stream_options"];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    let mut turns = Vec::new();
    for (index, message) in members.list("messages")?.into_iter().enumerate() {
        turns.push(turn(message, format!("messages[{index}]"), dropped)?);
    }
    let limit = members.count("max_completion_tokens")?;
    let older = members.count("max_tokens")?;
    let (tools, server_tools) = read_tools::tools(&mut members, dropped)?;
    let conversation = ChatRequest {
        turns,
        tools,
        server_tools,
        tool_choice: read_tools::tool_choice(&mut members, dropped)?,
        parallel_tools: members.flag("parallel_tool_calls")?,
        format: format(&mut members, dropped)?,
        max_tokens: limit.or(older),
        sampling: sampling(&mut members)?,
        effort: chat_effort(&mut members)?,
        user: members.text("user")?,
    };
    members.drop_unread(dropped);
    Ok(conversation)
}

fn sampling(members: &mut ObjectReader) -> Result<Sampling, TranslationError> {
    Ok(Sampling {
        temperature: members.number("temperature")?,
        top_p: members.number("top_p")?,
        top_k: members.count("top_k")?,
        stop: stop(members, "stop")?,
        seed: members.integer("seed")?,
        n: members.count("n")?,
        presence_penalty: members.number("presence_penalty")?,
        frequency_penalty: members.number("frequency_penalty")?,
    })
}

fn stop(members: &mut ObjectReader, name: &str) -> Result<Vec<String>, TranslationError> {
    let wrong = || TranslationError::new(name, "must be a text or a list of texts");
    match members.take(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

/// Reads how much the model shall think, in OpenAI's field or in OpenRouter's object.
fn chat_effort(members: &mut ObjectReader) -> Result<Option<ReasoningEffort>, TranslationError> {
    let stated = effort(members, "reasoning_effort")?;
    let Some(Value::Object(_)) = members.get("reasoning") else {
        return Ok(stated);
    };
    let Some(mut reasoning) = members.object("reasoning")? else {
        return Ok(stated);
    };
    let named = effort(&mut reasoning, "effort")?;
    let budget = reasoning.count("max_tokens")?;
    let enabled = reasoning.flag("enabled")?.map(|is_enabled| {
        if is_enabled {
            ReasoningEffort::Medium
        } else {
            ReasoningEffort::None
        }
    });
    let budget = budget.map(ReasoningEffort::from_budget);
    Ok(stated.or(named).or(budget).or(enabled))
}

pub(in crate::protocols) fn effort(
    members: &mut ObjectReader,
    name: &str,
) -> Result<Option<ReasoningEffort>, TranslationError> {
    let Some(word) = members.text(name)? else {
        return Ok(None);
    };
    let problem = "must be none, minimal, low, medium, high, xhigh or max";
    let effort = ReasoningEffort::parse_name(&word)
        .ok_or_else(|| TranslationError::new(members.at(name), problem));
    effort.map(Some)
}

fn turn(
    message: Value,
    path: String,
    dropped: &mut DroppedFields,
) -> Result<ChatMessage, TranslationError> {
    let mut members = ObjectReader::new(message, path)?;
    let role = members.required_text("role")?;
    let content = content(&mut members, "content", dropped)?;
    let mut turn = match role.as_str() {
        "system" | "developer" => ChatMessage::new(ChatRole::System, content),
        "user" => ChatMessage::new(ChatRole::User, content),
        "assistant" => assistant(&mut members, content, dropped)?,
        "tool" => {
            let call = members.required_text("tool_call_id")?;
            result(call, content)
        }
        "function" => {
            let name = members.required_text("name")?;
            result(name, content)
        }
        other => {
            let problem =
                format!("is {other:?}, but must be system, developer, user, assistant or tool");
            return Err(TranslationError::new(members.at("role"), problem));
        }
    };
    let mark = CacheMark::take(&mut members, dropped);
    turn.parts.extend(mark.map(ContentPart::CacheMark));
    members.drop_unread(dropped);
    Ok(turn)
}

fn result(call: String, content: Vec<ContentPart>) -> ChatMessage {
    let result = ContentPart::ToolResult {
        call,
        content,
        is_error: false,
    };
    ChatMessage::new(ChatRole::Tool, vec![result])
}

fn assistant(
    members: &mut ObjectReader,
    content: Vec<ContentPart>,
    dropped: &mut DroppedFields,
) -> Result<ChatMessage, TranslationError> {
    let mut parts = signed_reasoning(members)?;
    let reasoning = members.text("reasoning_content")?;
    let reasoning = reasoning.or(members.text("reasoning")?);
    if let (Some(text), true) = (reasoning, parts.is_empty()) {
        parts.push(ContentPart::Reasoning {
            text,
            signature: None,
        });
    }
    parts.extend(content);
    if let Some(text) = members.text("refusal")? {
        parts.push(ContentPart::Refusal(text));
    }
    for (index, call) in members.list("tool_calls")?.into_iter().enumerate() {
        let path = members.at(&format!("tool_calls[{index}]"));
        parts.push(tool_call(call, path, dropped)?);
    }
    if let Some(mut function) = members.object("function_call")? {
        let name = function.required_text("name")?;
        parts.push(ContentPart::ToolCall(ToolCall {
            id: name.clone(),
            name,
            arguments: function.text("arguments")?.unwrap_or_default(),
            ..ToolCall::default()
        }));
    }
    Ok(ChatMessage::new(ChatRole::Assistant, parts))
}

/// Reads reasoning that some clients keep with its signature, in Anthropic's shape.
fn signed_reasoning(members: &mut ObjectReader) -> Result<Vec<ContentPart>, TranslationError> {
    let blocks = members.list("thinking_blocks")?.into_iter();
    let part = |block: Value| {
        let text = |name: &str| block[name].as_str().map(str::to_owned);
        let signature = text("signature").filter(|signature| !signature.is_empty());
        match text("data") {
            Some(data) => Some(ContentPart::Redacted(data)),
            None => Some(ContentPart::Reasoning {
                text: text("thinking").unwrap_or_default(),
                signature: Some(signature?),
            }),
        }
    };
    Ok(blocks.filter_map(part).collect())
}

fn tool_call(
    call: Value,
    path: String,
    dropped: &mut DroppedFields,
) -> Result<ContentPart, TranslationError> {
    let mut members = ObjectReader::new(call, path)?;
    members.take("type");
    members.take("index");
    let id = members.required_text("id")?;
    let extra = members.take("extra_content");
    let mut call = ToolCall {
        id,
        signature: extra.as_ref().and_then(signature_in),
        ..ToolCall::default()
    };
    if let Some(mut custom) = members.object("custom")? {
        call.form = ToolForm::FreeText;
        call.name = custom.required_text("name")?;
        call.arguments = custom.text("input")?.unwrap_or_default();
    } else if let Some(mut function) = members.object("function")? {
        call.name = function.required_text("name")?;
        call.arguments = function.text("arguments")?.unwrap_or_default();
    } else {
        let problem = "is missing; a call names a function or a custom tool";
        return Err(TranslationError::new(members.at("function"), problem));
    }
    members.drop_unread(dropped);
    Ok(ContentPart::ToolCall(call))
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
            let mut parts = Vec::with_capacity(list.len());
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

/// Reads a part, and its cache mark where it has one.
fn part(
    value: Value,
    path: String,
    dropped: &mut DroppedFields,
) -> Result<Vec<ContentPart>, TranslationError> {
    let mut members = ObjectReader::new(value, path)?;
    let kind = members.required_text("type")?;
    let part = match kind.as_str() {
        "text" => ContentPart::Text(members.required_text("text")?),
        "refusal" => ContentPart::Refusal(members.required_text("refusal")?),
        "image_url" => image(&mut members)?,
        "input_audio" => audio(&mut members)?,
        "file" => file(&mut members)?,
        _ => {
            dropped.add(members.at(&kind));
            return Ok(Vec::new());
        }
    };
    let mark = CacheMark::take(&mut members, dropped);
    members.drop_unread(dropped);
    let mark = mark.map(ContentPart::CacheMark);
    Ok(std::iter::once(part).chain(mark).collect())
}

fn image(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let mut image = members
        .object("image_url")?
        .ok_or_else(|| TranslationError::new(members.at("image_url"), "is missing"))?;
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Image,
        source: MediaSource::from_url(image.required_text("url")?),
        name: None,
        detail: image.text("detail")?,
    }))
}

/// Reads a recording, in the shape of all of OpenAI's protocols.
pub(in crate::protocols) fn audio(
    members: &mut ObjectReader,
) -> Result<ContentPart, TranslationError> {
    let mut audio = members
        .object("input_audio")?
        .ok_or_else(|| TranslationError::new(members.at("input_audio"), "is missing"))?;
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Audio,
        source: MediaSource::Inline {
            mime: format!("audio/{}", audio.required_text("format")?),
            data: audio.required_text("data")?,
        },
        name: None,
        detail: None,
    }))
}

fn file(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let mut file = members
        .object("file")?
        .ok_or_else(|| TranslationError::new(members.at("file"), "is missing"))?;
    let name = file.text("filename")?;
    let source = match file.text("file_data")? {
        Some(data) => MediaSource::from_data(data, name.as_deref()),
        None => MediaSource::Id(file.required_text("file_id")?),
    };
    Ok(ContentPart::Media(Media::file(source, name)))
}

fn format(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ResponseFormat>, TranslationError> {
    let Some(mut format) = members.object("response_format")? else {
        return Ok(None);
    };
    match format.required_text("type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(ResponseFormat::Json)),
        "json_schema" => {
            let schema = format.object("json_schema")?;
            let missing = || TranslationError::new(format.at("json_schema"), "is missing");
            schema_format(schema.ok_or_else(missing)?).map(Some)
        }
        _ => {
            dropped.add("response_format");
            Ok(None)
        }
    }
}

/// Reads the JSON schema that a response must conform to.
pub(in crate::protocols) fn schema_format(
    mut members: ObjectReader,
) -> Result<ResponseFormat, TranslationError> {
    Ok(ResponseFormat::Schema {
        name: members.text("name")?.unwrap_or_else(|| "answer".to_owned()),
        description: members.text("description")?,
        schema: members
            .take("schema")
            .unwrap_or_else(|| serde_json::json!({"type": "object"})),
        strict: members.flag("strict")?,
    })
}
