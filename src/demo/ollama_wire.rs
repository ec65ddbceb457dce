//! Ollama's native format: lines of JSON, without a key.

use super::estimate;
use super::json_body::parse;
use super::model_list::ModelList;
use super::simulated_request::{
    MAX_TEXTS, RequestOptions, ResponseKind, SimulatedRequest, SimulatedTool, SimulatedToolChoice,
    TextList, Thinking, any_object,
};
use super::simulated_response::{Content, SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire, json_error, rfc3339};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The version that it reports.
const VERSION: &str = "0.12.6";
/// The tag of a model name without one.
const DEFAULT_TAG: &str = ":latest";

/// Ollama's format.
#[derive(Debug)]
pub struct OllamaWire;

#[derive(Deserialize)]
struct ChatRequest {
    #[serde(default)]
    model: String,
    #[serde(default)]
    messages: Vec<Message>,
    stream: Option<bool>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    format: Value,
    #[serde(default)]
    options: Options,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
}

#[derive(Deserialize)]
struct ToolCall {
    function: FunctionCall,
}

#[derive(Deserialize)]
struct FunctionCall {
    name: String,
    /// An object; text is rejected.
    #[serde(default)]
    arguments: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Default)]
struct Options {
    num_predict: Option<i64>,
}

#[derive(Deserialize)]
struct EmbedRequest {
    #[serde(default)]
    model: String,
    #[serde(default)]
    input: Value,
    dimensions: Option<u32>,
}

impl Wire for OllamaWire {
    fn kind(&self) -> &'static str {
        "ollama"
    }

    fn base_path(&self) -> &'static str {
        ""
    }

    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute> {
        match (method, path) {
            (&Method::POST, "/api/chat") => Some(VendorRoute::Chat),
            (&Method::POST, "/api/embed") => Some(VendorRoute::Embed),
            (&Method::GET, "/api/tags" | "/api/ps" | "/api/version") => Some(VendorRoute::Listing),
            _ => None,
        }
    }

    fn admit(&self, _head: &Parts, _key: Option<&str>) -> Result<(), VendorError> {
        Ok(())
    }

    fn read(
        &self,
        route: VendorRoute,
        _uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError> {
        match route {
            VendorRoute::Embed => read_embed(body),
            _ => read_chat(body),
        }
    }

    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError> {
        if path == "/api/version" {
            return Ok(json!({"version": VERSION}));
        }
        let entry = |model: &str| {
            let name = format!("{model}{DEFAULT_TAG}");
            json!({
                "name": name,
                "model": name,
                "modified_at": rfc3339(models.created),
                "size": 2_019_393_189_u32,
                "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
                "details": {
                    "parent_model": "",
                    "format": "gguf",
                    "family": "llama",
                    "families": ["llama"],
                    "parameter_size": "3.2B",
                    "quantization_level": "Q4_K_M",
                },
            })
        };
        let models: Vec<Value> = models.models().map(entry).collect();
        Ok(json!({"models": models}))
    }

    fn error_response(&self, error: &VendorError) -> Response<Bytes> {
        let (status, message) = describe(error);
        json_error(status, &json!({"error": message}))
    }

    /// Ollama has no headers about limits.
    fn write_headers(&self, _meta: &ResponseMeta, _headers: &mut HeaderMap) {}

    fn complete_body(&self, answer: &SimulatedResponse) -> Value {
        if let Content::Vectors(vectors) = &answer.content {
            return json!({
                "model": answer.model,
                "embeddings": vectors.vectors,
                "total_duration": nanoseconds(answer.reading),
                "load_duration": 1_019_500,
                "prompt_eval_count": answer.prompt_tokens,
            });
        }
        let calls: Vec<Value> = answer
            .calls()
            .filter_map(|(number, name, part)| call(answer, number, name, &part.text))
            .collect();
        let mut message = json!({"role": "assistant", "content": answer.text()});
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        done(answer, &message)
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn stream_start(&self, _answer: &SimulatedResponse) -> String {
        String::new()
    }

    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        _slices_before: u32,
    ) -> String {
        let message = match &slice.part.call {
            None => json!({"role": "assistant", "content": slice.text}),
            Some(name) if slice.is_last => {
                let Some(call) = call(answer, slice.number, name, &slice.part.text) else {
                    return String::new();
                };
                json!({"role": "assistant", "content": "", "tool_calls": [call]})
            }
            Some(_) => return String::new(),
        };
        line(&message_line(answer, &message))
    }

    fn stream_end(&self, answer: &SimulatedResponse, _slices: u32) -> String {
        line(&done(answer, &json!({"role": "assistant", "content": ""})))
    }
}

fn read_chat(body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: ChatRequest = parse(body, "a chat request")?;
    if request.messages.is_empty() {
        return Err(VendorError::malformed(
            "messages is empty",
            Some("messages"),
        ));
    }
    let known = |message: &Message| {
        ["system", "user", "assistant", "tool"].contains(&message.role.as_str())
    };
    if !request.messages.iter().all(known) {
        return Err(VendorError::malformed("unknown role", Some("messages")));
    }
    let tool = |tool: &Value| {
        let function = tool.get("function")?;
        Some(SimulatedTool {
            name: function.get("name")?.as_str()?.to_owned(),
            schema: function.get("parameters").cloned().unwrap_or_default(),
        })
    };
    let options = RequestOptions {
        tools: request.tools.iter().filter_map(tool).collect(),
        choice: SimulatedToolChoice::Any,
        forbids_parallel: false,
        schema: match request.format {
            Value::String(word) if word == "json" => Some(any_object()),
            Value::Object(schema) => Some(schema.into()),
            _ => None,
        },
        ends_with_result: request
            .messages
            .last()
            .is_some_and(|last| last.role == "tool"),
    };
    let tokens = |message: &Message| {
        let images = u32::try_from(message.images.len()).unwrap_or(0);
        let calls = message.tool_calls.iter().map(|call| {
            estimate::text(&call.function.name)
                + estimate::json(&Value::Object(call.function.arguments.clone()))
        });
        estimate::MESSAGE
            + estimate::text(&message.content)
            + calls.sum::<u32>()
            + images.min(1000) * estimate::IMAGE
    };
    Ok(SimulatedRequest {
        model: without_default_tag(request.model),
        prompt_tokens: request.messages.iter().map(tokens).sum::<u32>()
            + request.tools.iter().map(estimate::json).sum::<u32>(),
        // Values of 0 or less mean: unlimited.
        max_tokens: request
            .options
            .num_predict
            .filter(|max| 0 < *max)
            .and_then(|max| u32::try_from(max).ok()),
        is_stream: request.stream.unwrap_or(true),
        wants_usage: true,
        thinking: Thinking::Off,
        want: options.want(),
    })
}

fn read_embed(body: &[u8]) -> Result<SimulatedRequest, VendorError> {
    let request: EmbedRequest = parse(body, "an embed request")?;
    let texts = match request.input {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => {
            let text = |item: Value| item.as_str().map(str::to_owned);
            items.into_iter().map(text).collect()
        }
        _ => None,
    };
    let texts: Vec<String> = texts
        .filter(|texts: &Vec<String>| (1..=MAX_TEXTS).contains(&texts.len()))
        .ok_or_else(|| {
            let message = format!("invalid input type: expected 1 to {MAX_TEXTS} texts");
            VendorError::malformed(message, Some("input"))
        })?;
    Ok(SimulatedRequest {
        model: without_default_tag(request.model),
        prompt_tokens: texts.iter().map(|text| estimate::text(text)).sum(),
        max_tokens: None,
        is_stream: false,
        wants_usage: true,
        thinking: Thinking::Off,
        want: ResponseKind::Vectors(TextList {
            texts,
            dimensions: request.dimensions.filter(|dimensions| 0 < *dimensions),
            is_base64: false,
        }),
    })
}

fn without_default_tag(mut model: String) -> String {
    if let Some(name) = model.strip_suffix(DEFAULT_TAG) {
        model.truncate(name.len());
    }
    model
}

fn describe(error: &VendorError) -> (StatusCode, String) {
    match error {
        VendorError::NoKey | VendorError::WrongKey => {
            (StatusCode::UNAUTHORIZED, "unauthorized".to_owned())
        }
        VendorError::Malformed { message, .. } => (StatusCode::BAD_REQUEST, message.clone()),
        VendorError::UnknownModel(model) => {
            (StatusCode::NOT_FOUND, format!("model '{model}' not found"))
        }
        VendorError::NoRoute { .. } => (StatusCode::NOT_FOUND, "404 page not found".to_owned()),
        VendorError::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests, please try again later".to_owned(),
        ),
        VendorError::Broken => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "llama runner process has terminated: exit status 2".to_owned(),
        ),
        // The two spaces are in Ollama's own message.
        VendorError::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "server busy, please try again.  maximum pending requests exceeded".to_owned(),
        ),
    }
}

/// A tool call with its arguments as an object; `None` if they were cut.
fn call(answer: &SimulatedResponse, number: usize, name: &str, arguments: &str) -> Option<Value> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let function = json!({"index": number, "name": name, "arguments": arguments});
    Some(json!({"id": format!("call_{}", answer.part_identity(number)), "function": function}))
}

fn message_line(answer: &SimulatedResponse, message: &Value) -> Value {
    json!({
        "model": answer.model,
        "created_at": rfc3339(answer.created),
        "message": message,
        "done": false,
    })
}

/// The last line, with the counts.
fn done(answer: &SimulatedResponse, message: &Value) -> Value {
    let mut last = message_line(answer, message);
    last["done"] = true.into();
    last["done_reason"] = if answer.is_cut_short {
        "length"
    } else {
        "stop"
    }
    .into();
    last["total_duration"] = nanoseconds(answer.reading + answer.writing).into();
    last["load_duration"] = 51_234_567.into();
    last["prompt_eval_count"] = answer.prompt_tokens.into();
    last["prompt_eval_duration"] = nanoseconds(answer.reading).into();
    last["eval_count"] = answer.tokens().into();
    last["eval_duration"] = nanoseconds(answer.writing).into();
    last
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}
