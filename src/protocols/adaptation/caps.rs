//! The size of a request in parts. What no model reads is refused by name, before work is spent on it.

use crate::protocols::neutral::{ChatRequest, ContentPart, TranslationError};

const MAX_TURNS: usize = 20_000;
const MAX_PARTS: usize = 50_000;
const MAX_CALLS: usize = 20_000;
const MAX_TOOLS: usize = 8_192;
/// Longest name of a tool, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Longest id of a call, in bytes. Some gateways put a signature into it.
const MAX_ID_BYTES: usize = 16_384;

/// Parts and calls so far.
#[derive(Default)]
struct Counts {
    parts: usize,
    calls: usize,
}

/// Checks the size of a request.
pub(super) fn check(request: &ChatRequest) -> Result<(), TranslationError> {
    number("messages", "turns", request.turns.len(), MAX_TURNS)?;
    number("tools", "tools", request.tools.len(), MAX_TOOLS)?;
    for tool in &request.tools {
        length("tools.name", &tool.name, MAX_NAME_BYTES)?;
    }
    let mut counts = Counts::default();
    for turn in &request.turns {
        counts.add(&turn.parts)?;
    }
    Ok(())
}

impl Counts {
    fn add(&mut self, parts: &[ContentPart]) -> Result<(), TranslationError> {
        self.parts += parts.len();
        number("messages.content", "parts", self.parts, MAX_PARTS)?;
        for part in parts {
            match part {
                ContentPart::ToolCall(call) => {
                    self.calls += 1;
                    number("messages.tool_calls", "calls", self.calls, MAX_CALLS)?;
                    length("messages.tool_calls.id", &call.id, MAX_ID_BYTES)?;
                    length("messages.tool_calls.name", &call.name, MAX_NAME_BYTES)?;
                }
                ContentPart::ToolResult { call, content, .. } => {
                    length("messages.tool_call_id", call, MAX_ID_BYTES)?;
                    self.add(content)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn number(param: &str, what: &str, count: usize, most: usize) -> Result<(), TranslationError> {
    if count <= most {
        return Ok(());
    }
    let problem = format!("has more than {most} {what}; send fewer at once");
    Err(TranslationError::new(param, problem))
}

fn length(param: &str, text: &str, most: usize) -> Result<(), TranslationError> {
    if text.len() <= most {
        return Ok(());
    }
    let beginning: String = text.chars().take(40).collect();
    let bytes = text.len();
    let problem = format!("is {bytes} bytes long ({beginning}…), but may have {most} at most");
    Err(TranslationError::new(param, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::neutral::{ChatMessage, ChatRole, Tool, ToolCall};

    fn with_parts(parts: Vec<ContentPart>) -> ChatRequest {
        ChatRequest {
            turns: vec![ChatMessage::new(ChatRole::User, parts)],
            ..ChatRequest::default()
        }
    }

    fn call(id: usize, name: usize) -> ContentPart {
        ContentPart::ToolCall(ToolCall {
            id: "x".repeat(id),
            name: "y".repeat(name),
            ..ToolCall::default()
        })
    }

    #[test]
    fn an_error_names_what_is_too_much_the_value_and_the_limit() {
        let tool = Tool {
            name: "z".repeat(257),
            ..Tool::default()
        };
        let tools = ChatRequest {
            tools: vec![tool],
            ..ChatRequest::default()
        };
        let text = || ContentPart::Text(String::new());
        let table = [
            (tools, "tools.name is 257 bytes long (zzz"),
            (
                with_parts(vec![call(16_385, 1)]),
                "messages.tool_calls.id is 16385 bytes",
            ),
            (
                with_parts(vec![call(1, 1); 20_001]),
                "messages.tool_calls has more than 20000 calls",
            ),
            (
                with_parts(vec![text(); 50_001]),
                "messages.content has more than 50000 parts",
            ),
        ];
        for (request, expected) in table {
            let error = check(&request).unwrap_err();
            assert!(error.message.starts_with(expected), "{error}");
            assert!(!error.is_target_specific && error.message.len() < 200);
        }
        let usual = with_parts(vec![call(16_384, 256), text()]);
        assert_eq!(check(&usual), Ok(()));
    }
}
