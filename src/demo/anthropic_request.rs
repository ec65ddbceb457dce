//! Reading of requests in Anthropic's format. As strict as the original, so that a faulty
//! translation fails here and not only in production.

use super::estimate;
use super::json_body::parse;
use super::simulated_request::{
    RequestOptions, ResponseKind, SimulatedRequest, SimulatedTool, SimulatedToolChoice, Thinking,
};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use serde::Deserialize;
use serde_json::Value;

const MAX_TOOL_NAME: usize = 128;

#[derive(Deserialize)]
struct Request {
    model: Option<String>,
    max_tokens: Option<u32>,
    messages: Option<Vec<Message>>,
    #[serde(default)]
    system: Value,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    tool_choice: Value,
    #[serde(default)]
    thinking: Value,
    #[serde(default)]
    output_config: Value,
    temperature: Option<f64>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

/// Reads the body of a message request, or of a request to count its tokens.
pub fn read(route: VendorRoute, body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: Request = parse(body, "a Messages request")?;
    let missing = |name| VendorError::malformed(format!("{name}: Field required"), Some(name));
    let model = request.model.ok_or_else(|| missing("model"))?;
    let messages = request.messages.ok_or_else(|| missing("messages"))?;
    check(&messages)?;
    let is_count = route == VendorRoute::Count;
    if !is_count && request.max_tokens.is_none() {
        return Err(missing("max_tokens"));
    }
    if request.max_tokens == Some(0) {
        let message = "max_tokens: must be greater than or equal to 1";
        return Err(VendorError::malformed(message, Some("max_tokens")));
    }
    if request
        .temperature
        .is_some_and(|warmth| !(0.0..=1.0).contains(&warmth))
    {
        let message = "temperature: range: 0..1";
        return Err(VendorError::malformed(message, Some("temperature")));
    }

    Ok(SimulatedRequest {
        prompt_tokens: messages.iter().map(tokens).sum::<u32>()
            + request.tools.iter().map(estimate::json).sum::<u32>()
            + estimate::content(&request.system),
        model,
        max_tokens: request.max_tokens.filter(|_| !is_count),
        is_stream: request.stream && !is_count,
        wants_usage: true,
        thinking: match request.thinking.get("type").and_then(Value::as_str) {
            Some("enabled" | "adaptive") => Thinking::Shown,
            _ => Thinking::Off,
        },
        want: if is_count {
            ResponseKind::Count
        } else {
            RequestOptions {
                tools: tools(&request.tools)?,
                choice: choice(&request.tool_choice)?,
                forbids_parallel: request.tool_choice["disable_parallel_tool_use"] == true,
                schema: request.output_config.pointer("/format/schema").cloned(),
                ends_with_result: messages.last().is_some_and(ends_with_result),
            }
            .want()
        },
    })
}

/// Checks the order that Anthropic requires: the user begins, texts are not empty, and every tool
/// call has its result in the next message, before all other content.
fn check(messages: &[Message]) -> Result<(), VendorError> {
    let wrong = |message: String| Err(VendorError::malformed(message, Some("messages")));
    let Some(first) = messages.first() else {
        return wrong("messages: at least one message is required".to_owned());
    };
    if first.role != "user" {
        return wrong("messages: first message must use the \"user\" role".to_owned());
    }
    let mut open: Vec<&str> = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        if !["user", "assistant"].contains(&message.role.as_str()) {
            return wrong(format!(
                "messages.{number}.role: Input should be 'user' or 'assistant'"
            ));
        }
        if blocks(message).iter().any(|block| block["text"] == "") || message.content == "" {
            return wrong(format!(
                "messages.{number}: text content blocks must be non-empty"
            ));
        }
        let is_result = |block: &&Value| block["type"] == "tool_result";
        let leading: Vec<&str> = blocks(message)
            .iter()
            .take_while(is_result)
            .filter_map(|block| block["tool_use_id"].as_str())
            .collect();
        if leading.len() != blocks(message).iter().filter(is_result).count() {
            return wrong(format!(
                "messages.{number}: `tool_result` blocks must come first and name their `tool_use`"
            ));
        }
        if open.iter().any(|id| !leading.contains(id)) {
            return wrong(format!(
                "messages.{number}: `tool_use` ids were found without `tool_result` blocks \
                 immediately after"
            ));
        }
        if leading.iter().any(|id| !open.contains(id)) {
            return wrong(format!(
                "messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks"
            ));
        }
        let calls = blocks(message).iter();
        let calls = calls.filter(|block| block["type"] == "tool_use");
        open = calls.filter_map(|block| block["id"].as_str()).collect();
    }
    if open.is_empty() {
        Ok(())
    } else {
        wrong("messages: the last `tool_use` blocks have no `tool_result`".to_owned())
    }
}

/// The blocks of a message; none if its content is a plain text.
fn blocks(message: &Message) -> &[Value] {
    message.content.as_array().map_or(&[], Vec::as_slice)
}

fn ends_with_result(message: &Message) -> bool {
    let last = blocks(message).last();
    last.is_some_and(|block| block["type"] == "tool_result")
}

/// The client's own tools. Tools that the vendor runs itself are not simulated.
fn tools(tools: &[Value]) -> Result<Vec<SimulatedTool>, VendorError> {
    let mut known = Vec::new();
    for (number, tool) in tools.iter().enumerate() {
        let (Some(name), Some(schema)) = (tool["name"].as_str(), tool.get("input_schema")) else {
            continue;
        };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=MAX_TOOL_NAME).contains(&name.len()) || !name.bytes().all(is_allowed) {
            let message =
                format!("tools.{number}.name: should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'");
            return Err(VendorError::malformed(message, Some("tools")));
        }
        if schema["type"] != "object" {
            let message = format!("tools.{number}.input_schema.type: Input should be 'object'");
            return Err(VendorError::malformed(message, Some("tools")));
        }
        known.push(SimulatedTool {
            name: name.to_owned(),
            schema: schema.clone(),
        });
    }
    Ok(known)
}

fn choice(choice: &Value) -> Result<SimulatedToolChoice, VendorError> {
    match (choice.get("type").and_then(Value::as_str), &choice["name"]) {
        _ if choice.is_null() => Ok(SimulatedToolChoice::Any),
        (Some("none"), _) => Ok(SimulatedToolChoice::None),
        (Some("auto" | "any"), _) => Ok(SimulatedToolChoice::Any),
        (Some("tool"), Value::String(name)) => Ok(SimulatedToolChoice::Only(vec![name.clone()])),
        _ => Err(VendorError::malformed(
            "tool_choice: expected type auto, any, none, or tool with a name",
            Some("tool_choice"),
        )),
    }
}

fn tokens(message: &Message) -> u32 {
    estimate::MESSAGE + estimate::content(&message.content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_messages(messages: &Value) -> Result<SimulatedRequest, VendorError> {
        let body = json!({"model": "m", "max_tokens": 9, "messages": messages});
        read(VendorRoute::Chat, body.to_string().as_bytes())
    }

    fn call(id: &str) -> Value {
        json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": id, "name": "tide", "input": {}},
        ]})
    }

    fn result(id: &str) -> Value {
        json!({"type": "tool_result", "tool_use_id": id, "content": "1.4"})
    }

    fn user(content: &Value) -> Value {
        json!({"role": "user", "content": content})
    }

    #[test]
    fn message_orders_that_anthropic_rejects_are_rejected() {
        let (hello, text) = (
            user(&json!("hello")),
            json!({"type": "text", "text": "and?"}),
        );
        let cases = [
            (json!([]), "at least one"),
            (json!([call("a")]), "first message"),
            (json!([{"role": "system", "content": "a"}]), "first message"),
            (
                json!([hello, {"role": "tool", "content": "a"}]),
                "role: Input",
            ),
            (json!([user(&json!(""))]), "non-empty"),
            (
                json!([user(&json!([{"type": "text", "text": ""}]))]),
                "non-empty",
            ),
            (json!([hello, call("a")]), "no `tool_result`"),
            (json!([hello, call("a"), hello]), "without `tool_result`"),
            (
                json!([hello, call("a"), user(&json!([text, result("a")]))]),
                "come first",
            ),
            (
                json!([hello, user(&json!([result("b")]))]),
                "unexpected `tool_use_id`",
            ),
        ];

        for (messages, expected) in cases {
            match read_messages(&messages) {
                Err(VendorError::Malformed { message, .. }) => {
                    assert!(message.contains(expected), "{messages}: {message}");
                }
                other => panic!("{messages} was read as {other:?}"),
            }
        }
        read_messages(&json!([
            hello,
            call("a"),
            user(&json!([result("a"), text]))
        ]))
        .expect("a good order");
    }

    #[test]
    fn missing_members_are_named_and_counting_requires_fewer() {
        let short = json!({"model": "m", "messages": [{"role": "user", "content": "12345678"}]});
        let short = short.to_string();

        let refused = read(VendorRoute::Chat, short.as_bytes());
        let counted = read(VendorRoute::Count, short.as_bytes()).expect("a request");

        assert_eq!(
            refused,
            Err(VendorError::malformed(
                "max_tokens: Field required",
                Some("max_tokens")
            ))
        );
        assert_eq!(
            (counted.want, counted.prompt_tokens),
            (ResponseKind::Count, 4 + 2)
        );
    }
}
