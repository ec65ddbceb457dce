//! Translates a conversation into a request of the Responses API.

use crate::protocols::model_traits::ModelTraits;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ResponseFormat, Sampling, ServerTool, ServerToolKind, Tool, ToolChoice, ToolForm,
    TranslationError, text_of,
};
use crate::protocols::openai::{json_schema, write_function};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Smallest limit that the API accepts.
const MIN_LIMIT: u64 = 16;

pub(super) fn request(
    conversation: ChatRequest,
    model: &str,
    traits: &ModelTraits,
    dropped: &mut DroppedFields,
) -> Result<Map<String, Value>, TranslationError> {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    body.insert("input".to_owned(), items(conversation.turns, dropped)?);
    // The client did not ask to store the response.
    body.insert("store".to_owned(), false.into());
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let limit = conversation.max_tokens;
    set(
        "max_output_tokens",
        limit.map(|limit| limit.max(MIN_LIMIT).into()),
    );
    let (temperature, top_p) = sampling(&conversation.sampling, traits, dropped)?;
    set("temperature", temperature.map(Value::from));
    set("top_p", top_p.map(Value::from));
    set(
        "reasoning",
        conversation
            .effort
            .map(|effort| json!({"effort": effort.as_str()})),
    );
    set("user", conversation.user.map(Value::from));
    let custom: HashSet<String> = conversation
        .tools
        .iter()
        .filter(|tool| tool.form == ToolForm::FreeText)
        .map(|tool| tool.name.clone())
        .collect();
    let server_tools = conversation.server_tools.iter().map(server_tool);
    let tools = conversation.tools.into_iter().map(tool).chain(server_tools);
    let tools: Vec<Value> = tools.collect();
    let has_tools = !tools.is_empty();
    set("tools", has_tools.then(|| tools.into()));
    let choice = conversation.tool_choice.filter(|_| has_tools);
    set(
        "tool_choice",
        choice.map(|choice| tool_choice(choice, &custom)),
    );
    let parallel = conversation.parallel_tools.filter(|_| has_tools);
    set("parallel_tool_calls", parallel.map(Value::from));
    set(
        "text",
        conversation
            .format
            .map(|one| json!({"format": format(one)})),
    );
    Ok(body)
}

/// Returns the two sampling parameters that the API has.
fn sampling(
    sampling: &Sampling,
    traits: &ModelTraits,
    dropped: &mut DroppedFields,
) -> Result<(Option<f64>, Option<f64>), TranslationError> {
    if sampling.n.is_some_and(|n| n > 1) {
        let problem = "is greater than 1, but a response has one choice";
        return Err(TranslationError::untranslatable("n", problem));
    }
    dropped.add_if(sampling.top_k.is_some(), "top_k");
    dropped.add_if(!sampling.stop.is_empty(), "stop");
    dropped.add_if(sampling.seed.is_some(), "seed");
    dropped.add_if(sampling.presence_penalty.is_some(), "presence_penalty");
    dropped.add_if(sampling.frequency_penalty.is_some(), "frequency_penalty");
    if traits.sampling {
        return Ok((sampling.temperature, sampling.top_p));
    }
    dropped.add_if(sampling.temperature.is_some(), "temperature");
    dropped.add_if(sampling.top_p.is_some(), "top_p");
    Ok((None, None))
}

fn items(turns: Vec<ChatMessage>, dropped: &mut DroppedFields) -> Result<Value, TranslationError> {
    let mut items = Vec::new();
    // Ids of calls with free text, whose results are items of their own.
    let mut custom = HashSet::new();
    for turn in turns {
        match turn.role {
            ChatRole::System => items.push(json!({"role": "system", "content": turn.text()})),
            ChatRole::User => {
                let content = user(turn.parts)?;
                items.push(json!({"role": "user", "content": content}));
            }
            ChatRole::Assistant => assistant(turn.parts, &mut items, &mut custom),
            ChatRole::Tool => {
                for part in turn.parts {
                    items.extend(result(part, &custom, dropped)?);
                }
            }
        }
    }
    Ok(Value::Array(items))
}

/// Encodes a user's content; a single text stays a string.
fn user(parts: Vec<ContentPart>) -> Result<Value, TranslationError> {
    if let [ContentPart::Text(text)] = &parts[..] {
        return Ok(text.as_str().into());
    }
    let parts = parts.into_iter().filter_map(|part| match part {
        ContentPart::Text(text) => Some(Ok(json!({"type": "input_text", "text": text}))),
        ContentPart::Media(media) => Some(self::media(media)),
        _ => None,
    });
    Ok(Value::Array(parts.collect::<Result<_, _>>()?))
}

fn media(media: Media) -> Result<Value, TranslationError> {
    match media.kind {
        MediaKind::Image => {
            let detail = media.detail.unwrap_or_else(|| "auto".to_owned());
            let mut image = json!({"type": "input_image", "detail": detail});
            match media.source {
                MediaSource::Id(id) => image["file_id"] = id.into(),
                other => image["image_url"] = other.url().into(),
            }
            Ok(image)
        }
        MediaKind::Document => {
            let mut file = json!({"type": "input_file"});
            match media.source {
                MediaSource::Id(id) => file["file_id"] = id.into(),
                MediaSource::Link(url) => file["file_url"] = url.into(),
                inline @ MediaSource::Inline { .. } => file["file_data"] = inline.url().into(),
            }
            if let Some(name) = media.name {
                file["filename"] = name.into();
            }
            Ok(file)
        }
        MediaKind::Audio => {
            let problem = "is a recording, which /responses does not accept";
            Err(TranslationError::untranslatable("audio", problem))
        }
    }
}

/// Adds the text first, then the calls.
fn assistant(parts: Vec<ContentPart>, items: &mut Vec<Value>, custom: &mut HashSet<String>) {
    let text = text_of(&parts);
    if !text.is_empty() {
        items.push(json!({"role": "assistant", "content": text}));
    }
    for part in parts {
        let ContentPart::ToolCall(call) = part else {
            continue;
        };
        if call.form == ToolForm::FreeText {
            items.push(json!({
                "type": "custom_tool_call",
                "call_id": call.id,
                "name": call.name,
                "input": call.arguments,
            }));
            custom.insert(call.id);
            continue;
        }
        let arguments = if call.arguments.is_empty() {
            "{}".to_owned()
        } else {
            call.arguments
        };
        items.push(json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": arguments,
        }));
    }
}

/// Encodes a result: as a text, or as parts where it has media.
fn result(
    part: ContentPart,
    custom: &HashSet<String>,
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
    dropped.add_if(is_error, "is_error");
    let is_media = |part: &ContentPart| matches!(part, ContentPart::Media(_));
    let output: Value = if content.iter().any(is_media) {
        user(content)?
    } else {
        text_of(&content).into()
    };
    let kind = if custom.contains(&call) {
        "custom_tool_call_output"
    } else {
        "function_call_output"
    };
    Ok(Some(
        json!({"type": kind, "call_id": call, "output": output}),
    ))
}

/// Encodes a function. It is not strict unless the client requests it, as in chat completions.
fn tool(mut tool: Tool) -> Value {
    if tool.form == ToolForm::FreeText {
        let mut custom = json!({"type": "custom", "name": tool.name});
        if let Some(description) = tool.description {
            custom["description"] = description.into();
        }
        if let Some(format) = tool.format {
            custom["format"] = format;
        }
        return custom;
    }
    tool.strict.get_or_insert(false);
    let nothing = || json!({"type": "object", "properties": {}});
    tool.parameters.get_or_insert_with(nothing);
    let mut flat = write_function(tool);
    flat["type"] = "function".into();
    flat
}

/// Encodes a tool that the provider runs.
fn server_tool(tool: &ServerTool) -> Value {
    let search = match tool.kind {
        ServerToolKind::CodeExecution => {
            return json!({"type": "code_interpreter", "container": {"type": "auto"}});
        }
        ServerToolKind::WebSearch | ServerToolKind::WebFetch => "web_search",
    };
    let mut value = json!({"type": search});
    if !tool.allowed_domains.is_empty() {
        value["filters"] = json!({"allowed_domains": tool.allowed_domains});
    }
    if let Some(Value::Object(location)) = &tool.location {
        let mut location = location.clone();
        location.insert("type".to_owned(), "approximate".into());
        value["user_location"] = location.into();
    }
    value
}

/// Encodes the choice; `custom` holds the names of the tools with free text.
fn tool_choice(choice: ToolChoice, custom: &HashSet<String>) -> Value {
    let named = |name: String| {
        let kind = if custom.contains(&name) {
            "custom"
        } else {
            "function"
        };
        json!({"type": kind, "name": name})
    };
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Any => "required".into(),
        ToolChoice::Named(name) => named(name),
        ToolChoice::Allowed { names, is_forced } => {
            let mode = if is_forced { "required" } else { "auto" };
            let tools: Vec<Value> = names.into_iter().map(named).collect();
            json!({"type": "allowed_tools", "mode": mode, "tools": tools})
        }
    }
}

fn format(format: ResponseFormat) -> Value {
    match format {
        ResponseFormat::Json => json!({"type": "json_object"}),
        schema @ ResponseFormat::Schema { .. } => {
            let mut flat = json_schema(schema);
            flat["type"] = "json_schema".into();
            flat
        }
    }
}
