//! Reads a Messages request into the neutral form.

use super::client_tools::{TypedTool, typed_tool};
use super::media;
use crate::protocols::neutral::{
    CacheMark, ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, ObjectReader,
    ReasoningEffort, ResponseFormat, Sampling, ServerTool, Tool, ToolCall, ToolChoice,
    TranslationError, text_of,
};
use serde_json::{Value, json};

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    // Fields that are no part of the prompt.
    members.take("model");
    members.take("stream");
    let mut turns = Vec::new();
    let system = parts(&mut members, "system", dropped)?;
    turns.extend(system_turn(system));
    for (index, message) in members.list("messages")?.into_iter().enumerate() {
        let message = ObjectReader::new(message, format!("messages[{index}]"))?;
        self::message(message, &mut turns, dropped)?;
    }
    let (tools, server_tools) = tools(&mut members, dropped)?;
    let (tool_choice, parallel_tools) = tool_choice(&mut members, dropped)?;
    let (effort, format) = output(&mut members, dropped)?;
    let conversation = ChatRequest {
        turns,
        tools,
        server_tools,
        tool_choice,
        parallel_tools,
        format,
        max_tokens: members.count("max_tokens")?,
        sampling: sampling(&mut members)?,
        effort: thinking(&mut members, effort, dropped)?,
        user: user(&mut members, dropped)?,
    };
    members.drop_unread(dropped);
    Ok(conversation)
}

/// Beginning of a line that Claude Code puts before its instructions, for its vendor's bill. It is
/// another one in each request, so for other vendors it only defeats their cache of prompts.
const BILLING_LINE: &str = "x-anthropic-billing-header:";

/// Joins blocks of instructions as paragraphs, up to a mark.
fn system_turn(parts: Vec<ContentPart>) -> Option<ChatMessage> {
    let mut joined: Vec<ContentPart> = Vec::new();
    for part in parts {
        let (ContentPart::Text(text) | ContentPart::Refusal(text)) = part else {
            joined.extend(matches!(part, ContentPart::CacheMark(_)).then_some(part));
            continue;
        };
        if text.is_empty() || text.starts_with(BILLING_LINE) {
            continue;
        }
        match joined.last_mut() {
            Some(ContentPart::Text(before)) => {
                before.push_str("\n\n");
                before.push_str(&text);
            }
            Some(_) => joined.push(ContentPart::Text(format!("\n\n{text}"))),
            None => joined.push(ContentPart::Text(text)),
        }
    }
    let has_text = joined
        .iter()
        .any(|part| matches!(part, ContentPart::Text(_)));
    has_text.then(|| ChatMessage::new(ChatRole::System, joined))
}

/// Reads a message. Results of tools become a separate turn, before the rest.
fn message(
    mut members: ObjectReader,
    turns: &mut Vec<ChatMessage>,
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    let role = members.required_text("role")?;
    let content = parts(&mut members, "content", dropped)?;
    match role.as_str() {
        "user" => {
            let (results, rest) = results_first(content);
            for (role, parts) in [(ChatRole::Tool, results), (ChatRole::User, rest)] {
                if !parts.is_empty() {
                    turns.push(ChatMessage::new(role, parts));
                }
            }
        }
        "assistant" => turns.push(ChatMessage::new(ChatRole::Assistant, content)),
        "system" => turns.extend(system_turn(content)),
        other => {
            let problem = format!("is {other:?}, but must be user, assistant or system");
            return Err(TranslationError::new(members.at("role"), problem));
        }
    }
    members.drop_unread(dropped);
    Ok(())
}

/// Parts the results of tools from the rest. A mark stays behind its part.
fn results_first(content: Vec<ContentPart>) -> (Vec<ContentPart>, Vec<ContentPart>) {
    let mut is_result = false;
    content.into_iter().partition(|part| {
        if !matches!(part, ContentPart::CacheMark(_)) {
            is_result = matches!(part, ContentPart::ToolResult { .. });
        }
        is_result
    })
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
                let members = ObjectReader::new(block, format!("{path}[{index}]"))?;
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
    let mark = CacheMark::take(&mut members, dropped);
    let mut parts = match kind.as_str() {
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
        "server_tool_use" | "mcp_tool_use" => vec![server_call(&mut members)?],
        kind if kind.ends_with("_tool_result") => vec![server_result(kind, &mut members)],
        _ => {
            dropped.add(members.at(&kind));
            return Ok(Vec::new());
        }
    };
    parts.extend(mark.map(ContentPart::CacheMark));
    members.drop_unread(dropped);
    Ok(parts)
}

/// Reads a call of a tool that the provider ran, as text: what it did stays readable.
fn server_call(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    members.take("id");
    members.take("caller");
    let name = members.text("name")?.unwrap_or_default();
    let input = members.take("input").unwrap_or_else(|| json!({}));
    Ok(ContentPart::Text(format!("[{name} {input}]\n")))
}

/// Reads the result of a tool that the provider ran, as text: titles, addresses and texts of what
/// it found, without what only the provider can read.
fn server_result(kind: &str, members: &mut ObjectReader) -> ContentPart {
    members.take("tool_use_id");
    members.take("caller");
    members.take("is_error");
    let mut lines = vec![format!("[{kind}]")];
    if let Some(content) = members.take("content") {
        readable_lines(&content, &mut lines);
    }
    lines.push(String::new());
    ContentPart::Text(lines.join("\n"))
}

/// Members of a result that are no text for a model.
const UNREADABLE_MEMBERS: [&str; 6] = [
    "type",
    "encrypted_content",
    "encrypted_index",
    "page_age",
    "media_type",
    "file_id",
];

fn readable_lines(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => lines.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| readable_lines(value, lines)),
        Value::Object(members) => {
            let members = members.iter();
            members
                .filter(|(name, _)| !UNREADABLE_MEMBERS.contains(&name.as_str()))
                .for_each(|(_, value)| readable_lines(value, lines));
        }
        _ => {}
    }
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
        ..ToolCall::default()
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

/// Reads the client's tools, and those that the provider runs.
fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(Vec<Tool>, Vec<ServerTool>), TranslationError> {
    let (mut tools, mut server_tools) = (Vec::new(), Vec::new());
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::new(value, format!("tools[{index}]"))?;
        let kind = tool.text("type")?.unwrap_or_else(|| "custom".to_owned());
        let cache = CacheMark::take(&mut tool, dropped);
        if kind == "custom" {
            tools.push(Tool {
                name: tool.required_text("name")?,
                description: tool.text("description")?,
                parameters: tool.take("input_schema"),
                strict: tool.flag("strict")?,
                cache,
                ..Tool::default()
            });
            // Hints that change nothing of what the tool is.
            for hint in [
                "input_examples",
                "defer_loading",
                "eager_input_streaming",
                "allowed_callers",
            ] {
                tool.take(hint);
            }
            tool.drop_unread(dropped);
            continue;
        }
        let name = tool.text("name")?;
        let path = tool.at(&kind);
        match typed_tool(&kind, name.as_deref()) {
            Some(TypedTool::Function(function)) => tools.push(Tool { cache, ..*function }),
            Some(TypedTool::Server(kind)) => server_tools.push(ServerTool {
                allowed_domains: domains(&mut tool, "allowed_domains")?,
                blocked_domains: domains(&mut tool, "blocked_domains")?,
                max_uses: tool.count("max_uses")?,
                location: tool.take("user_location"),
                ..ServerTool::new(kind, path)
            }),
            None => dropped.add(path),
        }
    }
    Ok((tools, server_tools))
}

fn domains(tool: &mut ObjectReader, name: &str) -> Result<Vec<String>, TranslationError> {
    let list = tool.list(name)?.into_iter();
    let text = |value: Value| value.as_str().map(str::to_owned);
    Ok(list.filter_map(text).collect())
}

/// Reads the tool choice, and whether parallel calls are allowed.
fn tool_choice(
    members: &mut ObjectReader,
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
        "tool" => ToolChoice::Named(choice.required_text("name")?),
        other => {
            let problem = format!("is {other:?}, but must be auto, any, none or tool");
            return Err(TranslationError::new(choice.at("type"), problem));
        }
    };
    choice.drop_unread(dropped);
    Ok((Some(chosen), parallel))
}

/// Reads effort and format of the response.
fn output(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(Option<ReasoningEffort>, Option<ResponseFormat>), TranslationError> {
    // Older clients state the format here.
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
        output.drop_unread(dropped);
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
    metadata.drop_unread(dropped);
    Ok(user)
}
