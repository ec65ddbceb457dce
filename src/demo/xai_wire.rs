//! xAI's format: OpenAI's with differences. Errors are flat, a wrong key is a bad request, tool
//! calls come complete and leave the finish reason empty, and reasoning is shown but counted in the
//! total only.

use super::model_list::ModelList;
use super::openai_chat::{TERMINATOR, call, calls, chunk, completion, event, usage_chunk};
use super::simulated_request::{SimulatedRequest, Thinking};
use super::simulated_response::{SimulatedResponse, Slice};
use super::vendor_error::VendorError;
use super::vendor_route::VendorRoute;
use super::wire::{ResponseMeta, Wire, bearer, compare, error_with_delay};
use super::{openai_request, openai_wire};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

/// xAI's format.
#[derive(Debug)]
pub struct XaiWire;

impl Wire for XaiWire {
    fn kind(&self) -> &'static str {
        "xai"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn route(&self, method: &Method, path: &str) -> Option<VendorRoute> {
        match (method, path) {
            (&Method::POST, "/v1/chat/completions") => Some(VendorRoute::Chat),
            _ => openai_wire::listing_route(method, path),
        }
    }

    fn admit(&self, head: &Parts, key: Option<&str>) -> Result<(), VendorError> {
        compare(bearer(&head.headers), key)
    }

    fn read(
        &self,
        _route: VendorRoute,
        _uri: &Uri,
        body: &[u8],
    ) -> Result<SimulatedRequest, VendorError> {
        Ok(SimulatedRequest {
            thinking: Thinking::Shown,
            ..openai_request::chat(body)?
        })
    }

    fn listing(&self, path: &str, models: &ModelList) -> Result<Value, VendorError> {
        openai_wire::listing(path, models)
    }

    fn error_response(&self, error: &VendorError) -> Response<Bytes> {
        let (status, code, message) = describe(error);
        error_with_delay(error, status, &json!({"code": code, "error": message}))
    }

    fn write_headers(&self, meta: &ResponseMeta, headers: &mut HeaderMap) {
        openai_wire::write_headers(meta, headers);
    }

    fn complete_body(&self, answer: &SimulatedResponse) -> Value {
        let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
        if let Some(reasoning) = answer.reasoning() {
            message["reasoning_content"] = reasoning.into();
        }
        let calls = calls(answer);
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        completion(answer, &message, finish(answer), usage(answer))
    }

    fn stream_start(&self, answer: &SimulatedResponse) -> String {
        let mut delta = json!({"role": "assistant", "content": ""});
        if let Some(reasoning) = answer.reasoning() {
            delta["reasoning_content"] = reasoning.into();
        }
        event(&chunk(answer, &delta, None))
    }

    fn stream_delta(
        &self,
        answer: &SimulatedResponse,
        slice: &Slice<'_>,
        _slices_before: u32,
    ) -> String {
        let delta = match &slice.part.call {
            None => json!({"content": slice.text}),
            Some(name) if slice.is_last => {
                let call = call(answer, slice.number, name, &slice.part.text);
                json!({"tool_calls": [call]})
            }
            Some(_) => return String::new(),
        };
        event(&chunk(answer, &delta, None))
    }

    fn stream_end(&self, answer: &SimulatedResponse, _slices: u32) -> String {
        let mut events = event(&chunk(answer, &json!({}), Some(finish(answer))));
        if answer.wants_usage {
            events.push_str(&event(&usage_chunk(answer, usage(answer))));
        }
        events.push_str(TERMINATOR);
        events
    }
}

/// Status, gRPC description and message of an error.
fn describe(error: &VendorError) -> (StatusCode, &'static str, String) {
    let invalid = "Client specified an invalid argument";
    match error {
        VendorError::NoKey => (
            StatusCode::UNAUTHORIZED,
            "The request does not have valid authentication credentials for the operation",
            "No API key was given in the Authorization header.".to_owned(),
        ),
        VendorError::WrongKey => (
            StatusCode::BAD_REQUEST,
            invalid,
            "Incorrect API key provided. Get a key from the console.".to_owned(),
        ),
        VendorError::Malformed { message, .. } => {
            (StatusCode::BAD_REQUEST, invalid, message.clone())
        }
        VendorError::UnknownModel(model) => (
            StatusCode::NOT_FOUND,
            "Some requested entity was not found",
            format!("The model {model} does not exist or your team does not have access to it."),
        ),
        VendorError::NoRoute { method, path } => (
            StatusCode::NOT_FOUND,
            "Some requested entity was not found",
            format!("Nothing answers {method} {path}."),
        ),
        VendorError::RateLimited { retry_after } => (
            StatusCode::TOO_MANY_REQUESTS,
            "Some resource has been exhausted",
            format!("Too many requests for the team. Please try again in {retry_after}s."),
        ),
        VendorError::Broken => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal error",
            "Something went wrong on our side.".to_owned(),
        ),
        VendorError::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The service is currently unavailable",
            "The model is at capacity. Please try again later.".to_owned(),
        ),
    }
}

fn usage(answer: &SimulatedResponse) -> Value {
    let (prompt, output, reasoning) = (
        answer.prompt_tokens,
        answer.tokens(),
        answer.reasoning_tokens(),
    );
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output + reasoning,
        "prompt_tokens_details": {
            "text_tokens": prompt,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
    })
}

fn finish(answer: &SimulatedResponse) -> &'static str {
    if answer.is_cut_short {
        "length"
    } else if answer.calls().next().is_some() {
        ""
    } else {
        "stop"
    }
}
