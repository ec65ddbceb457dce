//! Tools that the client runs and that Anthropic's models know by their type alone. Other models get
//! them as functions with the documented arguments.

use crate::protocols::neutral::{ServerToolKind, Tool};
use serde_json::{Value, json};

/// What the type of a tool stands for.
#[derive(Debug)]
pub(super) enum TypedTool {
    /// A function of the client.
    Function(Box<Tool>),
    /// A tool that the provider runs.
    Server(ServerToolKind),
}

/// First date of the editor whose inserted text has a name of its own.
const NEW_EDITOR: &str = "20250728";

/// Returns what a tool's type stands for; `None` for a type that is not known. `name` is the name
/// that the client states.
pub(super) fn typed_tool(kind: &str, name: Option<&str>) -> Option<TypedTool> {
    let (family, date) = kind.rsplit_once('_')?;
    let function = |default: &str, description: &str, parameters: Value| {
        Some(TypedTool::Function(Box::new(Tool {
            name: name.unwrap_or(default).to_owned(),
            description: Some(description.to_owned()),
            parameters: Some(parameters),
            ..Tool::default()
        })))
    };
    match family {
        "bash" => function("bash", BASH, bash()),
        "text_editor" => {
            let is_new = date >= NEW_EDITOR;
            let name = if is_new {
                "str_replace_based_edit_tool"
            } else {
                "str_replace_editor"
            };
            let description = "Views, creates and edits text files of the user's computer.";
            function(name, description, editor(is_new))
        }
        "memory" => function("memory", MEMORY, memory()),
        "computer" => function("computer", COMPUTER, computer()),
        "web_search" => Some(TypedTool::Server(ServerToolKind::WebSearch)),
        "web_fetch" => Some(TypedTool::Server(ServerToolKind::WebFetch)),
        "code_execution" => Some(TypedTool::Server(ServerToolKind::CodeExecution)),
        _ => None,
    }
}

const BASH: &str = "Runs a command in a bash session of the user's computer. The session stays open, \
                    with its directory and variables.";
const MEMORY: &str = "Reads and changes files below /memories, which stay between conversations. View \
                      the directory before other work, and record progress in it.";
const COMPUTER: &str = "Controls the screen, the mouse and the keyboard of the user's computer. The \
                        action screenshot shows the screen; coordinates are pixels from the upper left.";

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn bash() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": text("The command. Required unless restart is true."),
            "restart": {"type": "boolean", "description": "Whether to start a new session."},
        },
    })
}

fn editor(is_new: bool) -> Value {
    let inserted = if is_new { "insert_text" } else { "new_str" };
    let mut schema = json!({
        "type": "object",
        "properties": {
            "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
            "path": text("Absolute path of the file or directory."),
            "file_text": text("For create: the content of the new file."),
            "old_str": text("For str_replace: the text to replace, which must occur exactly once."),
            "new_str": text("For str_replace: the text in its place."),
            "insert_line": {
                "type": "integer",
                "description": "For insert: the line after which to insert; 0 is the beginning.",
            },
            "view_range": {
                "type": "array",
                "items": {"type": "integer"},
                "description": "For view: the first and the last line, from 1; -1 is the end.",
            },
        },
        "required": ["command", "path"],
    });
    if is_new {
        schema["properties"][inserted] = text("For insert: the text to insert.");
    } else {
        schema["properties"][inserted] = text("For str_replace and insert: the new text.");
        let command = &mut schema["properties"]["command"]["enum"];
        *command = json!(["view", "create", "str_replace", "insert", "undo_edit"]);
    }
    schema
}

fn memory() -> Value {
    let mut schema = editor(true);
    schema["properties"]["command"]["enum"] = json!([
        "view",
        "create",
        "str_replace",
        "insert",
        "delete",
        "rename"
    ]);
    schema["properties"]["old_path"] = text("For rename: the path so far.");
    schema["properties"]["new_path"] = text("For rename: the new path.");
    schema["required"] = json!(["command"]);
    schema
}

fn computer() -> Value {
    let point = json!({"type": "array", "items": {"type": "integer"}});
    json!({
        "type": "object",
        "properties": {
            "action": {"type": "string", "enum": [
                "key", "hold_key", "type", "cursor_position", "mouse_move", "left_mouse_down",
                "left_mouse_up", "left_click", "left_click_drag", "right_click", "middle_click",
                "double_click", "triple_click", "scroll", "wait", "screenshot", "zoom",
            ]},
            "coordinate": point,
            "start_coordinate": point,
            "region": point,
            "text": text("The text to type, or the keys to press."),
            "duration": {"type": "number", "description": "Seconds, for hold_key and wait."},
            "scroll_direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
            "scroll_amount": {"type": "integer"},
        },
        "required": ["action"],
    })
}
