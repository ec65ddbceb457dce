//! Gemini's format: generateContent, countTokens, batchEmbedContents and models.

use super::gemini_request;
use super::model_list::ModelList;
use super::simulated_request::SimulatedRequest;
use super::simulated_response::{Content, SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire, compare, json_error};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

/// Signature of the first call of a step, which later requests must send back.
const SIGNATURE: &str = "c2ltdWxhdGVkIHRob3VnaHQ=";

/// Gemini's format.
#[derive(Debug)]
pub struct GeminiWire;

impl Wire for GeminiWire {
    fn kind(&self) -> &'static str {
        "gemini"
    }

    fn base_path(&self) -> &'static str {
        "/v1beta"
    }

    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute> {
        let rest = below_models(path)?;
        match (method, rest.split_once(':')) {
            (&Method::GET, None) => Some(VendorRoute::Listing),
            (&Method::POST, Some((_, "generateContent" | "streamGenerateContent"))) => {
                Some(VendorRoute::Chat)
            }
            (&Method::POST, Some((_, "countTokens"))) => Some(VendorRoute::Count),
            (&Method::POST, Some((_, "batchEmbedContents"))) => Some(VendorRoute::Embed),
            _ => None,
        }
    }

    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError> {
        let header = head.headers.get("x-goog-api-key").map(HeaderValue::to_str);
        let mut query = head.uri.query().unwrap_or("").split('&');
        let query = query.find_map(|pair| pair.strip_prefix("key="));
        compare(header.and_then(Result::ok).or(query), key)
    }

    fn read(
        &self,
        route: VendorRoute,
        uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError> {
        let (model, verb) = below_models(uri.path())
            .and_then(|rest| rest.split_once(':'))
            .unwrap_or_default();
        match route {
            VendorRoute::Embed => gemini_request::embeddings(model, body),
            VendorRoute::Count => gemini_request::count(model, body),
            _ => {
                let is_stream = verb == "streamGenerateContent";
                let query = uri.query().unwrap_or("");
                if is_stream && !query.split('&').any(|pair| pair == "alt=sse") {
                    return Err(VendorError::malformed(
                        "Streams are simulated as events only; expected alt=sse.",
                        Some("alt"),
                    ));
                }
                gemini_request::content(model, is_stream, body)
            }
        }
    }

    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError> {
        let entry = |model: &str| {
            let is_embedder = models.embedder.is_some_and(|known| known.model == model);
            let verbs: &[&str] = if is_embedder {
                &["embedContent"]
            } else {
                &["generateContent", "countTokens"]
            };
            json!({
                "name": format!("models/{model}"),
                "version": "001",
                "displayName": model,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": verbs,
            })
        };
        match below_models(path) {
            None | Some("") => {
                let models: Vec<Value> = models.models().map(entry).collect();
                Ok(json!({"models": models}))
            }
            Some(name) => Ok(entry(models.named(name)?)),
        }
    }

    fn error_response(&self, error: &VendorError) -> Response<Bytes> {
        let (status, word, message) = describe(error);
        let mut body = json!({"code": status.as_u16(), "message": message, "status": word});
        if let Some(details) = details(error) {
            body["details"] = details;
        }
        json_error(status, &json!({"error": body}))
    }

    /// Gemini has no headers about limits.
    fn write_headers(&self, _meta: &ResponseMeta, _headers: &mut HeaderMap) {}

    fn complete_body(&self, answer: &SimulatedResponse) -> Value {
        match &answer.content {
            Content::Count => json!({
                "totalTokens": answer.prompt_tokens,
                "promptTokensDetails": text_tokens(answer.prompt_tokens),
            }),
            Content::Vectors(vectors) => {
                let values = vectors.vectors.iter();
                let embeddings: Vec<Value> = values.map(|one| json!({"values": one})).collect();
                json!({"embeddings": embeddings})
            }
            Content::Message(parts) => {
                let reasoning = answer.reasoning().as_deref().map(reasoning_part);
                let message = parts.iter().enumerate();
                let message = message.filter_map(|(number, part)| match &part.call {
                    None => Some(json!({"text": part.text})),
                    Some(name) => call(answer, number, name, &part.text),
                });
                let parts: Vec<Value> = reasoning.into_iter().chain(message).collect();
                content_response(answer, &parts, Some(answer.tokens()), Some(finish(answer)))
            }
        }
    }

    fn stream_start(&self, answer: &SimulatedResponse) -> String {
        let reasoning = answer.reasoning().as_deref().map(reasoning_part);
        reasoning.map_or_else(String::new, |part| {
            event(&content_response(answer, &[part], None, None))
        })
    }

    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        _slices_before: u32,
    ) -> String {
        let part = match &slice.part.call {
            None => Some(json!({"text": slice.text})),
            Some(name) if slice.is_last => call(answer, slice.number, name, &slice.part.text),
            Some(_) => None,
        };
        part.map_or_else(String::new, |part| {
            event(&content_response(
                answer,
                &[part],
                Some(slice.tokens_so_far),
                None,
            ))
        })
    }

    fn stream_end(&self, answer: &SimulatedResponse, _slices: u32) -> String {
        let empty = [json!({"text": ""})];
        event(&content_response(
            answer,
            &empty,
            Some(answer.tokens()),
            Some(finish(answer)),
        ))
    }
}

/// The path below the models' address, without the slash; both API versions are served.
fn below_models(path: &str) -> Option<&str> {
    let rest = path
        .strip_prefix("/v1beta/models")
        .or_else(|| path.strip_prefix("/v1/models"))?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
}

fn describe(error: &VendorError) -> (StatusCode, &'static str, String) {
    match error {
        VendorError::NoKey => (
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers. Please use an API key.".to_owned(),
        ),
        VendorError::WrongKey => (
            StatusCode::BAD_REQUEST,
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.".to_owned(),
        ),
        VendorError::Malformed { message, .. } => {
            (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message.clone())
        }
        VendorError::UnknownModel(model) => (
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("models/{model} is not found, or is not supported for this method."),
        ),
        VendorError::NoRoute { method, path } => (
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("Nothing answers {method} {path}."),
        ),
        VendorError::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan.".to_owned(),
        ),
        VendorError::Broken => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "An internal error has occurred. Please retry.".to_owned(),
        ),
        VendorError::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.".to_owned(),
        ),
    }
}

/// The machine-readable details of an error.
fn details(error: &VendorError) -> Option<Value> {
    match error {
        VendorError::WrongKey => Some(json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }])),
        VendorError::RateLimited { retry_after } => Some(json!([
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{
                    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                    "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                }],
            },
            {
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{retry_after}s"),
            },
        ])),
        _ => None,
    }
}

/// A complete response, or one event of a stream: parts, and the usage so far.
fn content_response(
    answer: &SimulatedResponse,
    parts: &[Value],
    output_tokens: Option<u32>,
    finish: Option<&str>,
) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    let (prompt_tokens, reasoning_tokens) = (answer.prompt_tokens, answer.reasoning_tokens());
    let mut usage = json!({
        "promptTokenCount": prompt_tokens,
        "totalTokenCount": prompt_tokens + reasoning_tokens + output_tokens.unwrap_or(0),
        "promptTokensDetails": text_tokens(prompt_tokens),
    });
    if let Some(output_tokens) = output_tokens {
        usage["candidatesTokenCount"] = output_tokens.into();
    }
    if 0 < reasoning_tokens {
        usage["thoughtsTokenCount"] = reasoning_tokens.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": answer.model,
        "responseId": format!("{:016x}", answer.identity),
    })
}

fn text_tokens(count: u32) -> Value {
    json!([{"modality": "TEXT", "tokenCount": count}])
}

fn reasoning_part(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

/// A tool call; `None` if its arguments were cut.
fn call(answer: &SimulatedResponse, number: usize, name: &str, arguments: &str) -> Option<Value> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let id = format!("fc_{}", answer.part_identity(number));
    let mut part = json!({"functionCall": {"id": id, "name": name, "args": arguments}});
    if number == 0 {
        part["thoughtSignature"] = SIGNATURE.into();
    }
    Some(part)
}

fn finish(answer: &SimulatedResponse) -> &'static str {
    if answer.is_cut_short {
        "MAX_TOKENS"
    } else {
        "STOP"
    }
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}
