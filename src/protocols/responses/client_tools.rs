//! Tools of a type of their own that the client runs. Models of other providers get them as
//! functions, and their calls come back as items of the type.

use crate::protocols::neutral::{Tool, ToolForm};
use serde_json::{Map, Value, json};

/// A type of tools, and the items of its calls.
#[derive(Debug)]
pub(super) struct ToolType {
    /// Type of the tool, and name of the function.
    pub name: &'static str,
    /// Type of the item of a call.
    pub call: &'static str,
    /// Type of the item of a result.
    pub output: &'static str,
    /// Prefix of the ids of calls.
    pub id_prefix: &'static str,
    /// Member of a call's item that holds the arguments.
    member: &'static str,
    /// Members of the arguments that the model need not state.
    fixed: fn() -> Value,
    description: &'static str,
    parameters: fn() -> Value,
}

const TOOL_TYPES: [ToolType; 4] = [
    ToolType {
        name: "local_shell",
        call: "local_shell_call",
        output: "local_shell_call_output",
        id_prefix: "lsh",
        member: "action",
        fixed: || json!({"type": "exec", "command": [], "env": {}}),
        description: "Runs a command on the user's computer and returns its output.",
        parameters: || {
            let command = json!({
                "type": "array",
                "items": {"type": "string"},
                "description": "The program and its arguments, for example [\"bash\", \"-lc\", \"ls\"].",
            });
            json!({
                "type": "object",
                "properties": {
                    "command": command,
                    "working_directory": {"type": "string"},
                    "timeout_ms": {"type": "integer"},
                },
                "required": ["command"],
            })
        },
    },
    ToolType {
        name: "shell",
        call: "shell_call",
        output: "shell_call_output",
        id_prefix: "sh",
        member: "action",
        fixed: || json!({"commands": []}),
        description: "Runs shell commands on the user's computer and returns their output.",
        parameters: || {
            json!({
                "type": "object",
                "properties": {
                    "commands": {"type": "array", "items": {"type": "string"}},
                    "timeout_ms": {"type": "integer"},
                    "max_output_length": {"type": "integer"},
                },
                "required": ["commands"],
            })
        },
    },
    ToolType {
        name: "apply_patch",
        call: "apply_patch_call",
        output: "apply_patch_call_output",
        id_prefix: "apc",
        member: "operation",
        fixed: || json!({}),
        description: "Creates, changes or deletes one file of the user. For create_file and \
                      update_file, diff holds the lines: unchanged ones after a space, removed ones \
                      after -, added ones after +, and each changed place after a line @@.",
        parameters: || {
            let types = ["create_file", "update_file", "delete_file"];
            json!({
                "type": "object",
                "properties": {
                    "type": {"type": "string", "enum": types},
                    "path": {"type": "string"},
                    "diff": {"type": "string"},
                },
                "required": ["type", "path"],
            })
        },
    },
    ToolType {
        name: "tool_search",
        call: "tool_search_call",
        output: "tool_search_output",
        id_prefix: "tsc",
        member: "arguments",
        fixed: || json!({}),
        description: "Searches for further tools, which can be called afterwards.",
        parameters: || {
            json!({
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            })
        },
    },
];

impl ToolType {
    /// Returns the type of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TOOL_TYPES.iter().find(|one| one.name == name)
    }

    /// Returns the type whose calls are items of that type.
    pub fn called(item: &str) -> Option<&'static Self> {
        TOOL_TYPES.iter().find(|one| one.call == item)
    }

    /// Returns the type whose results are items of that type.
    pub fn answered(item: &str) -> Option<&'static Self> {
        TOOL_TYPES.iter().find(|one| one.output == item)
    }

    /// Returns the tool as a function, with the client's own description and arguments where it
    /// states them.
    pub fn function(&self, description: Option<String>, parameters: Option<Value>) -> Tool {
        Tool {
            name: self.name.to_owned(),
            form: ToolForm::Typed(self.name),
            description: description.or_else(|| Some(self.description.to_owned())),
            parameters: parameters.or_else(|| Some((self.parameters)())),
            ..Tool::default()
        }
    }

    /// Returns the arguments of the function, from a call's item.
    pub fn arguments(&self, item: &Value) -> String {
        let mut arguments = item[self.member].clone();
        if let (Value::Object(members), Value::Object(fixed)) = (&mut arguments, (self.fixed)()) {
            // What is the same in each call is no argument.
            members.retain(|name, value| fixed.get(name) != Some(value));
        }
        arguments.to_string()
    }

    /// Writes the arguments of the function into a call's item. Arguments that are cut off leave
    /// only what is the same in each call.
    pub fn write(&self, arguments: &str, item: &mut Map<String, Value>) {
        let mut written = (self.fixed)();
        let given = serde_json::from_str::<Map<String, Value>>(arguments);
        if let (Value::Object(members), Ok(given)) = (&mut written, given) {
            members.extend(given);
        }
        if self.name == "tool_search" {
            item.insert("execution".to_owned(), "client".into());
        }
        item.insert(self.member.to_owned(), written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_the_same_after_its_way_to_a_model_and_back() {
        let actions = [
            (
                "local_shell",
                json!({"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 9}),
            ),
            ("shell", json!({"commands": ["ls", "pwd"]})),
            (
                "apply_patch",
                json!({"type": "delete_file", "path": "tide.txt"}),
            ),
            ("tool_search", json!({"query": "tide"})),
        ];
        for (name, action) in actions {
            let tool = ToolType::named(name).unwrap();
            let item = json!({"type": tool.call, tool.member: action});
            let mut written = Map::new();
            tool.write(&tool.arguments(&item), &mut written);
            assert_eq!(written[tool.member], action, "{name}");
            assert!(ToolType::called(tool.call).is_some_and(|found| found.name == name));
            assert!(ToolType::answered(tool.output).is_some_and(|found| found.name == name));
        }
    }
}
