//! Translates a conversation into a request to `/api/chat`.

use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ReasoningEffort, ResponseFormat, Sampling, Tool, ToolCall, ToolChoice, TranslationError,
    text_of,
};
use crate::protocols::openai::write_function;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Builds the body. `stream` is always set, because a server streams by default.
pub(super) fn body(
    conversation: ChatRequest,
    model: &str,
    stream: bool,
    dropped: &mut DroppedFields,
) -> Result<Map<String, Value>, TranslationError> {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    let called = called(&conversation.turns);
    body.insert(
        "messages".to_owned(),
        messages(conversation.turns, dropped)?,
    );
    body.insert("stream".to_owned(), stream.into());
    let choice = conversation.tool_choice;
    let is_forced = matches!(choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
    dropped.add_if(is_forced, "tool_choice");
    dropped.add_if(
        conversation.parallel_tools == Some(false),
        "parallel_tool_calls",
    );
    // Ollama has no tool choice, but a model calls only tools that it knows. Tools that it called
    // before stay, because it needs them to understand the history.
    let tools = conversation.tools.into_iter().filter(|tool| match &choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(name)) => tool.name == *name || called.contains(&tool.name),
        Some(ToolChoice::Auto | ToolChoice::Any | ToolChoice::Allowed { .. }) | None => true,
    });
    let tools: Vec<Value> = tools.map(|one| tool(one, dropped)).collect();
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    if let Some(format) = conversation.format {
        body.insert("format".to_owned(), self::format(format));
    }
    if let Some(effort) = conversation.effort {
        body.insert("think".to_owned(), think(effort));
    }
    let options = options(&conversation.sampling, conversation.max_tokens)?;
    if !options.is_empty() {
        body.insert("options".to_owned(), options.into());
    }
    Ok(body)
}

/// Names of the tools that the model called.
fn called(turns: &[ChatMessage]) -> BTreeSet<String> {
    let parts = turns.iter().flat_map(|turn| &turn.parts);
    let name = |part: &ContentPart| match part {
        ContentPart::ToolCall(call) => Some(call.name.clone()),
        _ => None,
    };
    parts.filter_map(name).collect()
}

fn options(
    sampling: &Sampling,
    limit: Option<u64>,
) -> Result<Map<String, Value>, TranslationError> {
    if sampling.n.is_some_and(|n| n > 1) {
        let problem = "is greater than 1, but Ollama returns one choice for each request";
        return Err(TranslationError::untranslatable("n", problem));
    }
    let stop = (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into());
    let options = [
        ("num_predict", limit.map(Value::from)),
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
        ("stop", stop),
        (
            "presence_penalty",
            sampling.presence_penalty.map(Value::from),
        ),
        (
            "frequency_penalty",
            sampling.frequency_penalty.map(Value::from),
        ),
    ];
    let options = options.into_iter();
    Ok(options
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}

fn messages(
    turns: Vec<ChatMessage>,
    dropped: &mut DroppedFields,
) -> Result<Value, TranslationError> {
    let mut messages = Vec::new();
    let mut names = BTreeMap::new();
    for turn in turns {
        match turn.role {
            ChatRole::System => messages.push(json!({"role": "system", "content": turn.text()})),
            ChatRole::User => messages.push(user(turn.parts)?),
            ChatRole::Assistant => messages.push(assistant(turn.parts, &mut names)?),
            ChatRole::Tool => {
                for part in turn.parts {
                    messages.extend(result(part, &names, dropped));
                }
            }
        }
    }
    Ok(Value::Array(messages))
}

/// Encodes a user message: its texts joined, its images beside them.
fn user(parts: Vec<ContentPart>) -> Result<Value, TranslationError> {
    let mut message = json!({"role": "user", "content": text_of(&parts)});
    let media = parts.into_iter().filter_map(|part| match part {
        ContentPart::Media(media) => Some(image(media)),
        _ => None,
    });
    let images = media.collect::<Result<Vec<String>, _>>()?;
    if !images.is_empty() {
        message["images"] = images.into();
    }
    Ok(message)
}

/// Encodes an image as base64 without a media type.
fn image(media: Media) -> Result<String, TranslationError> {
    let (name, problem) = match (media.kind, media.source) {
        (MediaKind::Image, MediaSource::Inline { data, .. }) => return Ok(data),
        (MediaKind::Image, _) => (
            "image",
            "is a link; Ollama takes the image itself, in base64",
        ),
        (MediaKind::Document, _) => ("file", "is a document, which Ollama does not accept"),
        (MediaKind::Audio, _) => ("audio", "is a recording, which Ollama does not accept"),
    };
    Err(TranslationError::untranslatable(name, problem))
}

/// Builds an assistant message and records the names of its calls, because Ollama's results refer
/// to calls by name.
fn assistant(
    parts: Vec<ContentPart>,
    names: &mut BTreeMap<String, String>,
) -> Result<Value, TranslationError> {
    let mut message = json!({"role": "assistant", "content": text_of(&parts)});
    let mut reasoning = String::new();
    let mut calls = Vec::new();
    for part in parts {
        match part {
            ContentPart::Reasoning { text, .. } => reasoning.push_str(&text),
            ContentPart::ToolCall(call) => {
                calls.push(tool_call(&call, calls.len())?);
                names.insert(call.id, call.name);
            }
            _ => {}
        }
    }
    if !reasoning.is_empty() {
        message["thinking"] = reasoning.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Ok(message)
}

fn tool_call(call: &ToolCall, index: usize) -> Result<Value, TranslationError> {
    let text = if call.arguments.trim().is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    let arguments: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
        let problem = format!("of {:?} must be the text of a JSON object", call.name);
        TranslationError::new("arguments", problem)
    })?;
    Ok(json!({
        "id": call.id,
        "function": {"index": index, "name": call.name, "arguments": arguments},
    }))
}

fn result(
    part: ContentPart,
    names: &BTreeMap<String, String>,
    dropped: &mut DroppedFields,
) -> Option<Value> {
    let ContentPart::ToolResult {
        call,
        content,
        is_error,
    } = part
    else {
        return None;
    };
    dropped.add_if(is_error, "is_error");
    let mut message = json!({"role": "tool", "content": text_of(&content)});
    if let Some(name) = names.get(&call) {
        message["tool_name"] = name.as_str().into();
    }
    message["tool_call_id"] = call.into();
    Some(message)
}

fn tool(mut tool: Tool, dropped: &mut DroppedFields) -> Value {
    dropped.add_if(tool.strict.take() == Some(true), "strict");
    let nothing = || json!({"type": "object", "properties": {}});
    tool.parameters.get_or_insert_with(nothing);
    json!({"type": "function", "function": write_function(tool)})
}

fn format(format: ResponseFormat) -> Value {
    match format {
        ResponseFormat::Json => "json".into(),
        ResponseFormat::Schema { schema, .. } => schema,
    }
}

fn think(effort: ReasoningEffort) -> Value {
    match effort {
        ReasoningEffort::None => false.into(),
        ReasoningEffort::Minimal | ReasoningEffort::Low => "low".into(),
        ReasoningEffort::Medium => "medium".into(),
        ReasoningEffort::High => "high".into(),
        ReasoningEffort::XHigh | ReasoningEffort::Max => "max".into(),
    }
}
