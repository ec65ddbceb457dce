//! Reads a Messages request into the neutral form.

use super::media;
use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, ObjectReader, ReasoningEffort,
    ResponseFormat, Sampling, Tool, ToolCall, ToolChoice, TranslationError, text_of,
};
use serde_json::{Value, json};

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::of(body, "")?;
    // Fields that are no part of the prompt.
    members.take("model");
    members.take("stream");
    let mut turns = Vec::new();
    let system = parts(&mut members, "system", dropped)?;
    if !system.is_empty() {
        turns.push(system_turn(&system));
    }
    for (index, message) in members.list("messages")?.into_iter().enumerate() {
        let message = ObjectReader::of(message, format!("messages[{index}]"))?;
        self::message(message, &mut turns, dropped)?;
    }
    let tools = tools(&mut members, dropped)?;
    let (tool_choice, parallel_tools) = tool_choice(&mut members, &tools, dropped)?;
    let (effort, format) = output(&mut members, dropped)?;
    let conversation = ChatRequest {
        turns,
        tools,
        tool_choice,
        parallel_tools,
        format,
        max_tokens: members.count("max_tokens")?,
        sampling: sampling(&mut members)?,
        effort: thinking(&mut members, effort, dropped)?,
        user: user(&mut members, dropped)?,
    };
    drop_rest(members, dropped);
    Ok(conversation)
}

/// Records the unread fields as dropped; all cache marks count as one.
fn drop_rest(mut members: ObjectReader, dropped: &mut DroppedFields) {
    dropped.add_if(members.take("cache_control").is_some(), "cache_control");
    members.drop_unread(dropped);
}

/// Joins blocks of instructions as paragraphs.
fn system_turn(parts: &[ContentPart]) -> ChatMessage {
    let texts: Vec<String> = parts
        .chunks(1)
        .map(text_of)
        .filter(|text| !text.is_empty())
        .collect();
    ChatMessage::new(
        ChatRole::System,
        vec![ContentPart::Text(texts.join("\n\n"))],
    )
}

/// Reads a message. Results of tools become a turn of their own, before the rest.
fn message(
    mut members: ObjectReader,
    turns: &mut Vec<ChatMessage>,
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    let role = members.required_text("role")?;
    let content = parts(&mut members, "content", dropped)?;
    match role.as_str() {
        "user" => {
            let is_result = |part: &ContentPart| matches!(part, ContentPart::ToolResult { .. });
            let (results, rest): (Vec<_>, Vec<_>) = content.into_iter().partition(is_result);
            for (role, parts) in [(ChatRole::Tool, results), (ChatRole::User, rest)] {
                if !parts.is_empty() {
                    turns.push(ChatMessage::new(role, parts));
                }
            }
        }
        "assistant" => turns.push(ChatMessage::new(ChatRole::Assistant, content)),
        "system" => turns.push(system_turn(&content)),
        other => {
            let problem = format!("is {other:?}, but must be user, assistant or system");
            return Err(TranslationError::new(members.at("role"), problem));
        }
    }
    drop_rest(members, dropped);
    Ok(())
}

/// Reads a text, or a list of blocks.
fn parts(
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
            for (index, block) in list.into_iter().enumerate() {
                let members = ObjectReader::of(block, format!("{path}[{index}]"))?;
                parts.extend(self::block(members, dropped)?);
            }
            Ok(parts)
        }
        Some(_) => Err(TranslationError::new(
            path,
            "must be a text or a list of blocks",
        )),
    }
}

fn block(
    mut members: ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<ContentPart>, TranslationError> {
    let kind = members.required_text("type")?;
    let parts = match kind.as_str() {
        "text" => vec![ContentPart::Text(members.required_text("text")?)],
        "image" => vec![media::image(&mut members)?],
        "document" => media::document(&mut members, dropped, |source, dropped| {
            parts(source, "content", dropped)
        })?,
        "search_result" => vec![search_result(&mut members, dropped)?],
        "tool_use" => vec![tool_use(&mut members)?],
        "tool_result" => vec![tool_result(&mut members, dropped)?],
        "thinking" => vec![ContentPart::Reasoning {
            text: members.text("thinking")?.unwrap_or_default(),
            signature: members
                .text("signature")?
                .filter(|signature| !signature.is_empty()),
        }],
        "redacted_thinking" => vec![ContentPart::Redacted(members.required_text("data")?)],
        // Tools that the vendor runs, and their results.
        _ => {
            dropped.add(members.at(&kind));
            return Ok(Vec::new());
        }
    };
    drop_rest(members, dropped);
    Ok(parts)
}

/// Reads a search result as text: title, source and content.
fn search_result(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<ContentPart, TranslationError> {
    let mut lines = Vec::new();
    lines.extend(members.text("title")?);
    lines.extend(members.text("source")?);
    let found = parts(members, "content", dropped)?;
    lines.push(text_of(&found));
    Ok(ContentPart::Text(lines.join("\n")))
}

fn tool_use(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let input = members.take("input").unwrap_or_else(|| json!({}));
    Ok(ContentPart::ToolCall(ToolCall {
        id: members.required_text("id")?,
        name: members.required_text("name")?,
        arguments: input.to_string(),
        signature: None,
    }))
}

fn tool_result(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<ContentPart, TranslationError> {
    Ok(ContentPart::ToolResult {
        call: members.required_text("tool_use_id")?,
        content: parts(members, "content", dropped)?,
        is_error: members.flag("is_error")?.unwrap_or(false),
    })
}

fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Vec<Tool>, TranslationError> {
    let mut tools = Vec::new();
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::of(value, format!("tools[{index}]"))?;
        let kind = tool.text("type")?.unwrap_or_else(|| "custom".to_owned());
        if kind != "custom" {
            // A tool that the vendor runs, or that the model was trained for.
            dropped.add(tool.at(&kind));
            continue;
        }
        tools.push(Tool {
            name: tool.required_text("name")?,
            description: tool.text("description")?,
            parameters: tool.take("input_schema"),
            strict: tool.flag("strict")?,
        });
        drop_rest(tool, dropped);
    }
    Ok(tools)
}

/// Reads the tool choice, and whether parallel calls are allowed.
fn tool_choice(
    members: &mut ObjectReader,
    tools: &[Tool],
    dropped: &mut DroppedFields,
) -> Result<(Option<ToolChoice>, Option<bool>), TranslationError> {
    let Some(mut choice) = members.object("tool_choice")? else {
        return Ok((None, None));
    };
    let parallel = choice.flag("disable_parallel_tool_use")?.map(|off| !off);
    let chosen = match choice.required_text("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Any,
        "none" => ToolChoice::None,
        "tool" => {
            let name = choice.required_text("name")?;
            if tools.iter().any(|tool| tool.name == name) {
                ToolChoice::Named(name)
            } else {
                // A tool that was dropped.
                dropped.add("tool_choice");
                ToolChoice::Auto
            }
        }
        other => {
            let problem = format!("is {other:?}, but must be auto, any, none or tool");
            return Err(TranslationError::new(choice.at("type"), problem));
        }
    };
    drop_rest(choice, dropped);
    Ok((Some(chosen), parallel))
}

/// Reads effort and format of the response.
fn output(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(Option<ReasoningEffort>, Option<ResponseFormat>), TranslationError> {
    // Where older clients state the format.
    let mut format = members.object("output_format")?;
    let mut effort = None;
    if let Some(mut output) = members.object("output_config")? {
        if let Some(word) = output.text("effort")? {
            let problem = "must be low, medium, high, xhigh or max";
            let known = ReasoningEffort::parse_name(&word);
            effort =
                Some(known.ok_or_else(|| TranslationError::new(output.at("effort"), problem))?);
        }
        format = output.object("format")?.or(format);
        drop_rest(output, dropped);
    }
    let Some(mut format) = format else {
        return Ok((effort, None));
    };
    if format.required_text("type")? != "json_schema" {
        dropped.add(format.at("type"));
        return Ok((effort, None));
    }
    let format = ResponseFormat::Schema {
        name: "answer".to_owned(),
        description: None,
        schema: format
            .take("schema")
            .unwrap_or_else(|| json!({"type": "object"})),
        strict: None,
    };
    Ok((effort, Some(format)))
}

/// Reads the effort: the client's, else the one that the token budget stands for.
fn thinking(
    members: &mut ObjectReader,
    effort: Option<ReasoningEffort>,
    dropped: &mut DroppedFields,
) -> Result<Option<ReasoningEffort>, TranslationError> {
    let Some(mut thinking) = members.object("thinking")? else {
        return Ok(effort);
    };
    let kind = thinking.required_text("type")?;
    let budget = thinking.count("budget_tokens")?;
    if kind == "disabled" {
        dropped.add_if(effort.is_some(), "output_config.effort");
        return Ok(None);
    }
    Ok(effort.or(budget.map(ReasoningEffort::from_budget)))
}

fn sampling(members: &mut ObjectReader) -> Result<Sampling, TranslationError> {
    let mut stop = Vec::new();
    for value in members.list("stop_sequences")? {
        let Value::String(text) = value else {
            return Err(TranslationError::new(
                "stop_sequences",
                "must be a list of texts",
            ));
        };
        stop.push(text);
    }
    Ok(Sampling {
        temperature: members.number("temperature")?,
        top_p: members.number("top_p")?,
        top_k: members.count("top_k")?,
        stop,
        ..Sampling::default()
    })
}

fn user(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<String>, TranslationError> {
    let Some(mut metadata) = members.object("metadata")? else {
        return Ok(None);
    };
    let user = metadata.text("user_id")?;
    drop_rest(metadata, dropped);
    Ok(user)
}
