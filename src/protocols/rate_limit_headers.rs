//! Reads rate limits from response headers, in the two forms that providers use:
//! `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` with delays such as `6m0s`, and
//! `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}` with dates.

use super::retry_after::seconds_until;
use crate::domain::{UnixTime, UpstreamLimit, UpstreamLimits};
use http::HeaderMap;

/// Reads the limits for requests and for tokens, where the headers have them.
pub fn rate_limits(headers: &HeaderMap, now: UnixTime) -> UpstreamLimits {
    let limit = |what: &str| {
        named(headers, now, |part| format!("x-ratelimit-{part}-{what}")).or_else(|| {
            named(headers, now, |part| {
                format!("anthropic-ratelimit-{what}-{part}")
            })
        })
    };
    UpstreamLimits {
        requests: limit("requests"),
        tokens: limit("tokens"),
    }
}

fn named(
    headers: &HeaderMap,
    now: UnixTime,
    name: impl Fn(&str) -> String,
) -> Option<UpstreamLimit> {
    let text = |part: &str| headers.get(name(part))?.to_str().ok();
    let number = |part: &str| text(part)?.trim().parse::<f64>().ok();
    Some(UpstreamLimit {
        limit: number("limit")?,
        remaining: number("remaining")?,
        reset: text("reset").and_then(|text| reset(text.trim(), now)),
    })
}

/// Reads a delay in seconds from now: `1s`, `6m0s`, `20ms`, a plain number of seconds, or a date.
fn reset(text: &str, now: UnixTime) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(seconds_until(number, now));
    }
    if let Ok(date) = text.parse::<jiff::Timestamp>() {
        let at = UnixTime::from_micros(u64::try_from(date.as_microsecond()).ok()?);
        return Some(at.seconds_since(now));
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let word = &rest[digits..rest.len() - unit.len()];
        seconds += number
            * match word {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                _ => return None,
            };
        rest = unit;
    }
    (!text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &'static str)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn both_header_families_are_read() {
        let now = UnixTime::from_seconds(1_700_000_000);
        let limits = rate_limits(
            &headers(&[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", "1.5s"),
                ("anthropic-ratelimit-tokens-limit", "80000"),
                ("anthropic-ratelimit-tokens-remaining", "79000"),
                ("anthropic-ratelimit-tokens-reset", "2023-11-14T22:13:50Z"),
            ]),
            now,
        );

        let limit = |limit, remaining, reset| {
            Some(UpstreamLimit {
                limit,
                remaining,
                reset,
            })
        };
        assert_eq!(limits.requests, limit(60.0, 59.0, Some(1.5)));
        assert_eq!(limits.tokens, limit(80_000.0, 79_000.0, Some(30.0)));
    }

    #[test]
    fn delays_are_read_in_every_format_and_invalid_ones_are_none() {
        let now = UnixTime::from_seconds(1_700_000_000);
        let cases = [
            ("1700000030", Some(30.0)),
            ("1700000030.5", Some(30.5)),
            ("1700000030000", Some(30.0)),
            ("1700000030000000", Some(30.0)),
            ("1699999999", Some(0.0)),
            ("6m0s", Some(360.0)),
            ("20ms", Some(0.02)),
            ("1h2m3s", Some(3_723.0)),
            ("12", Some(12.0)),
            ("", None),
            ("soon", None),
            ("1x", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(reset(text, now), seconds, "{text:?}");
        }
    }

    #[test]
    fn missing_headers_yield_no_limits() {
        assert!(rate_limits(&HeaderMap::new(), UnixTime::default()).is_empty());
    }
}
