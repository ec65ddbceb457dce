//! Reads a request to `/api/chat` or `/api/generate` into the neutral form.

use crate::protocols::neutral::{
    CallIds, ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, Media, MediaKind,
    MediaSource, ObjectReader, ReasoningEffort, ResponseFormat, Sampling, Tool, ToolCall, ToolForm,
    TranslationError, fill_in,
};
use crate::protocols::openai::function;
use serde_json::{Value, json};

/// Fields that are no part of the prompt: they name the model, or say how a server keeps it.
const SERVER_FIELDS: [&str; 5] = ["model", "stream", "keep_alive", "truncate", "shift"];
/// Options that say how a server loads the model.
const LOAD_OPTIONS: [&str; 8] = [
    "num_ctx",
    "num_batch",
    "num_gpu",
    "num_keep",
    "num_thread",
    "main_gpu",
    "use_mmap",
    "numa",
];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    for name in SERVER_FIELDS {
        members.take(name);
    }
    let turns = if members.has("messages") {
        messages(&mut members, dropped)?
    } else {
        prompt(&mut members, dropped)?
    };
    let mut conversation = ChatRequest {
        turns,
        tools: tools(&mut members, dropped)?,
        format: format(&mut members)?,
        effort: effort(&mut members)?,
        ..ChatRequest::default()
    };
    if let Some(mut options) = members.object("options")? {
        read_options(&mut options, &mut conversation)?;
        options.drop_unread(dropped);
    }
    members.drop_unread(dropped);
    Ok(conversation)
}

fn messages(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<ChatMessage>, TranslationError> {
    let mut ids = CallIds::default();
    let mut turns = Vec::new();
    for (index, value) in members.list("messages")?.into_iter().enumerate() {
        let mut message = ObjectReader::new(value, format!("messages[{index}]"))?;
        let role = message.required_text("role")?;
        let text = message.text("content")?.unwrap_or_default();
        let mut parts = Vec::new();
        let role = match role.as_str() {
            "system" | "developer" => ChatRole::System,
            "user" => ChatRole::User,
            "assistant" => {
                if let Some(text) = message.text("thinking")?.filter(|text| !text.is_empty()) {
                    let signature = None;
                    parts.push(ContentPart::Reasoning { text, signature });
                }
                ChatRole::Assistant
            }
            "tool" => {
                let named = message.text("tool_name")?;
                let named = named.or(message.text("name")?);
                let call = ids.result(message.text("tool_call_id")?, named.as_deref());
                let mut content = vec![ContentPart::Text(text)];
                content.extend(images(&mut message)?);
                let result = ContentPart::ToolResult {
                    call,
                    content,
                    is_error: false,
                };
                turns.push(ChatMessage::new(ChatRole::Tool, vec![result]));
                message.drop_unread(dropped);
                continue;
            }
            other => {
                let problem = format!("is {other:?}, but must be system, user, assistant or tool");
                return Err(TranslationError::new(message.at("role"), problem));
            }
        };
        if !text.is_empty() || role == ChatRole::System {
            parts.push(ContentPart::Text(text));
        }
        parts.extend(images(&mut message)?);
        for (number, call) in message.list("tool_calls")?.into_iter().enumerate() {
            let path = message.at(&format!("tool_calls[{number}]"));
            parts.push(tool_call(call, path, &mut ids)?);
        }
        message.drop_unread(dropped);
        turns.push(ChatMessage::new(role, parts));
    }
    Ok(turns)
}

fn tool_call(
    value: Value,
    path: String,
    ids: &mut CallIds,
) -> Result<ContentPart, TranslationError> {
    let mut members = ObjectReader::new(value, path)?;
    let function = members.object("function")?;
    let missing = || TranslationError::new(members.at("function"), "is missing");
    let mut function = function.ok_or_else(missing)?;
    let name = function.required_text("name")?;
    let arguments = match function.take("arguments") {
        None => "{}".to_owned(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    };
    let id = ids.call(members.text("id")?, &name);
    Ok(ContentPart::ToolCall(ToolCall {
        id,
        name,
        namespace: None,
        form: ToolForm::Function,
        arguments,
        signature: None,
    }))
}

/// Reads the prompt of `/api/generate`.
fn prompt(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<ChatMessage>, TranslationError> {
    let prompt = members.text("prompt")?.unwrap_or_default();
    let suffix = members.text("suffix")?.filter(|text| !text.is_empty());
    let mut turns = Vec::new();
    if let Some(text) = members.text("system")?.filter(|text| !text.is_empty()) {
        turns.push(ChatMessage::new(
            ChatRole::System,
            vec![ContentPart::Text(text)],
        ));
    }
    if let Some(suffix) = suffix {
        turns.extend(fill_in(&prompt, &suffix));
    } else {
        let mut parts = vec![ContentPart::Text(prompt)];
        parts.extend(images(members)?);
        turns.push(ChatMessage::new(ChatRole::User, parts));
    }
    // Tokens of one model, and a form of the prompt that only a server of the model knows.
    dropped.add_if(members.flag("raw")? == Some(true), "raw");
    let template = members.text("template")?;
    dropped.add_if(template.is_some_and(|text| !text.is_empty()), "template");
    dropped.add_if(members.take("context").is_some(), "context");
    Ok(turns)
}

fn images(members: &mut ObjectReader) -> Result<Vec<ContentPart>, TranslationError> {
    let path = members.at("images");
    let list = members.list("images")?.into_iter();
    let image = |value| match value {
        Value::String(data) => Ok(ContentPart::Media(Media {
            kind: MediaKind::Image,
            source: image_source(data),
            name: None,
            detail: None,
        })),
        _ => Err(TranslationError::new(
            path.as_str(),
            "must be a list of images in base64",
        )),
    };
    list.map(image).collect()
}

/// Finds the type of an image, which this protocol does not state, in its first bytes.
fn image_source(data: String) -> MediaSource {
    if data.starts_with("data:") {
        return MediaSource::from_url(data);
    }
    let types = [
        ("/9j/", "image/jpeg"),
        ("R0lG", "image/gif"),
        ("UklGR", "image/webp"),
        ("Qk", "image/bmp"),
    ];
    let known = types.into_iter().find(|(start, _)| data.starts_with(start));
    let mime = known.map_or("image/png", |(_, mime)| mime).to_owned();
    MediaSource::Inline { mime, data }
}

fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<Tool>, TranslationError> {
    let mut tools = Vec::new();
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::new(value, format!("tools[{index}]"))?;
        match tool.object("function")? {
            Some(one) => tools.push(function(one, dropped)?),
            None => dropped.add(format!("tools[{index}]")),
        }
    }
    Ok(tools)
}

fn format(members: &mut ObjectReader) -> Result<Option<ResponseFormat>, TranslationError> {
    match members.take("format") {
        None => Ok(None),
        Some(Value::String(word)) if word.is_empty() => Ok(None),
        Some(Value::String(word)) if word == "json" => Ok(Some(ResponseFormat::Json)),
        Some(schema @ Value::Object(_)) => Ok(Some(ResponseFormat::Schema {
            name: "answer".to_owned(),
            description: None,
            schema,
            strict: None,
        })),
        Some(_) => Err(TranslationError::new(
            "format",
            "must be \"json\" or a JSON schema",
        )),
    }
}

fn effort(members: &mut ObjectReader) -> Result<Option<ReasoningEffort>, TranslationError> {
    let wrong = || TranslationError::new("think", "must be true, false, low, medium, high or max");
    match members.take("think") {
        None => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(ReasoningEffort::Medium)),
        Some(Value::Bool(false)) => Ok(Some(ReasoningEffort::None)),
        Some(Value::String(word)) => ReasoningEffort::parse_name(&word)
            .ok_or_else(wrong)
            .map(Some),
        Some(_) => Err(wrong()),
    }
}

fn read_options(
    options: &mut ObjectReader,
    conversation: &mut ChatRequest,
) -> Result<(), TranslationError> {
    for name in LOAD_OPTIONS {
        options.take(name);
    }
    // A negative number is no limit.
    let limit = options.integer("num_predict")?;
    conversation.max_tokens = limit.and_then(|tokens| u64::try_from(tokens).ok());
    let stop = match options.take("stop") {
        Some(Value::String(text)) => json!([text]),
        Some(list) => list,
        None => json!([]),
    };
    let stop = serde_json::from_value(stop).map_err(|_| {
        TranslationError::new(options.at("stop"), "must be a text or a list of texts")
    })?;
    conversation.sampling = Sampling {
        temperature: options.number("temperature")?,
        top_p: options.number("top_p")?,
        top_k: options.count("top_k")?,
        stop,
        seed: options.integer("seed")?,
        n: None,
        presence_penalty: options.number("presence_penalty")?,
        frequency_penalty: options.number("frequency_penalty")?,
    };
    Ok(())
}
