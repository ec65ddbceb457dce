//! Reads the body of an error, in all the shapes that providers use.

use super::half_characters::mend_body;
use super::retry_after::{duration_text, seconds_of};
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// Longest plain text that is shown as the words of an error, in bytes.
const MAX_PLAIN_TEXT: usize = 500;
/// Lines of a body that are searched for an error.
const MAX_LINES: usize = 16;

/// `type` and `param` of an error in OpenAI's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiErrorFields {
    /// OpenAI's `type`.
    pub kind: String,
    /// The field of the request that is rejected.
    pub param: Option<String>,
}

/// The content of an error body.
#[derive(Debug, Default)]
pub(super) struct ErrorPayload {
    pub message: Option<String>,
    pub code: Option<String>,
    /// `type`, or Google's `status`.
    pub kind: Option<String>,
    /// A number that looks like a status.
    pub status: Option<u16>,
    /// Reasons within the details, such as an invalid key or a used-up quota.
    pub reasons: Vec<String>,
    pub delay: Option<Duration>,
    pub openai: Option<Box<OpenAiErrorFields>>,
    /// Tokens of the prompt and of the context that it exceeds.
    pub context: Option<(u64, u64)>,
    pub is_json: bool,
}

/// Reads a body that is or holds an error.
pub(super) fn read_payload(body: &[u8]) -> ErrorPayload {
    let mended = mend_body(Bytes::copy_from_slice(body));
    match json_in(&mended) {
        Some(value) => of_envelope(&value),
        None => ErrorPayload {
            message: plain_text(&mended),
            ..ErrorPayload::default()
        },
    }
}

/// Finds the JSON of a body: all of it, or what a line of a stream holds.
fn json_in(body: &[u8]) -> Option<Value> {
    let object = |json: &[u8]| {
        let value: Value = serde_json::from_slice(json).ok()?;
        first_object(value)
    };
    if let Some(value) = object(body) {
        return Some(value);
    }
    let lines = body
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .take(MAX_LINES);
    let fields = lines.map(<[u8]>::trim_ascii).map(|line| {
        let data = line.strip_prefix(b"data:");
        data.or_else(|| line.strip_prefix(b"error:"))
            .unwrap_or(line)
    });
    fields.into_iter().find_map(object)
}

/// Returns the object itself, or the first one of a list; a text is an object's error.
fn first_object(value: Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value),
        Value::Array(list) => list.into_iter().find(Value::is_object),
        Value::String(_) => Some(serde_json::json!({"error": value})),
        _ => None,
    }
}

/// Returns a short text that is no page of HTML.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_short = (1..=MAX_PLAIN_TEXT).contains(&text.len());
    let is_plain = !text.starts_with(['<', '{', '[']) && !text.contains("data:");
    (is_short && is_plain).then(|| text.to_owned())
}

/// The known shapes: an object, a bare sentence (xAI, Ollama), or a list of one (Google); or an error
/// without an envelope.
fn of_envelope(envelope: &Value) -> ErrorPayload {
    let listed = envelope["error"].as_array().and_then(|list| list.first());
    let error = listed.unwrap_or(&envelope["error"]);
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .filter(|text| !text.is_empty())
    };
    let word = |value: &Value| text(value).or_else(|| value.as_i64().map(|n| n.to_string()));
    let kind = text(&envelope["type"]);
    let is_anthropic = kind.as_deref() == Some("error");
    let own_kind = text(&error["type"]);
    let shape = own_kind
        .clone()
        .filter(|_| !is_anthropic && error["message"].is_string());
    let details = &error["details"];
    let listed = details.as_array().into_iter().flatten();
    let reasons = listed.flat_map(|detail| {
        let quotas = detail["violations"].as_array().into_iter().flatten();
        let quotas = quotas.filter_map(|violation| text(&violation["quotaId"]));
        text(&detail["reason"]).into_iter().chain(quotas)
    });
    let codes = [
        &error["code"],
        &envelope["code"],
        &envelope["error_code"],
        &envelope["status"],
    ];
    let minimax = &envelope["base_resp"]["status_msg"];
    let flat = [
        "message",
        "msg",
        "detail",
        "error_message",
        "error_description",
        "title",
    ];
    let flat = flat.iter().find_map(|name| message_text(&envelope[*name]));
    let message = message_text(&error["message"])
        .or_else(|| text(error))
        .or_else(|| message_text(&error["detail"]))
        .or(flat)
        .or_else(|| text(minimax));
    ErrorPayload {
        message: message.map(|message| with_cause(message, error)),
        code: codes.iter().take(3).find_map(|code| word(code)),
        kind: own_kind.or_else(|| text(&error["status"])).or(kind),
        status: codes.into_iter().find_map(status_number),
        reasons: reasons.chain(text(&details["error_code"])).collect(),
        delay: delay(error).or_else(|| delay(envelope)),
        openai: shape.map(|kind| {
            let param = text(&error["param"]);
            Box::new(OpenAiErrorFields { kind, param })
        }),
        context: context_counts(error).or_else(|| context_counts(envelope)),
        is_json: true,
    }
}

/// Adds the words of the provider behind a reseller, which tells them beside its own.
fn with_cause(message: String, error: &Value) -> String {
    let raw = &error["metadata"]["raw"];
    let cause = match raw {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => message_text(&value["error"]["message"])
                .or_else(|| message_text(&value["message"]))
                .or_else(|| value["error"].as_str().map(str::to_owned)),
            Err(_) => plain_text(text.as_bytes()),
        },
        other => message_text(&other["error"]["message"]),
    };
    match cause {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ => message,
    }
}

/// Reads the time after which a repetition may succeed.
fn delay(error: &Value) -> Option<Duration> {
    let mut details = error["details"].as_array().into_iter().flatten();
    let of_google = details.find_map(|detail| duration_text(detail["retryDelay"].as_str()?));
    of_google.or_else(|| {
        let places = [error, &error["metadata"], &error["details"]];
        let stated = |name: &str| places.iter().find_map(|place| number(&place[name]));
        let seconds = stated("retry_after")
            .or_else(|| stated("retry_after_seconds"))
            .or_else(|| stated("retryAfter"));
        let seconds = seconds.or_else(|| stated("retry_after_ms").map(|ms| ms / 1e3));
        seconds_of(seconds?)
    })
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

/// Reads the sizes of a prompt and of the context that it exceeds.
fn context_counts(error: &Value) -> Option<(u64, u64)> {
    let count = |name: &str| error[name].as_u64();
    count("n_prompt_tokens").zip(count("n_ctx"))
}

/// Reads a sentence, or a list of invalid fields, as servers with `FastAPI` and Mistral send it.
fn message_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(list) => {
            let sentence = |one: &Value| match (one["msg"].as_str(), invalid_field(one)) {
                (Some(words), Some(field)) if !words.contains(&field) => {
                    Some(format!("{field}: {words}"))
                }
                (words, _) => words.or(one.as_str()).map(str::to_owned),
            };
            let sentences: Vec<String> = list.iter().filter_map(sentence).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        other => {
            let inner = other.get("detail").or_else(|| other.get("message"));
            inner.and_then(message_text)
        }
    }
}

/// Reads the place of an invalid field, for example `messages.0.content`.
fn invalid_field(one: &Value) -> Option<String> {
    let steps = one["loc"].as_array()?.iter().filter_map(|step| match step {
        Value::String(name) => Some(name.clone()),
        Value::Number(index) => Some(index.to_string()),
        _ => None,
    });
    let path: Vec<String> = steps.skip_while(|step| step == "body").collect();
    (!path.is_empty()).then(|| path.join("."))
}

fn status_number(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (400..600).contains(&number).then_some(number)
}
