//! Reads the tools of a request of the Responses API, and the choice between them.

use super::client_tools::ToolType;
use crate::protocols::neutral::{
    DroppedFields, ObjectReader, ServerTool, ServerToolKind, Tool, ToolChoice, TranslationError,
};
use crate::protocols::openai::{allowed_tools, choice_word, custom, function};
use serde_json::Value;

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct ToolList {
    pub tools: Vec<Tool>,
    pub server_tools: Vec<ServerTool>,
}

impl ToolList {
    /// Adds the tools of a list; `path` is the list's path.
    pub fn extend(
        &mut self,
        list: Vec<Value>,
        path: &str,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        for (index, value) in list.into_iter().enumerate() {
            let tool = ObjectReader::new(value, format!("{path}[{index}]"))?;
            self.add(tool, None, dropped)?;
        }
        Ok(())
    }

    /// Adds a tool, or all tools of a group.
    fn add(
        &mut self,
        mut members: ObjectReader,
        namespace: Option<&str>,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        // A hint to a provider that searches for tools.
        members.take("defer_loading");
        let kind = members.required_text("type")?;
        let mut tool = match kind.as_str() {
            "function" => function(members, dropped)?,
            "custom" => custom(members, dropped)?,
            "namespace" if namespace.is_none() => return self.group(members, dropped),
            other => match Self::typed(other, &mut members)? {
                Some(tool) => tool,
                None => return self.server_tool(other, members, dropped),
            },
        };
        tool.namespace = namespace.map(str::to_owned);
        self.tools.push(tool);
        Ok(())
    }

    fn group(
        &mut self,
        mut members: ObjectReader,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        let name = members.required_text("name")?;
        let path = members.at("tools");
        for (index, value) in members.list("tools")?.into_iter().enumerate() {
            let tool = ObjectReader::new(value, format!("{path}[{index}]"))?;
            self.add(tool, Some(&name), dropped)?;
        }
        // Functions have no group whose description a model could read.
        members.take("description");
        members.drop_unread(dropped);
        Ok(())
    }

    /// Reads a tool of a type of its own that the client runs.
    fn typed(kind: &str, members: &mut ObjectReader) -> Result<Option<Tool>, TranslationError> {
        let Some(known) = ToolType::named(kind) else {
            return Ok(None);
        };
        let runs_elsewhere = |value: Option<Value>| {
            let place = value.as_ref().and_then(|value| {
                let word = value.as_str().or(value["type"].as_str());
                word.map(|word| !matches!(word, "client" | "local"))
            });
            place.unwrap_or(false)
        };
        let is_hosted = runs_elsewhere(members.take("environment"))
            || (kind == "tool_search" && members.text("execution")?.as_deref() != Some("client"));
        if is_hosted {
            return Ok(None);
        }
        let description = members.text("description")?;
        let parameters = members.take("parameters");
        Ok(Some(known.function(description, parameters)))
    }

    /// Adds a tool that the provider runs.
    fn server_tool(
        &mut self,
        kind: &str,
        mut members: ObjectReader,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        let path = members.at(kind);
        let kind = match kind {
            "code_interpreter" => ServerToolKind::CodeExecution,
            search if search.starts_with("web_search") => ServerToolKind::WebSearch,
            _ => {
                dropped.add(path);
                return Ok(());
            }
        };
        let mut tool = ServerTool::new(kind, path);
        if let Some(mut filters) = members.object("filters")? {
            let domains = filters.list("allowed_domains")?.into_iter();
            let text = |value: Value| value.as_str().map(str::to_owned);
            tool.allowed_domains = domains.filter_map(text).collect();
        }
        tool.location = members.take("user_location");
        self.server_tools.push(tool);
        Ok(())
    }
}

pub(super) fn tool_choice(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
) -> Result<Option<ToolChoice>, TranslationError> {
    let name = "tool_choice";
    match members.take(name) {
        None => Ok(None),
        Some(Value::String(word)) => choice_word(&word, members.at(name)).map(Some),
        Some(value) => {
            let mut choice = ObjectReader::new(value, name)?;
            match choice.required_text("type")?.as_str() {
                "function" | "custom" => Ok(Some(ToolChoice::Named(choice.required_text("name")?))),
                "allowed_tools" => allowed_tools(choice).map(Some),
                kind if ToolType::named(kind).is_some() => {
                    Ok(Some(ToolChoice::Named(kind.to_owned())))
                }
                other => {
                    dropped.add(choice.at(other));
                    Ok(Some(ToolChoice::Auto))
                }
            }
        }
    }
}
