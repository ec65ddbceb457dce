//! Token counts as providers report them. An implausible count never costs the response: it is
//! ignored, and usage is estimated instead.

use super::lenient::{Lenient, Reading};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Largest plausible count of one call, ten times the largest context. A larger one is an error
/// that would use up a limit or a budget.
const MAX_TOKENS: f64 = 100_000_000.0;

/// A whole number from 0 up to [`MAX_TOKENS`], also where it is written as `12.0`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenCount(pub u64);

impl<'de> Lenient<'de> for TokenCount {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let count = serde_json::from_str::<Option<Self>>(raw.get());
        Ok(match count {
            Ok(None) => Reading::Absent,
            Ok(Some(count)) => Reading::Found(count),
            Err(_) => Reading::Odd,
        })
    }
}

impl<'de> Deserialize<'de> for TokenCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if !(0.0..=MAX_TOKENS).contains(&number) {
            return Err(D::Error::custom("expected a count of tokens"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value is between 0 and MAX_TOKENS"
        )]
        Ok(Self(number.round() as u64))
    }
}

/// Reads a count; an implausible one is an error.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let count = Option::<TokenCount>::deserialize(deserializer)?;
    Ok(count.map(|TokenCount(tokens)| tokens))
}

/// Reads a count; an implausible one is `None`.
pub(super) fn any_count<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let count = readable::<D, TokenCount>(deserializer)?;
    Ok(count.map(|TokenCount(tokens)| tokens))
}

/// Reads a usage object or a part of it; one of another type or with an implausible count is
/// `None`.
pub(super) fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = Option::<&RawValue>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Shape {
        #[serde(default, deserialize_with = "any_count")]
        tokens: Option<u64>,
        #[serde(default, deserialize_with = "readable")]
        usage: Option<Inner>,
    }

    #[derive(Deserialize)]
    struct Inner {
        #[serde(default, deserialize_with = "count")]
        tokens: Option<u64>,
    }

    #[test]
    fn implausible_counts_are_none_and_break_nothing() {
        for (written, read) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1e2", Some(100)),
            ("100000000", Some(100_000_000)),
            ("100000001", None),
            ("1e15", None),
            ("1e999", None),
            ("18446744073709551615", None),
            ("-1", None),
            ("null", None),
            ("\"12\"", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let text = format!(r#"{{"tokens":{written},"usage":{{"tokens":{written}}}}}"#);
            let shape: Shape = serde_json::from_str(&text).expect(&text);
            assert_eq!(shape.tokens, read, "{written}");
            let usage = shape.usage.and_then(|usage| usage.tokens);
            assert_eq!(usage, read, "{written}");
        }
        for usage in ["7", "\"many\"", "true", "null"] {
            let text = format!(r#"{{"usage":{usage}}}"#);
            let shape: Shape = serde_json::from_str(&text).expect(&text);
            assert!(shape.usage.is_none(), "{usage}");
        }
    }
}
