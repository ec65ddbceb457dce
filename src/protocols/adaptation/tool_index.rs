//! The tools of a request under the names that its target accepts.

use super::limits::{NameRule, ProtocolLimits};
use crate::protocols::neutral::{Tool, ToolForm};
use std::collections::BTreeMap;

/// Separates a group's name from the tool's, in one joined name.
const NAMESPACE_SEPARATOR: &str = "__";

/// The client's tools by the names that the target knows, and back.
#[derive(Debug)]
pub struct ToolIndex {
    rule: NameRule,
    has_free_text: bool,
    /// Names at the target, by the tool's name and group.
    aliases: BTreeMap<(String, Option<String>), String>,
    /// The client's tools, by the names at the target.
    tools: BTreeMap<String, IndexedTool>,
    /// The next number of names that begin alike.
    numbers: BTreeMap<String, u32>,
}

/// A tool as the client states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexedTool {
    pub namespace: Option<String>,
    pub name: String,
    pub form: ToolForm,
    /// Whether it is a function at the target that stands for free text.
    pub wraps_text: bool,
}

impl ToolIndex {
    /// Indexes the tools. Names that need no change keep it, whatever the order of the tools.
    pub(super) fn new(tools: &[Tool], limits: &ProtocolLimits) -> Self {
        let mut index = Self {
            rule: limits.tool_names,
            has_free_text: limits.free_text_tools,
            aliases: BTreeMap::new(),
            tools: BTreeMap::new(),
            numbers: BTreeMap::new(),
        };
        let is_accepted = |tool: &&Tool| {
            let joined = joined(tool.namespace.as_deref(), &tool.name);
            limits.tool_names.accepts(&joined)
        };
        let (accepted, others): (Vec<_>, Vec<_>) = tools.iter().partition(is_accepted);
        for tool in accepted.into_iter().chain(others) {
            index.alias(tool.namespace.as_deref(), &tool.name, tool.form);
        }
        index
    }

    /// Returns the name at the target: always the same one, and never the same for two tools. A
    /// tool that is not declared is one that the client declared in an earlier turn.
    pub(super) fn alias(&mut self, namespace: Option<&str>, name: &str, form: ToolForm) -> String {
        let key = (name.to_owned(), namespace.map(str::to_owned));
        if let Some(alias) = self.aliases.get(&key) {
            return alias.clone();
        }
        let plain = self.rule.applied(&joined(namespace, name));
        let mut alias = plain.clone();
        while self.tools.contains_key(&alias) {
            let beginning = self.rule.beginning(&plain);
            let number = self.numbers.entry(beginning).or_insert(1);
            *number += 1;
            alias = self.rule.ending(&plain, &format!("_{number}"));
        }
        let (name, namespace) = key.clone();
        self.aliases.insert(key, alias.clone());
        let tool = IndexedTool {
            namespace,
            name,
            form,
            wraps_text: form == ToolForm::FreeText && !self.has_free_text,
        };
        self.tools.insert(alias.clone(), tool);
        alias
    }

    /// Returns the target's name of a tool that the client names without its group.
    pub(super) fn chosen(&self, name: &str) -> Option<&str> {
        let from = (name.to_owned(), None);
        let (_, alias) = self
            .aliases
            .range(from..)
            .next()
            .filter(|((own, _), _)| own == name)?;
        Some(alias.as_str())
    }

    /// Returns a name that no tool has.
    pub fn free_name(&self, name: &str) -> String {
        let plain = self.rule.applied(name);
        let numbered = (2..).map(|number: u32| self.rule.ending(&plain, &format!("_{number}")));
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        names
            .find(|name| !self.tools.contains_key(name))
            .unwrap_or(plain)
    }

    /// Returns the client's tool of that name at the target.
    pub(super) fn tool(&self, alias: &str) -> Option<&IndexedTool> {
        self.tools.get(alias)
    }

    /// Checks whether the calls of a response need no change.
    pub(super) fn is_plain(&self) -> bool {
        self.tools.iter().all(|(alias, tool)| {
            tool.namespace.is_none() && tool.form == ToolForm::Function && tool.name == *alias
        })
    }
}

/// Joins a group's name and a tool's name.
fn joined(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None => name.to_owned(),
        Some(group) if group.ends_with(NAMESPACE_SEPARATOR) => format!("{group}{name}"),
        Some(group) => format!("{group}{NAMESPACE_SEPARATOR}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(namespace: Option<&str>, name: &str) -> Tool {
        Tool {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            ..Tool::default()
        }
    }

    #[test]
    fn every_tool_has_a_unique_name_and_is_found_by_it() {
        let limits = ProtocolLimits {
            tool_names: NameRule::plain(64),
            ..ProtocolLimits::NONE
        };
        let (long, longer) = ("x".repeat(100), "x".repeat(101));
        let tools = [
            tool(None, "tide.level"),
            tool(None, "tide level"),
            tool(None, "tide_level"),
            tool(Some("tide"), "level"),
            tool(Some("mcp__tide__"), "level"),
            tool(None, "é"),
            tool(None, ""),
            tool(None, &long),
            tool(None, &longer),
            tool(None, "plain-1"),
        ];
        let mut index = ToolIndex::new(&tools, &limits);
        let mut alias = |tool: &Tool| index.alias(tool.namespace.as_deref(), &tool.name, tool.form);
        let aliases: Vec<String> = tools.iter().map(&mut alias).collect();

        let expected = ["tide_level_2", "tide_level_3", "tide_level", "tide__level"];
        assert_eq!(aliases[..4], expected);
        assert_eq!(aliases[4], "mcp__tide__level");
        assert_eq!(aliases[9], "plain-1");
        for (tool, alias) in tools.iter().zip(&aliases) {
            assert!(limits.tool_names.accepts(alias), "{alias}");
            let indexed = index.tool(alias).unwrap();
            assert_eq!(
                (&indexed.name, &indexed.namespace),
                (&tool.name, &tool.namespace)
            );
        }
        assert!(!aliases.contains(&index.free_name("tide_level")));
        assert_eq!(index.chosen("level"), Some("mcp__tide__level"));
    }
}
