//! Requests to a simulated model, independent of any vendor's format.

use serde_json::{Value, json};

/// Most texts in one request for embeddings.
pub const MAX_TEXTS: usize = 2048;
/// Most tools called at once, where parallel calls are allowed.
const CALLS_AT_ONCE: usize = 2;

/// A request, as far as a simulated model needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedRequest {
    /// The requested model.
    pub model: String,
    /// Prompt tokens, estimated from the size.
    pub prompt_tokens: u32,
    /// The longest response allowed, in tokens, at least 1.
    pub max_tokens: Option<u32>,
    /// Whether the response is streamed.
    pub is_stream: bool,
    /// Whether the stream ends with its token counts.
    pub wants_usage: bool,
    /// Whether the model reasons before it responds.
    pub thinking: Thinking,
    /// What the response contains.
    pub want: ResponseKind,
}

/// Whether a model reasons before it responds. Reasoning is counted, shown or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thinking {
    #[default]
    Off,
    Hidden,
    Shown,
}

/// What a response contains.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseKind {
    /// Prose.
    Text,
    /// JSON that satisfies this schema.
    Json(Value),
    /// A call of each of these tools, at least one.
    Calls(Vec<SimulatedTool>),
    /// A vector per text.
    Vectors(TextList),
    /// Only the number of prompt tokens.
    Count,
}

/// A function that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedTool {
    pub name: String,
    /// The JSON schema of its arguments.
    pub schema: Value,
}

/// Texts to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextList {
    /// At least one, and at most [`MAX_TEXTS`].
    pub texts: Vec<String>,
    /// Numbers in one vector; `None` means the model's own.
    pub dimensions: Option<u32>,
    /// Whether the vectors are encoded as base64 of little-endian floats.
    pub is_base64: bool,
}

/// Which of the tools may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SimulatedToolChoice {
    None,
    #[default]
    Any,
    /// One of these must be called.
    Only(Vec<String>),
}

/// What a request contains besides messages. [`RequestOptions::want`] derives the response from it.
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    pub tools: Vec<SimulatedTool>,
    pub choice: SimulatedToolChoice,
    /// Whether parallel tool calls are forbidden.
    pub forbids_parallel: bool,
    /// The schema of the requested JSON.
    pub schema: Option<Value>,
    /// Whether the conversation ends with the result of a tool.
    pub ends_with_result: bool,
}

impl RequestOptions {
    /// What the response contains. Tools are called until the conversation ends with a result; a
    /// forced tool is called even then.
    pub fn want(self) -> ResponseKind {
        let mut tools = self.tools;
        let mut may_call = !self.ends_with_result;
        match self.choice {
            SimulatedToolChoice::None => tools.clear(),
            SimulatedToolChoice::Any => {}
            SimulatedToolChoice::Only(names) => {
                tools.retain(|tool| names.contains(&tool.name));
                may_call = true;
            }
        }
        tools.truncate(if self.forbids_parallel {
            1
        } else {
            CALLS_AT_ONCE
        });

        if may_call && !tools.is_empty() {
            return ResponseKind::Calls(tools);
        }
        self.schema.map_or(ResponseKind::Text, ResponseKind::Json)
    }
}

/// The schema used for JSON mode, which requires only an object.
pub fn any_object() -> Value {
    json!({
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(names: &[&str]) -> RequestOptions {
        let tool = |name: &&str| SimulatedTool {
            name: (*name).to_owned(),
            schema: json!({"type": "object"}),
        };
        RequestOptions {
            tools: names.iter().map(tool).collect(),
            ..RequestOptions::default()
        }
    }

    fn called(options: RequestOptions) -> Vec<String> {
        match options.want() {
            ResponseKind::Calls(tools) => tools.into_iter().map(|tool| tool.name).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn two_tools_are_called_unless_parallel_calls_are_forbidden() {
        let forbidden = RequestOptions {
            forbids_parallel: true,
            ..options(&["a", "b"])
        };

        assert_eq!(called(options(&["a"])), ["a"]);
        assert_eq!(called(options(&["a", "b", "c"])), ["a", "b"]);
        assert_eq!(called(forbidden), ["a"]);
    }

    #[test]
    fn a_tool_choice_limits_the_calls() {
        let none = RequestOptions {
            choice: SimulatedToolChoice::None,
            ..options(&["a", "b"])
        };
        let only = RequestOptions {
            choice: SimulatedToolChoice::Only(vec!["b".to_owned()]),
            ends_with_result: true,
            ..options(&["a", "b"])
        };

        assert_eq!(none.want(), ResponseKind::Text);
        assert_eq!(called(only), ["b"]);
    }

    #[test]
    fn a_tool_result_is_followed_by_text_or_the_requested_json() {
        let answered = RequestOptions {
            ends_with_result: true,
            ..options(&["a"])
        };
        let with_schema = RequestOptions {
            schema: Some(any_object()),
            ..answered.clone()
        };

        assert_eq!(answered.want(), ResponseKind::Text);
        assert_eq!(with_schema.want(), ResponseKind::Json(any_object()));
    }
}
