//! What a bad answer means: class by status and by body, and how long the provider asks us to
//! wait.

use crate::domain::Failure;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// A delay that no provider means: an hour.
const LONGEST_DELAY: Duration = Duration::from_hours(1);

/// A failed attempt with what the client may be told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Upset {
    pub failure: Failure,
    /// The upstream's status; 0 where no answer came.
    pub status: u16,
    /// The upstream's own words, or ours where it had none. Shown to the client, never logged.
    pub message: String,
    /// The upstream's error code, where it gave one.
    pub code: Option<String>,
    /// What OpenAI's shape says beside that, where the upstream answered in it.
    pub shape: Option<Shape>,
}

/// The rest of an error in OpenAI's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub kind: String,
    pub param: Option<String>,
}

impl Upset {
    /// A failure that is no answer: no connection, no time, a broken stream.
    pub fn silent(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            status: 0,
            message: message.into(),
            code: None,
            shape: None,
        }
    }

    /// The member that the upstream finds at fault.
    pub fn param(&self) -> Option<&str> {
        self.shape.as_ref()?.param.as_deref()
    }
}

/// The error shapes on the market: an object, a bare sentence (xAI, Ollama), or a list of one
/// (Google).
#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Value,
    /// Where the whole is an error, its sort; Anthropic says `error`.
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    detail: Value,
}

/// What an error's body says, wherever it says it.
#[derive(Debug, Default)]
struct Words {
    message: Option<String>,
    code: Option<String>,
    /// `type`, or Google's `status`.
    kind: Option<String>,
    /// A number that looks like a status.
    status: Option<u16>,
    /// Reasons inside of details: why a key or a quota is refused.
    reasons: Vec<String>,
    delay: Option<Duration>,
    shape: Option<Shape>,
    is_json: bool,
}

/// Classifies an answer whose status is not a success.
pub fn upset(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Upset {
    let words = words(body);
    let failure = classify(status.as_u16(), headers, &words);
    let message = words.message.unwrap_or_else(|| {
        let and = if words.is_json || body.is_empty() {
            ""
        } else {
            " with a body that is not JSON"
        };
        format!("upstream answered {}{and}", status.as_u16())
    });
    Upset {
        failure,
        status: status.as_u16(),
        message,
        code: words.code,
        shape: words.shape,
    }
}

/// Classifies an error that stands where an answer should be, inside of a success.
pub fn stated(body: &[u8]) -> Upset {
    let words = words(body);
    let status = words.status.unwrap_or_else(|| {
        let of_kind = |kind: &Option<String>| kind.as_deref().and_then(status_of);
        of_kind(&words.kind)
            .or_else(|| of_kind(&words.code))
            .unwrap_or(500)
    });
    let failure = classify(status, &HeaderMap::new(), &words);
    Upset {
        failure,
        status,
        message: words
            .message
            .unwrap_or_else(|| "the provider gave up without a word".to_owned()),
        code: words.code,
        shape: words.shape,
    }
}

/// The status that a word of an error stands for.
fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "invalid_request_error" | "INVALID_ARGUMENT" => 400,
        "authentication_error" | "UNAUTHENTICATED" => 401,
        "billing_error" => 402,
        "permission_error" | "PERMISSION_DENIED" => 403,
        "not_found_error" | "NOT_FOUND" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => 429,
        "timeout_error" | "DEADLINE_EXCEEDED" => 504,
        "overloaded_error"
        | "UNAVAILABLE"
        | "server_is_overloaded"
        | "service_unavailable_error"
        | "The service is currently unavailable" => 503,
        _ => return None,
    })
}

fn words(body: &[u8]) -> Words {
    let envelope: Option<Envelope> = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice::<[Envelope; 1]>(body).map(|[first]| first))
        .ok();
    let Some(Envelope {
        error,
        kind,
        code,
        message,
        detail,
    }) = envelope
    else {
        return Words::default();
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
    Words {
        message: text(&error["message"])
            .or_else(|| text(&error))
            .or_else(|| spoken(&message))
            .or_else(|| spoken(&detail)),
        code: word(&error["code"]).or_else(|| word(&code)),
        kind: own_kind
            .or_else(|| text(&error["status"]))
            .or_else(|| text(&kind)),
        status: [&error["code"], &code].into_iter().find_map(status_number),
        reasons: reasons.chain(text(&details["error_code"])).collect(),
        delay: delays.find_map(|detail| duration_text(detail["retryDelay"].as_str()?)),
        shape: shape.map(|kind| Shape {
            kind,
            param: text(&error["param"]),
        }),
        is_json: true,
    }
}

/// A sentence, or Mistral's list of what is wrong with which member.
fn spoken(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            let sentences: Vec<&str> = list.iter().filter_map(|one| one["msg"].as_str()).collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        other => other.get("detail").and_then(spoken),
    }
}

fn status_number(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (400..600).contains(&number).then_some(number)
}

fn classify(status: u16, headers: &HeaderMap, words: &Words) -> Failure {
    let code = words.code.as_deref().unwrap_or_default();
    let message = words.message.as_deref().unwrap_or_default();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let reason = |wanted: &[&str]| {
        let mut found = words.reasons.iter();
        found.any(|reason| wanted.iter().any(|word| reason.contains(word)))
    };
    let delay = || {
        delay_from(headers)
            .or(words.delay)
            .or_else(|| spoken_delay(message))
    };
    match status {
        400 | 422 if CONTEXT_CODES.contains(&code) || has(&CONTEXT_PHRASES) => {
            Failure::ContextLength
        }
        400 if code == "invalid_api_key" || has(&KEY_PHRASES) || reason(&["API_KEY_INVALID"]) => {
            Failure::Auth
        }
        400 | 403 | 429 if QUOTA_CODES.contains(&code) || has(&QUOTA_PHRASES) => Failure::Quota,
        400 | 429 if reason(&QUOTA_REASONS) => Failure::Quota,
        401 => Failure::Auth,
        402 => Failure::Quota,
        403 => Failure::Permission,
        404 => Failure::NotFound,
        408 | 499 | 504 => Failure::Timeout,
        413 => Failure::TooLarge,
        429 => Failure::RateLimit(delay()),
        498 | 503 | 529 => Failure::Overloaded(delay()),
        400..=499 => Failure::InvalidRequest,
        _ => Failure::Server,
    }
}

const CONTEXT_CODES: [&str; 2] = ["context_length_exceeded", "exceed_context_size_error"];

const CONTEXT_PHRASES: [&str; 8] = [
    "maximum context length is",
    "prompt is too long",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "exceed context limit",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "Input too long",
];

const KEY_PHRASES: [&str; 3] = ["Incorrect API key", "API key not valid", "API_KEY_INVALID"];

/// A refusal that waiting does not mend: the account has no money.
const QUOTA_CODES: [&str; 6] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_error",
];

const QUOTA_PHRASES: [&str; 3] = [
    "used all available credits",
    "You have reached your specified API usage limits",
    "You have reached your specified workspace API usage limits",
];

/// A spend limit, or a quota that lasts until tomorrow.
const QUOTA_REASONS: [&str; 2] = ["spend_limit_reached", "PerDay"];

/// `try again in 5.289s`.
fn spoken_delay(message: &str) -> Option<Duration> {
    let (_, after) = message.split_once("try again in ")?;
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .unwrap_or(after.len());
    duration_text(after[..end].trim_end_matches('.'))
}

/// How long the provider asks us to wait: `retry-after-ms`, `retry-after` as seconds or as a date
/// (relative to the answer's own `date`), or the reset of the bucket that is empty.
pub fn delay_from(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let milliseconds = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok());
    let delay = milliseconds
        .and_then(|ms| seconds(ms / 1e3))
        .or_else(|| text("retry-after").and_then(|after| retry_after(after, text("date"))))
        .or_else(|| reset(headers, "requests"))
        .or_else(|| reset(headers, "tokens"))
        .or_else(|| dated_reset(headers));
    delay.map(|delay| delay.min(LONGEST_DELAY))
}

fn retry_after(after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(value) = after.parse::<f64>() {
        return seconds(value);
    }
    let parse = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    let (until, now) = (parse(after)?, parse(date?)?);
    seconds(until.duration_since(now).as_secs_f64())
}

fn reset(headers: &HeaderMap, bucket: &str) -> Option<Duration> {
    let text = |part: &str| {
        headers
            .get(format!("x-ratelimit-{part}-{bucket}"))?
            .to_str()
            .ok()
    };
    if text("remaining")?.trim() != "0" {
        return None;
    }
    duration_text(text("reset")?)
}

/// Anthropic's buckets say when they are full again, not in how long; the answer's own `date` is
/// the clock to compare with.
fn dated_reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let now = jiff::fmt::rfc2822::parse(text("date")?).ok()?.timestamp();
    let waits = ["requests", "tokens", "input-tokens", "output-tokens"].map(|bucket| {
        let part = |part: &str| text(&format!("anthropic-ratelimit-{bucket}-{part}"));
        let reset: jiff::Timestamp = part("reset")
            .filter(|_| part("remaining").is_some_and(|left| left.trim() == "0"))?
            .parse()
            .ok()?;
        seconds(reset.duration_since(now).as_secs_f64())
    });
    waits.into_iter().flatten().max()
}

/// OpenAI's durations: `120ms`, `1.8s`, `6m0s`, `1h2m3.5s`.
fn duration_text(text: &str) -> Option<Duration> {
    let mut left = text.trim();
    let mut sum = 0.0;
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = left.split_at(digits);
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (word, rest) = rest.split_at(unit);
        let scale = match word {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * scale;
        left = rest;
    }
    seconds(sum)
}

fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        upset(
            status,
            &HeaderMap::new(),
            &Bytes::copy_from_slice(body.as_bytes()),
        )
        .failure
    }

    #[test]
    fn the_body_decides_where_the_status_does_not() {
        assert_eq!(
            class(
                400,
                r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#
            ),
            Failure::ContextLength
        );
        assert_eq!(
            class(
                400,
                r#"{"code":"Client error","error":"Incorrect API key provided: x."}"#
            ),
            Failure::Auth
        );
        assert_eq!(
            class(
                429,
                r#"{"error":{"message":"x","code":"insufficient_quota"}}"#
            ),
            Failure::Quota
        );
        assert_eq!(
            class(
                422,
                r#"{"object":"error","message":{"detail":[{"loc":["body"],"msg":"Input too long"}]}}"#
            ),
            Failure::ContextLength
        );
        assert_eq!(class(429, "<html>"), Failure::RateLimit(None));
        assert_eq!(class(418, ""), Failure::InvalidRequest);
        assert_eq!(
            class(500, r#"[{"error":{"message":"list of one"}}]"#),
            Failure::Server
        );
    }

    #[test]
    fn a_delay_is_read_in_all_its_forms() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            delay_from(&headers).map(|delay| delay.as_secs_f64())
        };

        assert_eq!(
            of(&[("retry-after-ms", "1500"), ("retry-after", "9")]),
            Some(1.5)
        );
        assert_eq!(of(&[("retry-after", "2")]), Some(2.0));
        assert_eq!(
            of(&[
                ("retry-after", "Wed, 21 Oct 2026 07:28:10 GMT"),
                ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ]),
            Some(10.0)
        );
        assert_eq!(
            of(&[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "6m0.5s")
            ]),
            Some(360.5)
        );
        assert_eq!(
            of(&[
                ("x-ratelimit-remaining-requests", "3"),
                ("x-ratelimit-reset-requests", "6m0s")
            ]),
            None
        );
        assert_eq!(of(&[("retry-after", "-5")]), None);
        assert_eq!(of(&[("retry-after", "999999999")]), Some(3_600.0));
    }
}
