//! Translates a conversation into a chat request.

use super::chunk::with_signature;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ResponseFormat, Tool, ToolCall, ToolChoice, ToolForm, TranslationError, text_of,
};
use serde_json::{Map, Value, json};

/// The difference of one server.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteQuirks {
    /// Name of the field that limits the response.
    pub limit: &'static str,
}

pub(super) fn request(
    conversation: ChatRequest,
    model: &str,
    quirks: WriteQuirks,
    dropped: &mut DroppedFields,
) -> Result<Map<String, Value>, TranslationError> {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    body.insert(
        "messages".to_owned(),
        messages(conversation.turns, dropped)?,
    );
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let sampling = conversation.sampling;
    dropped.add_if(sampling.top_k.is_some(), "top_k");
    set(quirks.limit, conversation.max_tokens.map(Value::from));
    set("temperature", sampling.temperature.map(Value::from));
    set("top_p", sampling.top_p.map(Value::from));
    set(
        "stop",
        (!sampling.stop.is_empty()).then(|| sampling.stop.into()),
    );
    set("seed", sampling.seed.map(Value::from));
    set("n", sampling.n.map(Value::from));
    set(
        "presence_penalty",
        sampling.presence_penalty.map(Value::from),
    );
    set(
        "frequency_penalty",
        sampling.frequency_penalty.map(Value::from),
    );
    set(
        "reasoning_effort",
        conversation.effort.map(|effort| effort.as_str().into()),
    );
    set("user", conversation.user.map(Value::from));
    let has_tools = !conversation.tools.is_empty();
    set("tools", has_tools.then(|| tools(conversation.tools)));
    let choice = conversation.tool_choice.filter(|_| has_tools);
    set("tool_choice", choice.map(tool_choice));
    let parallel = conversation.parallel_tools.filter(|_| has_tools);
    set("parallel_tool_calls", parallel.map(Value::from));
    set("response_format", conversation.format.map(format));
    Ok(body)
}

fn messages(
    turns: Vec<ChatMessage>,
    dropped: &mut DroppedFields,
) -> Result<Value, TranslationError> {
    let mut messages = Vec::new();
    for turn in turns {
        match turn.role {
            ChatRole::System => {
                let content = system_content(&turn.parts);
                messages.push(json!({"role": "system", "content": content}));
            }
            ChatRole::User => {
                let content = user_content(turn.parts)?;
                messages.push(json!({"role": "user", "content": content}));
            }
            ChatRole::Assistant => messages.extend(assistant(turn.parts)),
            ChatRole::Tool => results(turn.parts, &mut messages, dropped),
        }
    }
    Ok(Value::Array(messages))
}

/// Adds results of tools, which are texts here.
fn results(parts: Vec<ContentPart>, messages: &mut Vec<Value>, dropped: &mut DroppedFields) {
    for part in parts {
        match part {
            ContentPart::ToolResult {
                call,
                content,
                is_error,
            } => {
                dropped.add_if(is_error, "is_error");
                let content = system_content(&content);
                messages.push(json!({"role": "tool", "tool_call_id": call, "content": content}));
            }
            ContentPart::CacheMark(mark) => {
                if let Some(message) = messages.last_mut() {
                    message[CACHE_MARK] = mark.to_value();
                }
            }
            _ => {}
        }
    }
}

/// Member that marks a part or a tool for a server's cache.
const CACHE_MARK: &str = "cache_control";

/// Encodes texts as one, unless some of them are marked.
fn system_content(parts: &[ContentPart]) -> Value {
    let is_mark = |part: &ContentPart| matches!(part, ContentPart::CacheMark(_));
    if !parts.iter().any(is_mark) {
        return text_of(parts).into();
    }
    let mut list: Vec<Value> = Vec::new();
    for part in parts {
        match part {
            ContentPart::Text(text) | ContentPart::Refusal(text) => {
                list.push(json!({"type": "text", "text": text}));
            }
            ContentPart::CacheMark(mark) => {
                if let Some(marked) = list.last_mut() {
                    marked[CACHE_MARK] = mark.to_value();
                }
            }
            _ => {}
        }
    }
    list.into()
}

/// Encodes a user's content; a single text stays a string.
fn user_content(parts: Vec<ContentPart>) -> Result<Value, TranslationError> {
    if let [ContentPart::Text(text)] = &parts[..] {
        return Ok(text.as_str().into());
    }
    let mut list: Vec<Value> = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            ContentPart::Text(text) => list.push(json!({"type": "text", "text": text})),
            ContentPart::Media(media) => list.push(self::media(media)?),
            ContentPart::CacheMark(mark) => {
                if let Some(marked) = list.last_mut() {
                    marked[CACHE_MARK] = mark.to_value();
                }
            }
            _ => {}
        }
    }
    Ok(Value::Array(list))
}

fn media(media: Media) -> Result<Value, TranslationError> {
    match (media.kind, media.source) {
        (MediaKind::Image, source) => {
            let problem = "names a file that only another provider stores; send the image itself";
            let url = source
                .url()
                .ok_or_else(|| TranslationError::untranslatable("image", problem))?;
            let mut image = json!({"url": url});
            if let Some(detail) = media.detail {
                image["detail"] = detail.into();
            }
            Ok(json!({"type": "image_url", "image_url": image}))
        }
        (MediaKind::Audio, MediaSource::Inline { mime, data }) => {
            let format = mime.trim_start_matches("audio/");
            Ok(json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}))
        }
        (MediaKind::Document, MediaSource::Link(_)) => Err(TranslationError::untranslatable(
            "document",
            "is a link; send the document itself",
        )),
        (MediaKind::Document, source) => {
            let mut file = match &source {
                MediaSource::Id(id) => json!({"file_id": id}),
                other => json!({"file_data": other.url()}),
            };
            if let Some(name) = media.name {
                file["filename"] = name.into();
            }
            Ok(json!({"type": "file", "file": file}))
        }
        (MediaKind::Audio, _) => Err(TranslationError::untranslatable(
            "audio",
            "is a link; send the recording itself",
        )),
    }
}

/// Encodes an assistant message; `None` where nothing is left of it.
fn assistant(parts: Vec<ContentPart>) -> Option<Value> {
    let text = text_of(&parts);
    let has_no_text = text.is_empty();
    let content = if has_no_text {
        Value::Null
    } else {
        text.into()
    };
    let mut message = json!({"role": "assistant", "content": content});
    let mut calls = Vec::new();
    let mut reasoning = String::new();
    for part in parts {
        match part {
            ContentPart::ToolCall(call) => calls.push(tool_call(&call)),
            ContentPart::Reasoning { text, .. } => reasoning.push_str(&text),
            _ => {}
        }
    }
    if calls.is_empty() && has_no_text {
        return None;
    }
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Some(message)
}

/// Encodes a call, for responses and for history.
pub(super) fn tool_call(call: &ToolCall) -> Value {
    let mut value = if call.form == ToolForm::FreeText {
        json!({
            "id": call.id,
            "type": "custom",
            "custom": {"name": call.name, "input": call.arguments},
        })
    } else {
        let arguments = if call.arguments.is_empty() {
            "{}"
        } else {
            &call.arguments
        };
        json!({
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        })
    };
    if let Some(signature) = &call.signature {
        value["extra_content"] = with_signature(signature);
    }
    value
}

fn tools(tools: Vec<Tool>) -> Value {
    let tools = tools.into_iter();
    tools
        .map(|mut tool| {
            let mark = tool.cache.take();
            let mut value = json!({"type": "function", "function": function(tool)});
            if let Some(mark) = mark {
                value[CACHE_MARK] = mark.to_value();
            }
            value
        })
        .collect()
}

/// Encodes a function, for all of OpenAI's protocols.
pub(in crate::protocols) fn function(tool: Tool) -> Value {
    let mut function = json!({"name": tool.name});
    if let Some(description) = tool.description {
        function["description"] = description.into();
    }
    if let Some(parameters) = tool.parameters {
        function["parameters"] = parameters;
    }
    if let Some(strict) = tool.strict {
        function["strict"] = strict.into();
    }
    function
}

fn tool_choice(choice: ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto
        | ToolChoice::Allowed {
            is_forced: false, ..
        } => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Any | ToolChoice::Allowed { .. } => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn format(format: ResponseFormat) -> Value {
    match format {
        ResponseFormat::Json => json!({"type": "json_object"}),
        schema @ ResponseFormat::Schema { .. } => {
            json!({"type": "json_schema", "json_schema": json_schema(schema)})
        }
    }
}

/// Encodes name, schema and strictness.
pub(in crate::protocols) fn json_schema(format: ResponseFormat) -> Value {
    let ResponseFormat::Schema {
        name,
        description,
        schema,
        strict,
    } = format
    else {
        return json!({});
    };
    let mut value = json!({"name": name, "schema": schema});
    if let Some(description) = description {
        value["description"] = description.into();
    }
    if let Some(strict) = strict {
        value["strict"] = strict.into();
    }
    value
}
