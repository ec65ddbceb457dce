//! Headers that tell a client what is left of its limits per minute, as OpenAI's API does.

use crate::domain::{RateWindow, RateWindows};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const PREFIX: &str = "x-ratelimit-";
const REQUEST_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKEN_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Sets the headers that say what is left of the client's limits, in place of what a provider says of
/// its own.
pub(super) fn set_rate_headers(headers: &mut HeaderMap, windows: RateWindows) {
    let upstream: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PREFIX))
        .cloned()
        .collect();
    for name in upstream {
        headers.remove(name);
    }
    for (names, window) in [
        (REQUEST_HEADERS, windows.requests),
        (TOKEN_HEADERS, windows.tokens),
    ] {
        let Some(RateWindow {
            limit,
            left,
            reset_s,
        }) = window
        else {
            continue;
        };
        let [limit_name, left_name, reset_name] = names;
        headers.insert(limit_name, limit.into());
        headers.insert(left_name, left.into());
        if let Ok(reset) = HeaderValue::from_str(&duration(reset_s)) {
            headers.insert(reset_name, reset);
        }
    }
}

/// A time as OpenAI's headers have it: `120ms`, `6s`, `1m0s`.
fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        return format!("{:.0}ms", (seconds * 1e3).ceil());
    }
    let seconds = seconds.ceil();
    if seconds < 60.0 {
        return format!("{seconds:.0}s");
    }
    format!("{:.0}m{:.0}s", (seconds / 60.0).floor(), seconds % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_the_client_replace_those_of_the_provider() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-ratelimit-remaining-tokens",
            HeaderValue::from_static("9"),
        );
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        let requests = RateWindow {
            limit: 60,
            left: 12,
            reset_s: 48.0,
        };
        let windows = RateWindows {
            requests: Some(requests),
            tokens: None,
        };
        set_rate_headers(&mut headers, windows);
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "content-type: text/plain",
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 12",
                "x-ratelimit-reset-requests: 48s",
            ]
        );
    }

    #[test]
    fn times_have_the_form_of_openai() {
        for (seconds, text) in [
            (0.0, "0ms"),
            (0.1204, "121ms"),
            (5.2, "6s"),
            (59.5, "1m0s"),
            (75.0, "1m15s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
