//! Reading of requests in OpenAI's format, which other vendors use as well.

use super::estimate;
use super::json_body::parse;
use super::simulated_request::{
    MAX_TEXTS, RequestOptions, ResponseKind, SimulatedRequest, SimulatedTool, SimulatedToolChoice,
    TextList, Thinking, any_object,
};
use super::vendor_error::VendorError;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct ChatRequest {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    max_completion_tokens: Option<u32>,
    max_tokens: Option<u32>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    tool_choice: Value,
    parallel_tool_calls: Option<bool>,
    #[serde(default)]
    response_format: Value,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Value,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct EmbeddingRequest {
    model: Option<String>,
    #[serde(default)]
    input: Value,
    dimensions: Option<u32>,
    #[serde(default)]
    encoding_format: Option<String>,
}

/// Reads the body of a chat completion request.
pub fn chat(body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: ChatRequest = parse(body, "a chat completion request")?;
    let model = named(request.model)?;
    let messages = request
        .messages
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| {
            VendorError::malformed("'messages' must hold at least 1 message.", Some("messages"))
        })?;
    if request.stream_options.is_some() && !request.stream {
        return Err(VendorError::malformed(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            Some("stream_options"),
        ));
    }
    let max_tokens = request.max_completion_tokens.or(request.max_tokens);
    let options = RequestOptions {
        tools: request.tools.iter().filter_map(tool).collect(),
        choice: choice(&request.tool_choice),
        forbids_parallel: request.parallel_tool_calls == Some(false),
        schema: format(&request.response_format),
        ends_with_result: messages.last().is_some_and(|last| last.role == "tool"),
    };

    Ok(SimulatedRequest {
        model,
        prompt_tokens: messages.iter().map(tokens).sum::<u32>()
            + request.tools.iter().map(estimate::json).sum::<u32>(),
        max_tokens: positive(max_tokens, "max_tokens")?,
        is_stream: request.stream,
        wants_usage: request
            .stream_options
            .is_some_and(|options| options.include_usage),
        thinking: Thinking::Off,
        want: options.want(),
    })
}

/// Reads the body of an embeddings request.
pub fn embeddings(body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: EmbeddingRequest = parse(body, "an embeddings request")?;
    let model = named(request.model)?;
    let texts = texts(&request.input)
        .filter(|texts| !texts.is_empty() && texts.len() <= MAX_TEXTS)
        .ok_or_else(|| {
            VendorError::malformed(
                format!("'input' must be a text, tokens, or a list of 1 to {MAX_TEXTS} of them."),
                Some("input"),
            )
        })?;
    let is_base64 = match request.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(VendorError::malformed(
                "'encoding_format' must be \"float\" or \"base64\".",
                Some("encoding_format"),
            ));
        }
    };
    Ok(SimulatedRequest {
        model,
        prompt_tokens: texts.iter().map(|text| estimate::text(text)).sum(),
        max_tokens: None,
        is_stream: false,
        wants_usage: true,
        thinking: Thinking::Off,
        want: ResponseKind::Vectors(TextList {
            texts,
            dimensions: positive(request.dimensions, "dimensions")?,
            is_base64,
        }),
    })
}

/// The name of the model, which is required.
pub fn named(model: Option<String>) -> Result<String, VendorError> {
    model
        .filter(|model| !model.is_empty())
        .ok_or_else(|| VendorError::malformed("You must provide a model parameter.", Some("model")))
}

/// A number that must not be 0.
pub fn positive(value: Option<u32>, name: &'static str) -> Result<Option<u32>, VendorError> {
    if value == Some(0) {
        let message = format!("'{name}' is 0; expected at least 1.");
        return Err(VendorError::malformed(message, Some(name)));
    }
    Ok(value)
}

/// A function among the tools. Tools that the vendor runs itself are not simulated.
fn tool(tool: &Value) -> Option<SimulatedTool> {
    let function = tool.get("function")?;
    Some(SimulatedTool {
        name: function.get("name")?.as_str()?.to_owned(),
        schema: function.get("parameters").cloned().unwrap_or_default(),
    })
}

/// Reads `"none"`, `"auto"`, `"required"`, one function, or a list of allowed ones.
fn choice(choice: &Value) -> SimulatedToolChoice {
    if choice == "none" {
        return SimulatedToolChoice::None;
    }
    if let Some(name) = choice.pointer("/function/name").and_then(Value::as_str) {
        return SimulatedToolChoice::Only(vec![name.to_owned()]);
    }
    let allowed = choice.pointer("/allowed_tools/tools");
    let Some(allowed) = allowed.and_then(Value::as_array) else {
        return SimulatedToolChoice::Any;
    };
    let name = |tool: &Value| Some(tool.pointer("/function/name")?.as_str()?.to_owned());
    SimulatedToolChoice::Only(allowed.iter().filter_map(name).collect())
}

/// The schema of a `response_format`.
fn format(format: &Value) -> Option<Value> {
    match format.get("type").and_then(Value::as_str) {
        Some("json_schema") => format.pointer("/json_schema/schema").cloned(),
        Some("json_object") => Some(any_object()),
        _ => None,
    }
}

fn tokens(message: &Message) -> u32 {
    let calls = estimate::json(&message.tool_calls);
    estimate::MESSAGE + estimate::content(&message.content) + calls
}

/// A text or a list of texts. Tokens, which are numbers, are converted to text.
fn texts(input: &Value) -> Option<Vec<String>> {
    let written = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(tokens) => {
            let tokens: Vec<String> = tokens.iter().map(Value::to_string).collect();
            Some(tokens.join(" "))
        }
        _ => None,
    };
    match input {
        Value::Array(items) if items.iter().all(Value::is_number) => Some(vec![written(input)?]),
        Value::Array(items) => items.iter().map(written).collect(),
        input => Some(vec![written(input)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<SimulatedRequest, VendorError> {
        chat(body.to_string().as_bytes())
    }

    #[test]
    fn prompt_tokens_follow_the_size_of_the_request() {
        let short = json!({"model": "m", "messages": [{"role": "user", "content": "12345678"}]});
        let parts = json!({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "text", "text": "12345678"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]}]});

        assert_eq!(read(&short).expect("a request").prompt_tokens, 4 + 2);
        assert_eq!(read(&parts).expect("a request").prompt_tokens, 4 + 2 + 85);
    }

    #[test]
    fn missing_and_invalid_members_are_named() {
        let messages = json!([{"role": "user", "content": "a"}]);
        let cases = [
            (json!({"messages": messages}), Some("model")),
            (json!({"model": "m", "messages": []}), Some("messages")),
            (
                json!({"model": "m", "messages": messages, "stream_options": {}}),
                Some("stream_options"),
            ),
            (
                json!({"model": "m", "messages": messages, "max_tokens": 0}),
                Some("max_tokens"),
            ),
            (json!([1, 2]), None),
        ];

        for (body, expected) in cases {
            match read(&body) {
                Err(VendorError::Malformed { param, .. }) => assert_eq!(param, expected, "{body}"),
                other => panic!("{body} was read as {other:?}"),
            }
        }
    }

    #[test]
    fn inputs_of_all_four_kinds_are_read() {
        let cases = [
            (json!("a b"), vec!["a b"]),
            (json!(["a", "b"]), vec!["a", "b"]),
            (json!([1, 2]), vec!["1 2"]),
            (json!([[1, 2], [3]]), vec!["1 2", "3"]),
        ];

        for (input, expected) in cases {
            assert_eq!(texts(&input).expect("texts"), expected, "{input}");
        }
        for wrong in [json!(null), json!({"a": 1}), json!([{"a": 1}])] {
            assert_eq!(texts(&wrong), None, "{wrong}");
        }
    }
}
