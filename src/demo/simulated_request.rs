//! WHAT IS ASKED OF A VENDOR, whatever the bytes looked like.

use serde_json::{Value, json};

/// The most texts that one request may want vectors of.
pub const MAX_TEXTS: usize = 2048;
/// How many tools are called at once where more than one may be.
const CALLS_AT_ONCE: usize = 2;

/// A request for work, as far as a simulated model cares.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedRequest {
    /// The model asked for.
    pub model: String,
    /// What the request would cost to read, estimated from its size.
    pub prompt_tokens: u32,
    /// The longest answer wanted, at least 1.
    pub max_tokens: Option<u32>,
    /// Whether the answer is to come in pieces.
    pub is_stream: bool,
    /// Whether the stream is to end with its token counts.
    pub wants_usage: bool,
    /// Whether the model thinks before it speaks.
    pub thinking: Thinking,
    /// What the answer is to be.
    pub want: ResponseKind,
}

/// Whether a model thinks before it speaks. Thoughts are counted, shown or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Thinking {
    #[default]
    Off,
    Hidden,
    Shown,
}

/// What an answer is to be.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseKind {
    /// Prose.
    Text,
    /// JSON that satisfies this schema.
    Json(Value),
    /// A call of each of these tools, at least one.
    Calls(Vec<SimulatedTool>),
    /// A vector for each text.
    Vectors(TextList),
    /// The number of tokens of the request, and nothing else.
    Count,
}

/// A function that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedTool {
    pub name: String,
    /// The JSON schema of its arguments.
    pub schema: Value,
}

/// Texts of which vectors are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextList {
    /// At least one, and at most [`MAX_TEXTS`].
    pub texts: Vec<String>,
    /// Numbers in one vector, or as many as the model has.
    pub dimensions: Option<u32>,
    /// Whether the numbers are to come as base64 of little-endian floats.
    pub is_base64: bool,
}

/// Which of the tools may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SimulatedToolChoice {
    None,
    #[default]
    Any,
    /// These, and one of them must be.
    Only(Vec<String>),
}

/// What a request puts on the table besides its messages; [`RequestOptions::want`] says what comes of it.
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    pub tools: Vec<SimulatedTool>,
    pub choice: SimulatedToolChoice,
    /// Whether several tools must not be called at once.
    pub forbids_parallel: bool,
    /// The schema of the JSON that is asked for.
    pub schema: Option<Value>,
    /// Whether the conversation ends with what a tool said.
    pub ends_with_result: bool,
}

impl RequestOptions {
    /// Tools are called as long as none has answered; a tool that is forced is called even then.
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

/// The schema of JSON of which nothing is said but that it is an object.
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

    fn offer(names: &[&str]) -> RequestOptions {
        let tool = |name: &&str| SimulatedTool {
            name: (*name).to_owned(),
            schema: json!({"type": "object"}),
        };
        RequestOptions {
            tools: names.iter().map(tool).collect(),
            ..RequestOptions::default()
        }
    }

    fn called(offer: RequestOptions) -> Vec<String> {
        match offer.want() {
            ResponseKind::Calls(tools) => tools.into_iter().map(|tool| tool.name).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn tools_are_called_in_pairs_unless_that_is_forbidden() {
        let forbidden = RequestOptions {
            forbids_parallel: true,
            ..offer(&["a", "b"])
        };

        assert_eq!(called(offer(&["a"])), ["a"]);
        assert_eq!(called(offer(&["a", "b", "c"])), ["a", "b"]);
        assert_eq!(called(forbidden), ["a"]);
    }

    #[test]
    fn a_choice_narrows_what_is_called() {
        let none = RequestOptions {
            choice: SimulatedToolChoice::None,
            ..offer(&["a", "b"])
        };
        let only = RequestOptions {
            choice: SimulatedToolChoice::Only(vec!["b".to_owned()]),
            ends_with_result: true,
            ..offer(&["a", "b"])
        };

        assert_eq!(none.want(), ResponseKind::Text);
        assert_eq!(called(only), ["b"]);
    }

    #[test]
    fn what_a_tool_said_is_answered_with_text_or_the_json_that_is_asked_for() {
        let answered = RequestOptions {
            ends_with_result: true,
            ..offer(&["a"])
        };
        let with_schema = RequestOptions {
            schema: Some(any_object()),
            ..answered.clone()
        };

        assert_eq!(answered.want(), ResponseKind::Text);
        assert_eq!(with_schema.want(), ResponseKind::Json(any_object()));
    }
}
