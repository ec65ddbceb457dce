//! Reading of requests in Gemini's format, as strict as the original where translations can fail.

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
#[serde(rename_all = "camelCase")]
struct Request {
    contents: Option<Vec<Content>>,
    #[serde(default, alias = "system_instruction")]
    system_instruction: Value,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default, alias = "tool_config")]
    tool_config: ToolConfig,
    #[serde(default, alias = "generation_config")]
    generation_config: GenerationConfig,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    parts: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ToolConfig {
    #[serde(default, alias = "function_calling_config")]
    function_calling_config: FunctionCalling,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct FunctionCalling {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default, alias = "allowed_function_names")]
    allowed_function_names: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    #[serde(alias = "max_output_tokens")]
    max_output_tokens: Option<u32>,
    #[serde(alias = "response_mime_type")]
    response_mime_type: Option<String>,
    #[serde(alias = "response_schema")]
    response_schema: Option<Value>,
    #[serde(alias = "response_json_schema")]
    response_json_schema: Option<Value>,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    #[serde(default, alias = "include_thoughts")]
    include_thoughts: bool,
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i64>,
}

#[derive(Deserialize)]
struct BatchRequest {
    #[serde(default)]
    requests: Vec<EmbedRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmbedRequest {
    model: Option<String>,
    content: Content,
    #[serde(alias = "output_dimensionality")]
    output_dimensionality: Option<u32>,
}

/// Reads the body of generateContent, streamed or not.
pub fn content(model: &str, is_stream: bool, body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: Request = parse(body, "a GenerateContentRequest")?;
    let contents = request.contents.as_deref().unwrap_or_default();
    check(contents)?;
    let config = request.generation_config;
    let calling = request.tool_config.function_calling_config;
    let schema = config.response_json_schema.or(config.response_schema);
    let wants_json = config.response_mime_type.as_deref() == Some("application/json");
    let options = RequestOptions {
        tools: request.tools.iter().flat_map(declared).collect(),
        choice: match calling.mode.as_deref() {
            Some("NONE") => SimulatedToolChoice::None,
            Some("ANY") if !calling.allowed_function_names.is_empty() => {
                SimulatedToolChoice::Only(calling.allowed_function_names)
            }
            _ => SimulatedToolChoice::Any,
        },
        forbids_parallel: false,
        schema: schema.or_else(|| wants_json.then(any_object)),
        ends_with_result: ends_with_result(contents),
    };
    if config.max_output_tokens == Some(0) {
        let message = "max_output_tokens must be positive.";
        return Err(VendorError::malformed(message, Some("maxOutputTokens")));
    }
    Ok(SimulatedRequest {
        model: model.to_owned(),
        prompt_tokens: tokens(contents, &request.system_instruction, &request.tools),
        max_tokens: config.max_output_tokens,
        is_stream,
        wants_usage: true,
        thinking: match config.thinking_config {
            Some(thinking) if thinking.thinking_budget == Some(0) => Thinking::Off,
            Some(thinking) if thinking.include_thoughts => Thinking::Shown,
            _ => Thinking::Hidden,
        },
        want: options.want(),
    })
}

/// Reads the body of countTokens: contents, or a complete request.
pub fn count(model: &str, body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let body: Value = parse(body, "a CountTokensRequest")?;
    let inner = body.get("generateContentRequest").unwrap_or(&body);
    let request: Request = parse(inner.to_string().as_bytes(), "a CountTokensRequest")?;
    let contents = request.contents.as_deref().unwrap_or_default();
    check(contents)?;
    Ok(SimulatedRequest {
        prompt_tokens: tokens(contents, &request.system_instruction, &request.tools),
        ..without_output(model, ResponseKind::Count)
    })
}

/// Reads the body of batchEmbedContents.
pub fn embeddings(model: &str, body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let batch: BatchRequest = parse(body, "a BatchEmbedContentsRequest")?;
    let Some(first) = batch.requests.first() else {
        return Err(VendorError::malformed(
            "requests is empty.",
            Some("requests"),
        ));
    };
    if MAX_TEXTS < batch.requests.len() {
        let message = format!("At most {MAX_TEXTS} requests can be in one batch.");
        return Err(VendorError::malformed(message, Some("requests")));
    }
    let is_same = |one: &EmbedRequest| {
        let named = one
            .model
            .as_deref()
            .and_then(|name| name.strip_prefix("models/"));
        named == Some(model) && one.output_dimensionality == first.output_dimensionality
    };
    if !batch.requests.iter().all(is_same) {
        return Err(VendorError::malformed(
            format!("All requests must be of models/{model} and have the same dimensions."),
            Some("requests"),
        ));
    }
    let texts: Vec<String> = batch
        .requests
        .iter()
        .map(|one| text(&one.content))
        .collect();
    Ok(SimulatedRequest {
        prompt_tokens: texts.iter().map(|text| estimate::text(text)).sum(),
        ..without_output(
            model,
            ResponseKind::Vectors(TextList {
                texts,
                dimensions: first.output_dimensionality,
                is_base64: false,
            }),
        )
    })
}

/// A request whose response has no output tokens.
fn without_output(model: &str, want: ResponseKind) -> SimulatedRequest {
    SimulatedRequest {
        model: model.to_owned(),
        prompt_tokens: 0,
        max_tokens: None,
        is_stream: false,
        wants_usage: true,
        thinking: Thinking::Off,
        want,
    }
}

/// Checks the order that Gemini requires: the first tool call has its signature, and the next
/// content has as many results as there were calls.
fn check(contents: &[Content]) -> Result<(), VendorError> {
    let wrong = |message: &str| Err(VendorError::malformed(message, Some("contents")));
    if contents.is_empty() {
        return wrong("contents is not specified");
    }
    let mut pending_calls = 0;
    for content in contents {
        if !matches!(
            content.role.as_deref(),
            None | Some("user" | "model" | "function")
        ) {
            return wrong("Please use a valid role: user, model.");
        }
        if content.parts.is_empty() {
            return wrong("Unable to submit request because it must have a parts field.");
        }
        let results = parts_with(content, "functionResponse");
        if results.len() != pending_calls {
            return wrong(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn.",
            );
        }
        let is_object = |part: &&Value| part["functionResponse"]["response"].is_object();
        if !results.iter().all(is_object) {
            return wrong("function_response.response must be an object.");
        }
        let calls = parts_with(content, "functionCall");
        if calls
            .first()
            .is_some_and(|call| call["thoughtSignature"].as_str().is_none_or(str::is_empty))
        {
            return wrong("Function call is missing a thought_signature in functionCall parts.");
        }
        pending_calls = calls.len();
    }
    Ok(())
}

fn parts_with<'a>(content: &'a Content, member: &str) -> Vec<&'a Value> {
    let parts = content.parts.iter();
    parts.filter(|part| part.get(member).is_some()).collect()
}

fn ends_with_result(contents: &[Content]) -> bool {
    let last = contents.last().and_then(|content| content.parts.last());
    last.is_some_and(|part| part.get("functionResponse").is_some())
}

/// The functions of one tool. Tools that the vendor runs itself are not simulated.
fn declared(tool: &Value) -> Vec<SimulatedTool> {
    let functions = tool.get("functionDeclarations");
    let functions = functions.or_else(|| tool.get("function_declarations"));
    let read = |function: &Value| {
        let schema = function.get("parametersJsonSchema");
        let schema = schema.or_else(|| function.get("parameters_json_schema"));
        let schema = schema.or_else(|| function.get("parameters"));
        Some(SimulatedTool {
            name: function.get("name")?.as_str()?.to_owned(),
            schema: schema.cloned().unwrap_or_default(),
        })
    };
    let functions = functions.and_then(Value::as_array);
    functions.map_or(Vec::new(), |all| all.iter().filter_map(read).collect())
}

fn text(content: &Content) -> String {
    let texts = content
        .parts
        .iter()
        .filter_map(|part| part["text"].as_str());
    texts.collect::<Vec<&str>>().join(" ")
}

fn tokens(contents: &[Content], system: &Value, tools: &[Value]) -> u32 {
    let content_tokens = |content: &Content| {
        estimate::MESSAGE + content.parts.iter().map(estimate::part).sum::<u32>()
    };
    let instruction = system.get("parts").map_or(0, estimate::content);
    contents.iter().map(content_tokens).sum::<u32>()
        + instruction
        + tools.iter().map(estimate::json).sum::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(contents: &Value) -> Result<SimulatedRequest, VendorError> {
        let body = json!({"contents": contents});
        content("m", false, body.to_string().as_bytes())
    }

    #[test]
    fn message_orders_that_gemini_rejects_are_rejected() {
        let user = |part: Value| json!({"role": "user", "parts": [part]});
        let hello = user(json!({"text": "hello"}));
        let bare = json!({"functionCall": {"name": "tide", "args": {}}});
        let signed = json!({"functionCall": {"name": "tide", "args": {}}, "thoughtSignature": "a"});
        let call = |part: &Value| json!({"role": "model", "parts": [part]});
        let result = |response: Value| {
            user(json!({"functionResponse": {"name": "tide", "response": response}}))
        };
        let cases = [
            (json!([]), "not specified"),
            (
                json!([{"role": "system", "parts": [{"text": "a"}]}]),
                "valid role",
            ),
            (json!([{"role": "user", "parts": []}]), "parts field"),
            (
                json!([hello, call(&bare), result(json!({}))]),
                "thought_signature",
            ),
            (
                json!([hello, call(&signed), hello]),
                "number of function response",
            ),
            (
                json!([hello, result(json!({}))]),
                "number of function response",
            ),
            (
                json!([hello, call(&signed), result(json!("1.4"))]),
                "must be an object",
            ),
        ];

        for (contents, expected) in cases {
            match read(&contents) {
                Err(VendorError::Malformed { message, .. }) => {
                    assert!(message.contains(expected), "{contents}: {message}");
                }
                other => panic!("{contents} was read as {other:?}"),
            }
        }
        read(&json!([hello, call(&signed), result(json!({"output": 1}))])).expect("a good order");
    }

    #[test]
    fn reasoning_follows_the_request() {
        let cases = [
            (json!({}), Thinking::Hidden),
            (
                json!({"thinkingConfig": {"includeThoughts": true}}),
                Thinking::Shown,
            ),
            (
                json!({"thinkingConfig": {"thinkingBudget": 0}}),
                Thinking::Off,
            ),
        ];

        for (config, expected) in cases {
            let contents = json!([{"parts": [{"text": "a"}]}]);
            let body = json!({"contents": contents, "generationConfig": config});
            let request = content("m", false, body.to_string().as_bytes()).expect("a request");
            assert_eq!(request.thinking, expected, "{config}");
        }
    }
}
