//! Reads the tools of a chat request, and the choice between them.

use crate::protocols::neutral::{
    CacheMark, DroppedFields, ObjectReader, ServerTool, ServerToolKind, Tool, ToolChoice, ToolForm,
    TranslationError,
};
use serde_json::{Value, json};

/// Reads the client's tools, and those that the provider runs.
pub(super) fn tools(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<(Vec<Tool>, Vec<ServerTool>), TranslationError> {
    let (mut tools, mut server_tools) = (Vec::new(), Vec::new());
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let path = format!("tools[{index}]");
        let mut tool = ObjectReader::new(value, path.clone())?;
        let kind = tool.text("type")?.unwrap_or_default();
        let mark = CacheMark::take(&mut tool, dropped);
        if let Some(one) = tool.object("function")? {
            let function = function(one, dropped)?;
            let cache = function.cache.clone().or(mark);
            tools.push(Tool { cache, ..function });
            tool.drop_unread(dropped);
        } else if let Some(one) = tool.object("custom")? {
            let custom = custom(one, dropped)?;
            tools.push(Tool {
                cache: mark,
                ..custom
            });
        } else if kind.starts_with("web_search") {
            server_tools.push(ServerTool::new(ServerToolKind::WebSearch, path));
        } else {
            dropped.add(path);
        }
    }
    for (index, value) in members.list("functions")?.into_iter().enumerate() {
        tools.push(function(
            ObjectReader::new(value, format!("functions[{index}]"))?,
            dropped,
        )?);
    }
    if let Some(mut options) = members.object("web_search_options")? {
        let path = "web_search_options".to_owned();
        let mut search = ServerTool::new(ServerToolKind::WebSearch, path);
        let location = options.take("user_location");
        search.location = location.and_then(|mut location| {
            let approximate = location.get_mut("approximate")?;
            Some(approximate.take())
        });
        server_tools.push(search);
    }
    Ok((tools, server_tools))
}

/// Reads a function, in the shape of all of OpenAI's protocols.
pub(in crate::protocols) fn function(
    mut members: ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Tool, TranslationError> {
    let tool = Tool {
        name: members.required_text("name")?,
        description: members.text("description")?,
        parameters: members.take("parameters"),
        strict: members.flag("strict")?,
        cache: CacheMark::take(&mut members, dropped),
        ..Tool::default()
    };
    members.drop_unread(dropped);
    Ok(tool)
}

/// Reads a tool with free text, in the shape of all of OpenAI's protocols. Chat completions nest the
/// grammar once more.
pub(in crate::protocols) fn custom(
    mut members: ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Tool, TranslationError> {
    let format =
        members.take("format").map(
            |mut format| match format.get_mut("grammar").map(Value::take) {
                Some(Value::Object(mut grammar)) => {
                    grammar.insert("type".to_owned(), json!("grammar"));
                    Value::Object(grammar)
                }
                _ => format,
            },
        );
    let tool = Tool {
        name: members.required_text("name")?,
        form: ToolForm::FreeText,
        description: members.text("description")?,
        format: format.filter(|format| format["type"] == "grammar"),
        ..Tool::default()
    };
    members.drop_unread(dropped);
    Ok(tool)
}

pub(super) fn tool_choice(
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
            let mut choice = ObjectReader::new(value, name)?;
            if let Some(allowed) = choice.object("allowed_tools")? {
                return allowed_tools(allowed).map(Some);
            }
            let named = named_tool(&mut choice)?;
            if named.is_none() {
                dropped.add(name);
            }
            Ok(Some(named.map_or(ToolChoice::Auto, ToolChoice::Named)))
        }
    }
}

/// Reads the choice of some tools, in the shape of all of OpenAI's protocols.
pub(in crate::protocols) fn allowed_tools(
    mut members: ObjectReader,
) -> Result<ToolChoice, TranslationError> {
    let mode = members.text("mode")?;
    let is_forced = match mode.as_deref() {
        None | Some("auto") => false,
        Some("required") => true,
        Some(other) => {
            let problem = format!("is {other:?}, but must be auto or required");
            return Err(TranslationError::new(members.at("mode"), problem));
        }
    };
    let path = members.at("tools");
    let mut names = Vec::new();
    for (index, value) in members.list("tools")?.into_iter().enumerate() {
        let mut tool = ObjectReader::new(value, format!("{path}[{index}]"))?;
        // The provider's own tools have no name.
        names.extend(named_tool(&mut tool)?);
    }
    Ok(ToolChoice::Allowed { names, is_forced })
}

/// Reads the name of a function or of a tool with free text, nested or not.
fn named_tool(members: &mut ObjectReader) -> Result<Option<String>, TranslationError> {
    let function = members.object("function")?;
    match function.or(members.object("custom")?) {
        Some(mut nested) => nested.text("name"),
        None => members.text("name"),
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
