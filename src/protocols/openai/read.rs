//! Reads a chat request into the neutral form.

use super::chunk::signature_in;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ObjectReader, ReasoningEffort, ResponseFormat, Sampling, Tool, ToolCall, ToolChoice,
    TranslationError,
};
use serde_json::Value;

/// Fields that are no part of the prompt.
const NON_PROMPT_FIELDS: [&str; 3] = ["model", "stream", "stream_options"];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::of(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    let mut turns = Vec::new();
    for (index, message) in members.list("messages")?.into_iter().enumerate() {
        turns.push(turn(message, format!("messages[{index}]"), dropped)?);
    }
    let limit = members.count("max_completion_tokens")?;
    let older = members.count("max_tokens")?;
    let conversation = ChatRequest {
        turns,
        tools: tools(&mut members, dropped)?,
        tool_choice: tool_choice(&mut members, dropped)?,
        parallel_tools: members.flag("parallel_tool_calls")?,
        format: format(&mut members, dropped)?,
        max_tokens: limit.or(older),
        sampling: sampling(&mut members)?,
        effort: effort(&mut members, "reasoning_effort")?,
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
    let mut members = ObjectReader::of(message, path)?;
    let role = members.required_text("role")?;
    let content = content(&mut members, "content", dropped)?;
    let turn = match role.as_str() {
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
    let mut parts = Vec::new();
    let reasoning = members.text("reasoning_content")?;
    if let Some(text) = reasoning.or(members.text("reasoning")?) {
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
        parts.extend(tool_call(call, path, dropped)?);
    }
    if let Some(mut function) = members.object("function_call")? {
        let name = function.required_text("name")?;
        parts.push(ContentPart::ToolCall(ToolCall {
            id: name.clone(),
            name,
            arguments: function.text("arguments")?.unwrap_or_default(),
            signature: None,
        }));
    }
    Ok(ChatMessage::new(ChatRole::Assistant, parts))
}

fn tool_call(
    call: Value,
    path: String,
    dropped: &mut DroppedFields,
) -> Result<Option<ContentPart>, TranslationError> {
    let mut members = ObjectReader::of(call, path)?;
    members.take("type");
    members.take("index");
    let Some(mut function) = members.object("function")? else {
        dropped.add(members.at("custom"));
        return Ok(None);
    };
    let call = ToolCall {
        id: members.required_text("id")?,
        name: function.required_text("name")?,
        arguments: function.text("arguments")?.unwrap_or_default(),
        signature: members
            .take("extra_content")
            .as_ref()
            .and_then(signature_in),
    };
    members.drop_unread(dropped);
    Ok(Some(ContentPart::ToolCall(call)))
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
            let parts = list.into_iter().enumerate();
            let parts =
                parts.map(|(index, value)| part(value, format!("{path}[{index}]"), dropped));
            Ok(parts
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect())
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
        "text" => ContentPart::Text(members.required_text("text")?),
        "refusal" => ContentPart::Refusal(members.required_text("refusal")?),
        "image_url" => image(&mut members)?,
        "input_audio" => audio(&mut members)?,
        "file" => file(&mut members)?,
        _ => {
            dropped.add(members.at(&kind));
            return Ok(None);
        }
    };
    members.drop_unread(dropped);
    Ok(Some(part))
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

/// A recording as every protocol of OpenAI's holds it.
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
    let source = match file.text("file_data")? {
        Some(data) => MediaSource::from_url(data),
        None => MediaSource::Id(file.required_text("file_id")?),
    };
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Document,
        source,
        name: file.text("filename")?,
        detail: None,
    }))
}

fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<Tool>, TranslationError> {
    let mut tools = Vec::new();
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::of(value, format!("tools[{index}]"))?;
        tool.take("type");
        match tool.object("function")? {
            Some(one) => tools.push(function(one, dropped)?),
            None => dropped.add(format!("tools[{index}]")),
        }
    }
    for (index, value) in members.list("functions")?.into_iter().enumerate() {
        tools.push(function(
            ObjectReader::of(value, format!("functions[{index}]"))?,
            dropped,
        )?);
    }
    Ok(tools)
}

/// A function as every protocol of OpenAI's describes it.
pub(in crate::protocols) fn function(
    mut members: ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Tool, TranslationError> {
    let tool = Tool {
        name: members.required_text("name")?,
        description: members.text("description")?,
        parameters: members.take("parameters"),
        strict: members.flag("strict")?,
    };
    members.drop_unread(dropped);
    Ok(tool)
}

fn tool_choice(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ToolChoice>, TranslationError> {
    let name = if members.has("tool_choice") {
        "tool_choice"
    } else {
        "function_call"
    };
    match members.take(name) {
        None => Ok(None),
        Some(Value::String(word)) => choice_word(&word, members.at(name)).map(Some),
        Some(value) => {
            let mut choice = ObjectReader::of(value, name)?;
            let named = choice.object("function")?;
            let named = match named {
                Some(mut function) => function.text("name")?,
                None => choice.text("name")?,
            };
            if named.is_none() {
                dropped.add(name);
            }
            Ok(Some(named.map_or(ToolChoice::Auto, ToolChoice::Named)))
        }
    }
}

/// Reads a tool choice that is a string.
pub(in crate::protocols) fn choice_word(
    word: &str,
    path: String,
) -> Result<ToolChoice, TranslationError> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Any),
        other => {
            let problem = format!("is {other:?}, but must be auto, none, required or a function");
            Err(TranslationError::new(path, problem))
        }
    }
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

/// A JSON schema that an answer must keep to.
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
