use super::time::{parse_duration, parse_rfc3339, rfc3339};
use crate::domain::UnixTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The window of the past that a status covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastWindow {
    /// Start, RFC 3339 in UTC.
    pub from: String,
    /// End, RFC 3339 in UTC.
    pub until: String,
}

/// A moment in the past: a time back from now, such as `90s`, `15m`, `24h` or `7d`, or an RFC 3339
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastMoment {
    /// So long ago.
    Ago(Duration),
    /// At that time.
    At(UnixTime),
}

impl PastMoment {
    /// Returns the time, seen from `now`.
    pub fn seen_from(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Ago(duration) => now.minus(duration),
            Self::At(time) => time,
        }
    }
}

/// As it is written in a query.
impl fmt::Display for PastMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(duration) => write!(f, "{}s", duration.as_secs()),
            Self::At(time) => f.write_str(&rfc3339(*time)),
        }
    }
}

impl FromStr for PastMoment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(time) = parse_duration(text) {
            return Ok(Self::Ago(time));
        }
        parse_rfc3339(text).map(Self::At).map_err(|_| {
            format!("{text:?} is neither a time back such as 15m, 24h or 7d nor an RFC 3339 time")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_back_and_times_are_read() {
        let now = UnixTime::from_seconds(1_000_000);
        let seen = |text: &str| {
            text.parse::<PastMoment>()
                .map(|it| it.seen_from(now).unix_seconds())
        };
        assert_eq!(seen("90s"), Ok(999_910));
        assert_eq!(seen("2h"), Ok(992_800));
        assert_eq!(seen("7d"), Ok(395_200));
        assert_eq!(seen("99999999999999999999d").ok(), None);
        assert_eq!(seen("1970-01-02T00:00:00Z"), Ok(86_400));
        assert_eq!(
            seen("soon"),
            Err(
                "\"soon\" is neither a time back such as 15m, 24h or 7d nor an RFC 3339 time"
                    .to_owned()
            )
        );
    }
}
