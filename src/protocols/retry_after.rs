//! The delay that a provider requests, in all the forms in which providers state it.

use crate::domain::{MAX_LEARNT_WAIT, UnixTime};
use http::header::DATE;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// Numbers from here on count seconds since 1970, and from each further one milliseconds and
/// microseconds. As delays they would last for years.
const MIN_EPOCHS: [f64; 3] = [1e8, 1e11, 1e14];

/// Words before a delay in a message.
const DELAY_WORDS: [&str; 6] = [
    "try again in ",
    "try again after ",
    "retry in ",
    "retry after ",
    "retry-after: ",
    "wait ",
];

/// Reads a delay from a message: `try again in 5.289s`, `retry after 20 seconds`.
pub(super) fn delay_in_message(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    DELAY_WORDS.iter().find_map(|words| {
        let (_, after) = message.split_once(words)?;
        delay_at_start(after)
    })
}

/// Reads a delay that a text begins with. A number alone counts seconds.
fn delay_at_start(text: &str) -> Option<Duration> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let word = |text: &str| {
        text.split(|c| !is_part(c))
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let first = word(text);
    let first = first.trim_end_matches('.');
    if let Some(delay) = duration_text(first) {
        return Some(delay);
    }
    let number: f64 = first.parse().ok()?;
    let rest = text.get(first.len()..)?.trim_start();
    let scale = match word(rest).trim_end_matches('.') {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        _ => 1.0,
    };
    seconds_of(number * scale)
}

/// Reads a number of seconds; `None` where it is negative or longer than is honoured.
pub(super) fn seconds_of(value: f64) -> Option<Duration> {
    seconds(value).map(|delay| delay.min(MAX_LEARNT_WAIT))
}

/// Adds the `date` that a response lacks. Dates in its headers are relative to it. HTTP dates are read
/// by `jiff`, which also accepts numeric zones.
pub fn add_date(headers: &mut HeaderMap, now: UnixTime) {
    if headers.contains_key(DATE) {
        return;
    }
    let seconds = i64::try_from(now.unix_seconds()).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds).ok();
    let text = date.and_then(|date| {
        jiff::fmt::rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC)).ok()
    });
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(DATE, value);
    }
}

/// Returns the seconds from `now` that a number states: a delay, or a time since 1970 in seconds,
/// milliseconds or microseconds.
pub(super) fn seconds_until(number: f64, now: UnixTime) -> f64 {
    let [seconds, milliseconds, microseconds] = MIN_EPOCHS;
    let epoch = if number >= microseconds {
        number / 1e6
    } else if number >= milliseconds {
        number / 1e3
    } else if number >= seconds {
        number
    } else {
        return number;
    };
    (epoch - now.micros() as f64 / 1e6).max(0.0)
}

/// Reads the delay that the provider requests: `retry-after-ms`, `retry-after` as seconds or as a
/// date (relative to the response's `date`), or the reset of an empty bucket. At most
/// [`MAX_LEARNT_WAIT`].
pub fn delay_from(headers: &HeaderMap) -> Option<Duration> {
    let delay = stated_delay(headers)
        .or_else(|| reset(headers, "requests"))
        .or_else(|| reset(headers, "tokens"))
        .or_else(|| dated_reset(headers));
    delay.map(|delay| delay.min(MAX_LEARNT_WAIT))
}

/// Reads `retry-after-ms` or `retry-after`; at most [`MAX_LEARNT_WAIT`].
pub(super) fn stated_delay(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let milliseconds = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok());
    let delay = milliseconds
        .and_then(|ms| seconds(ms / 1e3))
        .or_else(|| retry_after(text("retry-after")?, headers));
    delay.map(|delay| delay.min(MAX_LEARNT_WAIT))
}

fn retry_after(after: &str, headers: &HeaderMap) -> Option<Duration> {
    if let Ok(number) = after.parse::<f64>() {
        return seconds_from_date(number, headers);
    }
    let until = jiff::fmt::rfc2822::parse(after).ok()?.timestamp();
    seconds(until.duration_since(date_of(headers)?).as_secs_f64())
}

/// The time of a response, as its provider states it.
fn date_of(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

/// Reads a number as [`seconds_until`], where the response states its time.
fn seconds_from_date(number: f64, headers: &HeaderMap) -> Option<Duration> {
    let date = date_of(headers).and_then(|date| u64::try_from(date.as_microsecond()).ok());
    let now = date.map(UnixTime::from_micros);
    seconds(now.map_or(number, |now| seconds_until(number, now)))
}

fn reset(headers: &HeaderMap, bucket: &str) -> Option<Duration> {
    let text = |part: &str| {
        let value = headers.get(format!("x-ratelimit-{part}-{bucket}"))?;
        Some(value.to_str().ok()?.trim())
    };
    if text("remaining")?.parse::<f64>().ok()? > 0.0 {
        return None;
    }
    let reset = text("reset")?;
    duration_text(reset).or_else(|| seconds_from_date(reset.parse().ok()?, headers))
}

/// Reads the time at which Anthropic's empty buckets are full again. They state a date; the response's own
/// `date` is the clock to compare with.
fn dated_reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let now = date_of(headers)?;
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

/// Reads OpenAI's durations: `120ms`, `1.8s`, `6m0s`, `1h2m3.5s`.
pub(super) fn duration_text(text: &str) -> Option<Duration> {
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

    #[test]
    fn a_delay_in_a_message_is_read() {
        for (message, delay) in [
            ("Please try again in 5.289s. Visit", Some(5.289)),
            ("Please retry in 41.2s.", Some(41.2)),
            ("Retry after 20 seconds", Some(20.0)),
            ("please wait 2 minutes", Some(120.0)),
            ("Try again in 6m0s", Some(360.0)),
            ("try again in 30", Some(30.0)),
            ("try again in a while", None),
            ("no delay", None),
        ] {
            let found = delay_in_message(message).map(|delay| delay.as_secs_f64());
            assert_eq!(found, delay, "{message}");
        }
    }

    #[test]
    fn delays_are_read_in_every_known_form() {
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
        assert_eq!(of(&[("retry-after", "9999999")]), Some(900.0));
        let dated = |name, value| of(&[(name, value), ("date", "Tue, 14 Nov 2023 22:13:20 GMT")]);
        assert_eq!(dated("retry-after", "1700000030"), Some(30.0));
        assert_eq!(
            of(&[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1700000040000"),
                ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ]),
            Some(40.0)
        );
    }

    #[test]
    fn a_response_without_a_date_gets_the_time_of_its_arrival() {
        let now = UnixTime::from_seconds(1_700_000_000);
        let mut headers = HeaderMap::new();
        let until = HeaderValue::from_static("Tue, 14 Nov 2023 22:13:50 GMT");
        headers.insert("retry-after", until);
        assert_eq!(delay_from(&headers), None);
        add_date(&mut headers, now);
        assert_eq!(delay_from(&headers), Some(Duration::from_secs(30)));
        add_date(&mut headers, UnixTime::from_seconds(9));
        assert_eq!(delay_from(&headers), Some(Duration::from_secs(30)));
    }
}
