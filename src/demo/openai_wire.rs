//! OPENAI'S CHAT COMPLETIONS, as the simulated vendors speak them.

use super::limit::Allowance;
use super::wire::{Answer, Ask, Refusal, Route, Wire};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What a picture costs to read, whatever its size.
const IMAGE_TOKENS: u32 = 85;
/// What role and separators of one message cost.
const MESSAGE_TOKENS: u32 = 4;

/// OpenAI's shape.
#[derive(Debug)]
pub struct OpenAiWire;

#[derive(Deserialize)]
struct ChatRequest {
    model: Option<String>,
    messages: Option<Vec<Message>>,
    max_completion_tokens: Option<u32>,
    max_tokens: Option<u32>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Wire for OpenAiWire {
    fn kind(&self) -> &'static str {
        "openai-compatible"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn route(&self, method: &Method, path: &str) -> Option<Route> {
        match (method, path) {
            (&Method::POST, "/v1/chat/completions") => Some(Route::Chat),
            (&Method::GET, "/v1/models") => Some(Route::Models),
            _ => None,
        }
    }

    fn bears_key(&self, headers: &HeaderMap, key: &str) -> bool {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|given| given == key)
    }

    fn read(&self, _path: &str, body: &[u8]) -> Result<Ask, Refusal> {
        let request: ChatRequest = serde_json::from_slice(body).map_err(|error| {
            // Only the place is told: serde's own words may quote the prompt.
            let (line, column) = (error.line(), error.column());
            malformed(
                &format!(
                    "The body is not a chat completion request (line {line}, column {column})."
                ),
                None,
            )
        })?;
        let model = request
            .model
            .filter(|model| !model.is_empty())
            .ok_or_else(|| malformed("You must provide a model parameter.", Some("model")))?;
        let messages = request
            .messages
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| {
                malformed("'messages' must hold at least 1 message.", Some("messages"))
            })?;
        if request.stream_options.is_some() && !request.stream {
            return Err(malformed(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                Some("stream_options"),
            ));
        }
        let max_tokens = request.max_completion_tokens.or(request.max_tokens);
        if max_tokens == Some(0) {
            return Err(malformed(
                "'max_tokens' is 0; expected at least 1.",
                Some("max_tokens"),
            ));
        }

        Ok(Ask {
            model,
            prompt_tokens: messages.iter().map(message_tokens).sum(),
            max_tokens,
            is_stream: request.stream,
            wants_usage: request
                .stream_options
                .is_some_and(|options| options.include_usage),
        })
    }

    fn models(&self, owner: &str, model: &str, created: u64) -> Bytes {
        let entry = json!({"id": model, "object": "model", "created": created, "owned_by": owner});
        json_bytes(&json!({"object": "list", "data": [entry]}))
    }

    fn refusal(&self, refusal: &Refusal) -> (StatusCode, Bytes) {
        let error = ErrorText::of(refusal);
        let body = json!({"error": {
            "message": error.message,
            "type": error.kind,
            "param": error.param,
            "code": error.code,
        }});
        (error.status, json_bytes(&body))
    }

    fn write_allowance(&self, allowance: Allowance, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit-requests", allowance.limit.into());
        headers.insert("x-ratelimit-remaining-requests", allowance.remaining.into());
        if let Ok(reset) = HeaderValue::try_from(duration_text(allowance.reset)) {
            headers.insert("x-ratelimit-reset-requests", reset);
        }
    }

    fn whole(&self, answer: &Answer, text: &str) -> Bytes {
        let choice = json!({
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": finish(answer),
        });
        json_bytes(&json!({
            "id": identity(answer),
            "object": "chat.completion",
            "created": answer.created,
            "model": answer.model,
            "choices": [choice],
            "usage": usage(answer),
        }))
    }

    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    fn opening(&self, answer: &Answer) -> Bytes {
        let delta = json!({"role": "assistant", "content": "", "refusal": null});
        event(&chunk(answer, &delta, None)).into()
    }

    fn piece(&self, answer: &Answer, text: &str) -> Bytes {
        event(&chunk(answer, &json!({"content": text}), None)).into()
    }

    fn closing(&self, answer: &Answer) -> Bytes {
        let mut text = event(&chunk(answer, &json!({}), Some(finish(answer))));
        if answer.wants_usage {
            let mut last = envelope(answer);
            last["choices"] = json!([]);
            last["usage"] = usage(answer);
            text.push_str(&event(&last));
        }
        text.push_str("data: [DONE]\n\n");
        text.into()
    }
}

/// One error in OpenAI's words.
struct ErrorText<'a> {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'a str>,
    code: Option<&'static str>,
}

impl<'a> ErrorText<'a> {
    fn of(refusal: &'a Refusal) -> Self {
        let text = |status, kind, code, message: String| Self {
            status,
            message,
            kind,
            param: None,
            code,
        };
        let request = "invalid_request_error";
        match refusal {
            Refusal::Key => text(
                StatusCode::UNAUTHORIZED,
                request,
                Some("invalid_api_key"),
                "Incorrect API key provided, or none.".to_owned(),
            ),
            Refusal::Malformed { message, param } => Self {
                param: *param,
                ..text(StatusCode::BAD_REQUEST, request, None, message.clone())
            },
            Refusal::UnknownModel(model) => Self {
                param: Some("model"),
                ..text(
                    StatusCode::NOT_FOUND,
                    request,
                    Some("model_not_found"),
                    format!("The model `{model}` does not exist or you do not have access to it."),
                )
            },
            Refusal::NoRoute { method, path } => text(
                StatusCode::NOT_FOUND,
                request,
                Some("unknown_url"),
                format!("Unknown request URL: {method} {path}."),
            ),
            Refusal::RateLimited { retry_after } => text(
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                Some("rate_limit_exceeded"),
                format!("Rate limit reached. Please try again in {retry_after}s."),
            ),
            Refusal::Broken => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                None,
                "The server had an error while processing your request.".to_owned(),
            ),
            Refusal::Unavailable => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "The server is currently unavailable. Please try again later.".to_owned(),
            ),
        }
    }
}

fn malformed(message: &str, param: Option<&'static str>) -> Refusal {
    Refusal::Malformed {
        message: message.to_owned(),
        param,
    }
}

fn message_tokens(message: &Message) -> u32 {
    let content = match &message.content {
        Value::String(text) => text_tokens(text),
        Value::Array(parts) => parts
            .iter()
            .map(|part| match part.get("text").and_then(Value::as_str) {
                Some(text) => text_tokens(text),
                None => IMAGE_TOKENS,
            })
            .sum(),
        _ => 0,
    };
    MESSAGE_TOKENS + content
}

/// The rule of thumb for English: four characters make a token.
fn text_tokens(text: &str) -> u32 {
    u32::try_from(text.chars().count().div_ceil(4)).unwrap_or(u32::MAX / 1024)
}

fn envelope(answer: &Answer) -> Value {
    json!({
        "id": identity(answer),
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
    })
}

fn chunk(answer: &Answer, delta: &Value, finish: Option<&str>) -> Value {
    let mut chunk = envelope(answer);
    chunk["choices"] =
        json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    if answer.wants_usage {
        chunk["usage"] = Value::Null;
    }
    chunk
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.prompt_tokens + answer.tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

fn identity(answer: &Answer) -> String {
    format!("chatcmpl-{:016x}", answer.identity)
}

fn finish(answer: &Answer) -> &'static str {
    if answer.is_cut_short {
        "length"
    } else {
        "stop"
    }
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

fn json_bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

/// OpenAI's way to write a stretch of time: `120ms`, `1.8s`, `6m0s`.
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

    fn read(body: &Value) -> Result<Ask, Refusal> {
        OpenAiWire.read("/v1/chat/completions", body.to_string().as_bytes())
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
    fn what_is_missing_or_wrong_is_named() {
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
                Err(Refusal::Malformed { param, .. }) => assert_eq!(param, expected, "{body}"),
                other => panic!("{body} was read as {other:?}"),
            }
        }
    }

    #[test]
    fn stretches_of_time_are_written_as_openai_does() {
        assert_eq!(duration_text(Duration::from_millis(120)), "120ms");
        assert_eq!(duration_text(Duration::from_millis(1830)), "1.8s");
        assert_eq!(duration_text(Duration::from_mins(6)), "6m0s");
    }
}
