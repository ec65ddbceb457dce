//! OpenAI's format: chat completions, responses and embeddings.

use super::model_list::ModelList;
use super::simulated_request::SimulatedRequest;
use super::simulated_response::{Content, SimulatedResponse, Slice, Vectors};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire, bearer, compare, error_with_delay};
use super::{openai_chat, openai_request, openai_responses};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};
use std::time::Duration;

/// OpenAI's format.
#[derive(Debug)]
pub struct OpenAiWire;

impl Wire for OpenAiWire {
    fn kind(&self) -> &'static str {
        "openai"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute> {
        match (method, path) {
            (&Method::POST, "/v1/chat/completions") => Some(VendorRoute::Chat),
            (&Method::POST, "/v1/responses") => Some(VendorRoute::Response),
            (&Method::POST, "/v1/embeddings") => Some(VendorRoute::Embed),
            _ => listing_route(method, path),
        }
    }

    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError> {
        compare(bearer(&head.headers), key)
    }

    fn read(
        &self,
        route: VendorRoute,
        _uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError> {
        match route {
            VendorRoute::Embed => openai_request::embeddings(body),
            VendorRoute::Response => openai_responses::read(body),
            _ => openai_request::chat(body),
        }
    }

    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError> {
        listing(path, models)
    }

    fn error_response(&self, error: &VendorError) -> Response<Bytes> {
        let text = ErrorText::new(error);
        let body = json!({"error": {
            "message": text.message,
            "type": text.kind,
            "param": text.param,
            "code": text.code,
        }});
        error_with_delay(error, text.status, &body)
    }

    fn write_headers(&self, meta: &ResponseMeta, headers: &mut HeaderMap) {
        write_headers(meta, headers);
    }

    fn complete_body(&self, answer: &SimulatedResponse) -> Value {
        match (&answer.content, answer.route) {
            (Content::Vectors(vectors), _) => embeddings(answer, vectors),
            (_, VendorRoute::Response) => openai_responses::complete_body(answer),
            _ => openai_chat::complete_body(answer),
        }
    }

    fn stream_start(&self, answer: &SimulatedResponse) -> String {
        match answer.route {
            VendorRoute::Response => openai_responses::stream_start(answer),
            _ => openai_chat::stream_start(answer),
        }
    }

    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        slices_before: u32,
    ) -> String {
        match answer.route {
            VendorRoute::Response => openai_responses::stream_delta(answer, slice, slices_before),
            _ => openai_chat::stream_delta(answer, slice),
        }
    }

    fn stream_end(&self, answer: &SimulatedResponse, slices: u32) -> String {
        match answer.route {
            VendorRoute::Response => openai_responses::stream_end(answer, slices),
            _ => openai_chat::stream_end(answer),
        }
    }
}

/// The route of the list of models, or of one model.
pub fn listing_route(method: &Method, path: &str) -> Option<VendorRoute> {
    let rest = path.strip_prefix("/v1/models")?;
    let is_one = rest.strip_prefix('/').is_some_and(|name| !name.is_empty());
    (method == Method::GET && (rest.is_empty() || is_one)).then_some(VendorRoute::Listing)
}

/// All models, or the one that the path names.
pub fn listing(path: &str, models: &ModelList) -> Result<Value, VendorError> {
    let entry = |model: &str| {
        json!({
            "id": model,
            "object": "model",
            "created": models.created,
            "owned_by": models.owner,
        })
    };
    if let Some(name) = path.strip_prefix("/v1/models/") {
        return Ok(entry(models.named(name)?));
    }
    let models: Vec<Value> = models.models().map(entry).collect();
    Ok(json!({"object": "list", "data": models}))
}

/// Writes request id and limits into the headers.
pub fn write_headers(meta: &ResponseMeta, headers: &mut HeaderMap) {
    if let Ok(identity) = HeaderValue::try_from(format!("req_{:016x}", meta.identity)) {
        headers.insert("x-request-id", identity);
    }
    let Some(allowance) = meta.allowance else {
        return;
    };
    headers.insert("x-ratelimit-limit-requests", allowance.limit.into());
    headers.insert("x-ratelimit-remaining-requests", allowance.remaining.into());
    if let Ok(reset) = HeaderValue::try_from(duration_text(allowance.reset)) {
        headers.insert("x-ratelimit-reset-requests", reset);
    }
}

fn embeddings(answer: &SimulatedResponse, vectors: &Vectors) -> Value {
    let written = |vector: &Vec<f32>| {
        if vectors.is_base64 {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            json!(BASE64_STANDARD.encode(bytes))
        } else {
            json!(vector)
        }
    };
    let data: Vec<Value> = vectors
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            json!({"object": "embedding", "index": index, "embedding": written(vector)})
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": answer.model,
        "usage": {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens},
    })
}

/// One error in OpenAI's format.
struct ErrorText<'a> {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'static str>,
}

impl<'a> ErrorText<'a> {
    fn new(error: &'a VendorError) -> Self {
        let text = |status, kind, code, message: String| Self {
            status,
            message,
            kind,
            param: None,
            code,
        };
        let request = "invalid_request_error";
        match error {
            VendorError::NoKey => text(
                StatusCode::UNAUTHORIZED,
                request,
                None,
                "You didn't provide an API key.".to_owned(),
            ),
            VendorError::WrongKey => text(
                StatusCode::UNAUTHORIZED,
                request,
                Some("invalid_api_key"),
                "Incorrect API key provided.".to_owned(),
            ),
            VendorError::Malformed { message, param } => Self {
                param: *param,
                ..text(StatusCode::BAD_REQUEST, request, None, message.clone())
            },
            VendorError::UnknownModel(model) => Self {
                param: Some("model"),
                ..text(
                    StatusCode::NOT_FOUND,
                    request,
                    Some("model_not_found"),
                    format!("The model `{model}` does not exist or you do not have access to it."),
                )
            },
            VendorError::NoRoute { method, path } => text(
                StatusCode::NOT_FOUND,
                request,
                Some("unknown_url"),
                format!("Unknown request URL: {method} {path}."),
            ),
            VendorError::RateLimited { retry_after } => text(
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                Some("rate_limit_exceeded"),
                format!("Rate limit reached. Please try again in {retry_after}s."),
            ),
            VendorError::Broken => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                None,
                "The server had an error while processing your request.".to_owned(),
            ),
            VendorError::Unavailable => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "The server is currently unavailable. Please try again later.".to_owned(),
            ),
        }
    }
}

/// A duration in OpenAI's notation: `120ms`, `1.8s`, `6m0s`.
fn duration_text(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    if 0 < minutes {
        return format!("{minutes}m{}s", rest / 1000);
    }
    if rest < 1000 {
        return format!("{rest}ms");
    }
    format!("{}.{}s", rest / 1000, rest % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_openais_notation() {
        assert_eq!(duration_text(Duration::from_millis(120)), "120ms");
        assert_eq!(duration_text(Duration::from_millis(1830)), "1.8s");
        assert_eq!(duration_text(Duration::from_mins(6)), "6m0s");
    }
}
