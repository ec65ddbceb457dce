//! Anthropic's messages format.

use super::anthropic_request;
use super::model_list::ModelList;
use super::simulated_request::SimulatedRequest;
use super::simulated_response::{Content, ResponsePart, SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire, bearer, compare, error_with_delay, rfc3339};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

/// Signature of a reasoning block, which later requests must send back.
const SIGNATURE: &str = "c2ltdWxhdGVkIHRob3VnaHQ=";

/// Anthropic's format.
#[derive(Debug)]
pub struct AnthropicWire;

impl Wire for AnthropicWire {
    fn kind(&self) -> &'static str {
        "anthropic"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute> {
        match (method, path) {
            (&Method::POST, "/v1/messages") => Some(VendorRoute::Chat),
            (&Method::POST, "/v1/messages/count_tokens") => Some(VendorRoute::Count),
            (&Method::GET, "/v1/models") => Some(VendorRoute::Listing),
            (&Method::GET, path) if path.starts_with("/v1/models/") => Some(VendorRoute::Listing),
            _ => None,
        }
    }

    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError> {
        let given = head.headers.get("x-api-key").map(HeaderValue::to_str);
        let given = given.and_then(Result::ok).or_else(|| bearer(&head.headers));
        compare(given, key)?;
        match head.headers.get("anthropic-version") {
            Some(version) if !version.is_empty() => Ok(()),
            _ => Err(VendorError::malformed(
                "anthropic-version: header is required",
                None,
            )),
        }
    }

    fn read(
        &self,
        route: VendorRoute,
        _uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError> {
        anthropic_request::read(route, body)
    }

    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError> {
        let entry = |model: &str| {
            json!({
                "id": model,
                "type": "model",
                "display_name": model,
                "created_at": rfc3339(models.created),
                "lifecycle": "active",
                "max_input_tokens": 200_000,
                "max_tokens": 64_000,
            })
        };
        if let Some(name) = path.strip_prefix("/v1/models/") {
            return Ok(entry(models.named(name)?));
        }
        let models: Vec<&str> = models.models().collect();
        Ok(json!({
            "data": models.iter().copied().map(entry).collect::<Vec<Value>>(),
            "has_more": false,
            "first_id": models.first(),
            "last_id": models.last(),
        }))
    }

    fn error_response(&self, error: &VendorError) -> Response<Bytes> {
        let (status, kind, message) = describe(error);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": null,
        });
        error_with_delay(error, status, &body)
    }

    fn write_headers(&self, meta: &ResponseMeta, headers: &mut HeaderMap) {
        let mut write = |name: &'static str, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        };
        write("request-id", format!("req_{:016x}", meta.identity));
        let Some(allowance) = meta.allowance else {
            return;
        };
        let limit = allowance.limit.to_string();
        let remaining = allowance.remaining.to_string();
        // Rounded up to a whole second: a reset time in the past would be useless.
        let reset = meta.now + allowance.reset.as_secs() + 1;
        write("anthropic-ratelimit-requests-limit", limit);
        write("anthropic-ratelimit-requests-remaining", remaining);
        write("anthropic-ratelimit-requests-reset", rfc3339(reset));
    }

    fn complete_body(&self, answer: &SimulatedResponse) -> Value {
        if answer.content == Content::Count {
            return json!({"input_tokens": answer.prompt_tokens});
        }
        let reasoning = answer
            .reasoning()
            .map(|text| json!({"type": "thinking", "thinking": text, "signature": SIGNATURE}));
        let message_parts = answer.parts().iter().enumerate();
        let message_parts = message_parts.map(|(number, part)| match &part.call {
            None => json!({"type": "text", "text": part.text}),
            Some(name) => {
                // Arguments that were cut are not valid JSON.
                let input = serde_json::from_str(&part.text).unwrap_or_else(|_cut| json!({}));
                tool_use(answer, number, name, &input)
            }
        });
        let content: Vec<Value> = reasoning.into_iter().chain(message_parts).collect();
        let mut message = message(answer, &content);
        message["stop_reason"] = stop_reason(answer).into();
        message["usage"] = usage(answer, answer.tokens() + answer.reasoning_tokens());
        message
    }

    fn stream_start(&self, answer: &SimulatedResponse) -> String {
        let mut message = message(answer, &[]);
        // The first usage only says that the output has begun.
        message["usage"] = usage(answer, 1);
        let mut events = event("message_start", json!({"message": message}));
        events.push_str(&event("ping", json!({})));
        if let Some(reasoning) = answer.reasoning() {
            let empty = json!({"type": "thinking", "thinking": "", "signature": ""});
            let thought = json!({"type": "thinking_delta", "thinking": reasoning});
            let signature = json!({"type": "signature_delta", "signature": SIGNATURE});
            events.push_str(&start(0, &empty));
            events.push_str(&delta(0, &thought));
            events.push_str(&delta(0, &signature));
            events.push_str(&stop(0));
        }
        events
    }

    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        _slices_before: u32,
    ) -> String {
        let index = slice.number + usize::from(answer.reasoning().is_some());
        let mut events = String::new();
        match &slice.part.call {
            None => {
                if slice.is_first {
                    events.push_str(&start(index, &json!({"type": "text", "text": ""})));
                }
                let text = json!({"type": "text_delta", "text": slice.text});
                events.push_str(&delta(index, &text));
            }
            Some(name) => {
                if slice.is_first {
                    let block = tool_use(answer, slice.number, name, &json!({}));
                    events.push_str(&start(index, &block));
                }
                events.push_str(&arguments(index, slice));
            }
        }
        if slice.is_last {
            events.push_str(&stop(index));
        }
        events
    }

    fn stream_end(&self, answer: &SimulatedResponse, _slices: u32) -> String {
        let end = json!({
            "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
            "usage": {"output_tokens": answer.tokens() + answer.reasoning_tokens()},
        });
        event("message_delta", end) + &event("message_stop", json!({}))
    }
}

/// One fragment of a call's arguments. An empty fragment comes first; a call without arguments has
/// no fragments.
fn arguments(index: usize, slice: &Slice<'_>) -> String {
    if slice.part.text == "{}" {
        return String::new();
    }
    let piece = |text: &str| {
        delta(
            index,
            &json!({"type": "input_json_delta", "partial_json": text}),
        )
    };
    let first = if slice.is_first {
        piece("")
    } else {
        String::new()
    };
    first + &piece(slice.text)
}

/// Status, type and message of an error.
fn describe(error: &VendorError) -> (u16, &'static str, String) {
    match error {
        VendorError::NoKey => (
            401,
            "authentication_error",
            "x-api-key header is required".to_owned(),
        ),
        VendorError::WrongKey => (401, "authentication_error", "invalid x-api-key".to_owned()),
        VendorError::Malformed { message, .. } => (400, "invalid_request_error", message.clone()),
        VendorError::UnknownModel(model) => (404, "not_found_error", format!("model: {model}")),
        VendorError::NoRoute { .. } => (404, "not_found_error", "Not Found".to_owned()),
        VendorError::RateLimited { .. } => (
            429,
            "rate_limit_error",
            "This request would exceed your organization's rate limit.".to_owned(),
        ),
        VendorError::Broken => (500, "api_error", "Internal server error".to_owned()),
        VendorError::Unavailable => (529, "overloaded_error", "Overloaded".to_owned()),
    }
}

fn message(answer: &SimulatedResponse, content: &[Value]) -> Value {
    json!({
        "id": format!("msg_{:016x}", answer.identity),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": null,
        "stop_sequence": null,
    })
}

fn tool_use(answer: &SimulatedResponse, part: usize, name: &str, input: &Value) -> Value {
    let id = format!("toolu_{}", answer.part_identity(part));
    json!({"type": "tool_use", "id": id, "name": name, "input": input})
}

fn usage(answer: &SimulatedResponse, output_tokens: u32) -> Value {
    json!({
        "input_tokens": answer.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

fn stop_reason(answer: &SimulatedResponse) -> &'static str {
    let is_call = |part: &ResponsePart| part.call.is_some();
    if answer.is_cut_short {
        "max_tokens"
    } else if answer.parts().iter().any(is_call) {
        "tool_use"
    } else {
        "end_turn"
    }
}

fn start(index: usize, block: &Value) -> String {
    let members = json!({"index": index, "content_block": block});
    event("content_block_start", members)
}

fn delta(index: usize, delta: &Value) -> String {
    event(
        "content_block_delta",
        json!({"index": index, "delta": delta}),
    )
}

fn stop(index: usize) -> String {
    event("content_block_stop", json!({"index": index}))
}

/// An event with a type and members.
fn event(kind: &str, members: Value) -> String {
    let mut data = json!({"type": kind});
    if let (Some(data), Value::Object(members)) = (data.as_object_mut(), members) {
        data.extend(members);
    }
    format!("event: {kind}\ndata: {data}\n\n")
}
