//! Reads a client's `generateContent` request into the neutral form.

use super::field_names::{object, reader};
use super::read_contents::ContentReader;
use super::read_schema::json_schema;
use super::request_facts::STREAM_FORM;
use crate::protocols::neutral::{
    ChatRequest, DroppedFields, ObjectReader, ReasoningEffort, ResponseFormat, Sampling,
    ServerTool, ServerToolKind, Tool, ToolChoice, ToolForm, TranslationError,
};
use serde_json::Value;

/// Fields that no model reads: what the path states, and what belongs to the client's account.
const NON_PROMPT_FIELDS: [&str; 5] = ["model", "stream", STREAM_FORM, "labels", "store"];

/// Tools that a provider runs itself.
const SERVER_TOOLS: [(&str, ServerToolKind); 4] = [
    ("googleSearch", ServerToolKind::WebSearch),
    ("googleSearchRetrieval", ServerToolKind::WebSearch),
    ("urlContext", ServerToolKind::WebFetch),
    ("codeExecution", ServerToolKind::CodeExecution),
];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = reader(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    let mut contents = ContentReader::default();
    if let Some(instructions) = members.take("systemInstruction") {
        contents.instructions(instructions, dropped)?;
    }
    if let Some(value) = members.take("contents") {
        contents.contents(value, dropped)?;
    }
    let (tools, server_tools) = tools(&mut members, dropped)?;
    let mut conversation = ChatRequest {
        turns: contents.finish(),
        tools,
        server_tools,
        tool_choice: tool_choice(&mut members, dropped)?,
        ..ChatRequest::default()
    };
    if let Some(mut config) = object(&mut members, "generationConfig")? {
        generation(&mut config, &mut conversation, dropped)?;
        config.drop_unread(dropped);
    }
    members.drop_unread(dropped);
    Ok(conversation)
}

fn generation(
    config: &mut ObjectReader,
    conversation: &mut ChatRequest,
    dropped: &mut DroppedFields,
) -> Result<(), TranslationError> {
    conversation.max_tokens = config.count("maxOutputTokens")?;
    conversation.sampling = Sampling {
        temperature: config.number("temperature")?,
        top_p: config.number("topP")?,
        top_k: config.count("topK")?,
        stop: stop(config)?,
        seed: config.integer("seed")?,
        n: config.count("candidateCount")?,
        presence_penalty: config.number("presencePenalty")?,
        frequency_penalty: config.number("frequencyPenalty")?,
    };
    conversation.format = format(config, dropped)?;
    conversation.effort = match object(config, "thinkingConfig")? {
        Some(mut thinking) => effort(&mut thinking)?,
        None => None,
    };
    if let Some(Value::Array(kinds)) = config.take("responseModalities") {
        let is_text = |kind: &Value| {
            kind.as_str()
                .is_some_and(|word| word.eq_ignore_ascii_case("text"))
        };
        dropped.add_if(!kinds.iter().all(is_text), &config.at("responseModalities"));
    }
    Ok(())
}

/// Reads a whole number; libraries write some of them as `40.0`.
fn stop(config: &mut ObjectReader) -> Result<Vec<String>, TranslationError> {
    let path = config.at("stopSequences");
    let texts = config.list("stopSequences")?.into_iter();
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(TranslationError::new(
            path.as_str(),
            "must be a list of texts",
        )),
    };
    texts.map(text).collect()
}

fn format(
    config: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ResponseFormat>, TranslationError> {
    let mime = config.text("responseMimeType")?;
    let stated = config.take("responseJsonSchema");
    let openapi = config.take("responseSchema").map(json_schema);
    let schema = stated.or(openapi);
    match (mime.as_deref(), schema) {
        (Some("text/x.enum"), _) => {
            dropped.add(config.at("responseMimeType"));
            Ok(None)
        }
        (_, Some(schema)) => Ok(Some(ResponseFormat::Schema {
            name: "answer".to_owned(),
            description: None,
            schema,
            strict: None,
        })),
        (Some("application/json"), None) => Ok(Some(ResponseFormat::Json)),
        _ => Ok(None),
    }
}

/// Reads how much the model shall think. Without a budget or a level, the model decides.
fn effort(thinking: &mut ObjectReader) -> Result<Option<ReasoningEffort>, TranslationError> {
    if let Some(level) = thinking.text("thinkingLevel")? {
        let level = level.to_lowercase();
        return match ReasoningEffort::parse_name(&level) {
            Some(effort) => Ok(Some(effort)),
            None if level.ends_with("unspecified") => Ok(None),
            None => {
                let problem = format!("is {level:?}, but must be minimal, low, medium or high");
                Err(TranslationError::new(thinking.at("thinkingLevel"), problem))
            }
        };
    }
    Ok(match thinking.integer("thinkingBudget")? {
        Some(0) => Some(ReasoningEffort::None),
        Some(tokens) => u64::try_from(tokens).ok().map(ReasoningEffort::from_budget),
        None => None,
    })
}

fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(Vec<Tool>, Vec<ServerTool>), TranslationError> {
    let (mut tools, mut server_tools) = (Vec::new(), Vec::new());
    let list = match members.take("tools") {
        Some(one @ Value::Object(_)) => vec![one],
        Some(Value::Array(list)) => list,
        None => Vec::new(),
        Some(_) => return Err(TranslationError::new("tools", "must be a list of tools")),
    };
    for (index, value) in list.into_iter().enumerate() {
        let mut tool = reader(value, format!("tools[{index}]"))?;
        let functions = tool.list("functionDeclarations")?;
        for (number, value) in functions.into_iter().enumerate() {
            let path = tool.at(&format!("functionDeclarations[{number}]"));
            tools.push(function(reader(value, path)?, dropped)?);
        }
        for (name, kind) in SERVER_TOOLS {
            if tool.take(name).is_some() {
                server_tools.push(ServerTool::new(kind, tool.at(name)));
            }
        }
        tool.drop_unread(dropped);
    }
    Ok((tools, server_tools))
}

fn function(
    mut members: ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Tool, TranslationError> {
    let stated = members.take("parametersJsonSchema");
    let openapi = members.take("parameters").map(json_schema);
    // What a function returns is not told to other models.
    for name in ["response", "responseJsonSchema", "behavior"] {
        members.take(name);
    }
    let tool = Tool {
        name: members.required_text("name")?,
        description: members.text("description")?,
        namespace: None,
        form: ToolForm::Function,
        parameters: stated.or(openapi),
        format: None,
        strict: None,
        cache: None,
    };
    members.drop_unread(dropped);
    Ok(tool)
}

fn tool_choice(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ToolChoice>, TranslationError> {
    let Some(mut config) = object(members, "toolConfig")? else {
        return Ok(None);
    };
    let Some(mut calling) = object(&mut config, "functionCallingConfig")? else {
        config.drop_unread(dropped);
        return Ok(None);
    };
    let mode = calling.text("mode")?.unwrap_or_default().to_uppercase();
    let names = calling.list("allowedFunctionNames")?;
    let mut names: Vec<String> = names
        .into_iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    calling.drop_unread(dropped);
    config.drop_unread(dropped);
    if mode == "ANY" && names.len() == 1 {
        return Ok(names.pop().map(ToolChoice::Named));
    }
    if !names.is_empty() && mode != "NONE" {
        let is_forced = mode == "ANY";
        return Ok(Some(ToolChoice::Allowed { names, is_forced }));
    }
    Ok(match mode.as_str() {
        "ANY" => Some(ToolChoice::Any),
        "NONE" => Some(ToolChoice::None),
        "AUTO" | "VALIDATED" => Some(ToolChoice::Auto),
        _ => None,
    })
}
