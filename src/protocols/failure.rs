//! What a bad answer means: class by status and by body, and how long the provider asks us to
//! wait.

use crate::domain::Failure;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
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
}

impl Upset {
    /// A failure that is no answer: no connection, no time, a broken stream.
    pub fn silent(failure: Failure, message: impl Into<String>) -> Self {
        Self {
            failure,
            status: 0,
            message: message.into(),
            code: None,
        }
    }
}

/// The error shapes on the market: an object, a bare sentence (xAI), or a list of one (Google).
#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: serde_json::Value,
    #[serde(default)]
    code: serde_json::Value,
    #[serde(default)]
    message: serde_json::Value,
    #[serde(default)]
    detail: serde_json::Value,
}

/// Classifies an answer whose status is not a success.
pub fn upset(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Upset {
    let (message, code) = words(body);
    let message = message.unwrap_or_else(|| format!("the provider answered {}", status.as_u16()));
    let failure = classify(status, headers, &message, code.as_deref());
    Upset {
        failure,
        status: status.as_u16(),
        message,
        code,
    }
}

fn words(body: &[u8]) -> (Option<String>, Option<String>) {
    let envelope: Envelope = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice::<[Envelope; 1]>(body).map(|[first]| first))
        .unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let word =
        |value: &serde_json::Value| text(value).or_else(|| value.as_i64().map(|n| n.to_string()));
    let message = text(&envelope.error["message"])
        .or_else(|| text(&envelope.error))
        .or_else(|| text(&envelope.message))
        .or_else(|| text(&envelope.detail));
    let code = word(&envelope.error["code"])
        .or_else(|| word(&envelope.error["type"]))
        .or_else(|| word(&envelope.code));
    (message, code)
}

fn classify(status: StatusCode, headers: &HeaderMap, message: &str, code: Option<&str>) -> Failure {
    let code = code.unwrap_or_default();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    match status.as_u16() {
        400 | 422 if code == "context_length_exceeded" || has(&CONTEXT_PHRASES) => {
            Failure::ContextLength
        }
        400 if code == "invalid_api_key" || has(&KEY_PHRASES) => Failure::Auth,
        401 => Failure::Auth,
        402 => Failure::Quota,
        403 => Failure::Permission,
        404 => Failure::NotFound,
        408 | 499 | 504 => Failure::Timeout,
        413 => Failure::TooLarge,
        429 if QUOTA_CODES.contains(&code) => Failure::Quota,
        429 => Failure::RateLimit(delay_from(headers)),
        498 | 503 | 529 => Failure::Overloaded(delay_from(headers)),
        400..=499 => Failure::InvalidRequest,
        _ => Failure::Server,
    }
}

const CONTEXT_PHRASES: [&str; 5] = [
    "maximum context length is",
    "prompt is too long",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "is longer than the model's context length",
];

const KEY_PHRASES: [&str; 3] = ["Incorrect API key", "API key not valid", "API_KEY_INVALID"];

/// A 429 that waiting does not mend: the account has no money.
const QUOTA_CODES: [&str; 5] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];

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
        .or_else(|| reset(headers, "tokens"));
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
