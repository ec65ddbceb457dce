//! Reads the body of an error, in all the shapes that vendors use.

use super::retry_after::duration_text;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The error shapes on the market: an object, a bare sentence (xAI, Ollama), or a list of one
/// (Google).
#[derive(Deserialize, Default)]
struct ErrorEnvelope {
    #[serde(default)]
    error: Value,
    /// Type of the whole object; Anthropic's is `error`.
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    detail: Value,
}

/// `type` and `param` of an error in OpenAI's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiErrorFields {
    /// OpenAI's `type`.
    pub kind: String,
    /// The field of the request that is rejected.
    pub param: Option<String>,
}

/// The content of an error body, wherever it was found.
#[derive(Debug, Default)]
pub(super) struct ErrorPayload {
    pub message: Option<String>,
    pub code: Option<String>,
    /// `type`, or Google's `status`.
    pub kind: Option<String>,
    /// A number that looks like a status.
    pub status: Option<u16>,
    /// Reasons inside of details: why a key or a quota is refused.
    pub reasons: Vec<String>,
    pub delay: Option<Duration>,
    pub openai: Option<Box<OpenAiErrorFields>>,
    pub is_json: bool,
}

/// Reads a body that is or holds an error.
pub(super) fn read_payload(body: &[u8]) -> ErrorPayload {
    let envelope: Option<ErrorEnvelope> = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice::<[ErrorEnvelope; 1]>(body).map(|[first]| first))
        .ok();
    let Some(ErrorEnvelope {
        error,
        kind,
        code,
        message,
        detail,
    }) = envelope
    else {
        return ErrorPayload::default();
    };
    let is_anthropic = kind == "error";
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let word = |value: &Value| text(value).or_else(|| value.as_i64().map(|n| n.to_string()));
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
    let mut delays = details.as_array().into_iter().flatten();
    ErrorPayload {
        message: text(&error["message"])
            .or_else(|| text(&error))
            .or_else(|| message_text(&message))
            .or_else(|| message_text(&detail)),
        code: word(&error["code"]).or_else(|| word(&code)),
        kind: own_kind
            .or_else(|| text(&error["status"]))
            .or_else(|| text(&kind)),
        status: [&error["code"], &code].into_iter().find_map(status_number),
        reasons: reasons.chain(text(&details["error_code"])).collect(),
        delay: delays.find_map(|detail| duration_text(detail["retryDelay"].as_str()?)),
        openai: shape.map(|kind| {
            let param = text(&error["param"]);
            Box::new(OpenAiErrorFields { kind, param })
        }),
        is_json: true,
    }
}

/// A sentence, or Mistral's list of what is wrong with which member.
fn message_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let sentences: Vec<&str> = list.iter().filter_map(|one| one["msg"].as_str()).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        other => other.get("detail").and_then(message_text),
    }
}

fn status_number(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (400..600).contains(&number).then_some(number)
}
