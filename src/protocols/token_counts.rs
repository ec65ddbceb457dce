//! Token counts as providers report them. An implausible count never costs the response: it is
//! ignored, and usage is estimated instead.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Largest plausible count of one call, ten times the largest context. A larger one is a mistake
/// that would use up a limit or a budget.
const MAX_TOKENS: f64 = 100_000_000.0;

/// A whole number from 0 up to [`MAX_TOKENS`], also where it is written as `12.0`.
struct TokenCount(u64);

impl<'de> Deserialize<'de> for TokenCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if !(0.0..=MAX_TOKENS).contains(&number) {
            return Err(D::Error::custom("expected a count of tokens"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and a number that fits"
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
    fn what_cannot_be_a_count_is_none_and_breaks_nothing() {
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
