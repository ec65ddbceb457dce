//! A chat request in no vendor's words.

use super::chunk::seal_in;
use crate::protocols::neutral::{
    Conversation, Effort, Format, Losses, Media, MediaKind, Members, Mistake, Part, Role, Sampling,
    Source, Tool, ToolCall, ToolChoice, Turn,
};
use serde_json::Value;

/// Members that say how we are asked, not what.
const ENVELOPE: [&str; 3] = ["model", "stream", "stream_options"];

pub(super) fn conversation(body: Value, losses: &mut Losses) -> Result<Conversation, Mistake> {
    let mut members = Members::of(body, "")?;
    for name in ENVELOPE {
        members.take(name);
    }
    let mut turns = Vec::new();
    for (place, message) in members.list("messages")?.into_iter().enumerate() {
        turns.push(turn(message, format!("messages[{place}]"), losses)?);
    }
    let limit = members.count("max_completion_tokens")?;
    let older = members.count("max_tokens")?;
    let conversation = Conversation {
        turns,
        tools: tools(&mut members, losses)?,
        tool_choice: tool_choice(&mut members, losses)?,
        parallel_tools: members.flag("parallel_tool_calls")?,
        format: format(&mut members, losses)?,
        max_tokens: limit.or(older),
        sampling: sampling(&mut members)?,
        effort: effort(&mut members, "reasoning_effort")?,
        user: members.text("user")?,
    };
    members.lose_rest(losses);
    Ok(conversation)
}

fn sampling(members: &mut Members) -> Result<Sampling, Mistake> {
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

fn stop(members: &mut Members, name: &str) -> Result<Vec<String>, Mistake> {
    let wrong = || Mistake::new(name, "must be a text or a list of texts");
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
    members: &mut Members,
    name: &str,
) -> Result<Option<Effort>, Mistake> {
    let Some(word) = members.text(name)? else {
        return Ok(None);
    };
    let problem = "must be none, minimal, low, medium, high, xhigh or max";
    let effort = Effort::from_word(&word).ok_or_else(|| Mistake::new(members.at(name), problem));
    effort.map(Some)
}

fn turn(message: Value, path: String, losses: &mut Losses) -> Result<Turn, Mistake> {
    let mut members = Members::of(message, path)?;
    let role = members.required_text("role")?;
    let content = content(&mut members, "content", losses)?;
    let turn = match role.as_str() {
        "system" | "developer" => Turn::new(Role::System, content),
        "user" => Turn::new(Role::User, content),
        "assistant" => assistant(&mut members, content, losses)?,
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
            return Err(Mistake::new(members.at("role"), problem));
        }
    };
    members.lose_rest(losses);
    Ok(turn)
}

fn result(call: String, content: Vec<Part>) -> Turn {
    let result = Part::ToolResult {
        call,
        content,
        is_error: false,
    };
    Turn::new(Role::Tool, vec![result])
}

fn assistant(
    members: &mut Members,
    content: Vec<Part>,
    losses: &mut Losses,
) -> Result<Turn, Mistake> {
    let mut parts = Vec::new();
    let thoughts = members.text("reasoning_content")?;
    if let Some(text) = thoughts.or(members.text("reasoning")?) {
        parts.push(Part::Reasoning {
            text,
            signature: None,
        });
    }
    parts.extend(content);
    if let Some(text) = members.text("refusal")? {
        parts.push(Part::Refusal(text));
    }
    for (place, call) in members.list("tool_calls")?.into_iter().enumerate() {
        let path = members.at(&format!("tool_calls[{place}]"));
        parts.extend(tool_call(call, path, losses)?);
    }
    if let Some(mut function) = members.object("function_call")? {
        let name = function.required_text("name")?;
        parts.push(Part::ToolCall(ToolCall {
            id: name.clone(),
            name,
            arguments: function.text("arguments")?.unwrap_or_default(),
            signature: None,
        }));
    }
    Ok(Turn::new(Role::Assistant, parts))
}

fn tool_call(call: Value, path: String, losses: &mut Losses) -> Result<Option<Part>, Mistake> {
    let mut members = Members::of(call, path)?;
    members.take("type");
    members.take("index");
    let Some(mut function) = members.object("function")? else {
        losses.add(members.at("custom"));
        return Ok(None);
    };
    let call = ToolCall {
        id: members.required_text("id")?,
        name: function.required_text("name")?,
        arguments: function.text("arguments")?.unwrap_or_default(),
        signature: members.take("extra_content").as_ref().and_then(seal_in),
    };
    members.lose_rest(losses);
    Ok(Some(Part::ToolCall(call)))
}

fn content(members: &mut Members, name: &str, losses: &mut Losses) -> Result<Vec<Part>, Mistake> {
    let path = members.at(name);
    match members.take(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(list)) => {
            let parts = list.into_iter().enumerate();
            let parts = parts.map(|(place, value)| part(value, format!("{path}[{place}]"), losses));
            Ok(parts
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
                .collect())
        }
        Some(_) => Err(Mistake::new(path, "must be a text or a list of parts")),
    }
}

fn part(value: Value, path: String, losses: &mut Losses) -> Result<Option<Part>, Mistake> {
    let mut members = Members::of(value, path)?;
    let kind = members.required_text("type")?;
    let part = match kind.as_str() {
        "text" => Part::Text(members.required_text("text")?),
        "refusal" => Part::Refusal(members.required_text("refusal")?),
        "image_url" => image(&mut members)?,
        "input_audio" => audio(&mut members)?,
        "file" => file(&mut members)?,
        _ => {
            losses.add(members.at(&kind));
            return Ok(None);
        }
    };
    members.lose_rest(losses);
    Ok(Some(part))
}

fn image(members: &mut Members) -> Result<Part, Mistake> {
    let mut image = members
        .object("image_url")?
        .ok_or_else(|| Mistake::new(members.at("image_url"), "is missing"))?;
    Ok(Part::Media(Media {
        kind: MediaKind::Image,
        source: Source::from_url(image.required_text("url")?),
        name: None,
        detail: image.text("detail")?,
    }))
}

/// A recording as every protocol of OpenAI's holds it.
pub(in crate::protocols) fn audio(members: &mut Members) -> Result<Part, Mistake> {
    let mut audio = members
        .object("input_audio")?
        .ok_or_else(|| Mistake::new(members.at("input_audio"), "is missing"))?;
    Ok(Part::Media(Media {
        kind: MediaKind::Audio,
        source: Source::Inline {
            mime: format!("audio/{}", audio.required_text("format")?),
            data: audio.required_text("data")?,
        },
        name: None,
        detail: None,
    }))
}

fn file(members: &mut Members) -> Result<Part, Mistake> {
    let mut file = members
        .object("file")?
        .ok_or_else(|| Mistake::new(members.at("file"), "is missing"))?;
    let source = match file.text("file_data")? {
        Some(data) => Source::from_url(data),
        None => Source::Id(file.required_text("file_id")?),
    };
    Ok(Part::Media(Media {
        kind: MediaKind::Document,
        source,
        name: file.text("filename")?,
        detail: None,
    }))
}

fn tools(members: &mut Members, losses: &mut Losses) -> Result<Vec<Tool>, Mistake> {
    let mut tools = Vec::new();
    for (place, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = Members::of(value, format!("tools[{place}]"))?;
        tool.take("type");
        match tool.object("function")? {
            Some(one) => tools.push(function(one, losses)?),
            None => losses.add(format!("tools[{place}]")),
        }
    }
    for (place, value) in members.list("functions")?.into_iter().enumerate() {
        tools.push(function(
            Members::of(value, format!("functions[{place}]"))?,
            losses,
        )?);
    }
    Ok(tools)
}

/// A function as every protocol of OpenAI's describes it.
pub(in crate::protocols) fn function(
    mut members: Members,
    losses: &mut Losses,
) -> Result<Tool, Mistake> {
    let tool = Tool {
        name: members.required_text("name")?,
        description: members.text("description")?,
        parameters: members.take("parameters"),
        strict: members.flag("strict")?,
    };
    members.lose_rest(losses);
    Ok(tool)
}

fn tool_choice(members: &mut Members, losses: &mut Losses) -> Result<Option<ToolChoice>, Mistake> {
    let name = if members.has("tool_choice") {
        "tool_choice"
    } else {
        "function_call"
    };
    match members.take(name) {
        None => Ok(None),
        Some(Value::String(word)) => choice_word(&word, members.at(name)).map(Some),
        Some(value) => {
            let mut choice = Members::of(value, name)?;
            let named = choice.object("function")?;
            let named = match named {
                Some(mut function) => function.text("name")?,
                None => choice.text("name")?,
            };
            if named.is_none() {
                losses.add(name);
            }
            Ok(Some(named.map_or(ToolChoice::Auto, ToolChoice::Named)))
        }
    }
}

/// A tool choice that is one word.
pub(in crate::protocols) fn choice_word(word: &str, path: String) -> Result<ToolChoice, Mistake> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Any),
        other => {
            let problem = format!("is {other:?}, but must be auto, none, required or a function");
            Err(Mistake::new(path, problem))
        }
    }
}

fn format(members: &mut Members, losses: &mut Losses) -> Result<Option<Format>, Mistake> {
    let Some(mut format) = members.object("response_format")? else {
        return Ok(None);
    };
    match format.required_text("type")?.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::Json)),
        "json_schema" => {
            let schema = format.object("json_schema")?;
            let missing = || Mistake::new(format.at("json_schema"), "is missing");
            schema_format(schema.ok_or_else(missing)?).map(Some)
        }
        _ => {
            losses.add("response_format");
            Ok(None)
        }
    }
}

/// A JSON schema that an answer must keep to.
pub(in crate::protocols) fn schema_format(mut members: Members) -> Result<Format, Mistake> {
    Ok(Format::Schema {
        name: members.text("name")?.unwrap_or_else(|| "answer".to_owned()),
        description: members.text("description")?,
        schema: members
            .take("schema")
            .unwrap_or_else(|| serde_json::json!({"type": "object"})),
        strict: members.flag("strict")?,
    })
}
