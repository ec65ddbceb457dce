//! Queries of the read-only calls.

use crate::client::TroubleFilter;
use crate::contract::{DecisionOutcome, LogLevel, PastMoment, Window};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Query of `GET /api/events`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct WindowQuery {
    #[serde(default = "day")]
    pub window: Window,
}

/// Query of `GET /api/status`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct StatusQuery {
    #[serde(default = "day")]
    pub window: Window,
    /// End of a window of the past.
    pub until: Option<Past>,
}

/// Query of `GET /api/monitoring/performance`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct PerformanceQuery {
    /// Defaults to one day.
    pub hours: Option<WholeNumber<1, 8_760>>,
    pub provider: Option<String>,
    pub model: Option<String>,
    /// Name of a client's token.
    pub token: Option<String>,
    /// Group of tokens.
    pub group: Option<String>,
    pub tag: Option<String>,
    /// Seconds between the points of a course.
    pub step: Option<WholeNumber<1, 31_536_000>>,
}

/// Query of `GET /api/forecast`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct ForecastQuery {
    /// Defaults to one day.
    pub hours: Option<WholeNumber<1, 48>>,
}

/// Query of `GET /api/decisions`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct DecisionsQuery {
    pub limit: Option<WholeNumber<1, 500>>,
    pub provider: Option<String>,
    pub outcome: Option<DecisionOutcome>,
    pub client: Option<String>,
    pub model: Option<String>,
    /// `any`, `failed` or `saved`: only requests in trouble.
    #[schemars(with = "Option<TroubleWord>")]
    pub trouble: Option<TroubleFilter>,
    /// Id of the last decision of the page before.
    pub before: Option<String>,
    /// Only those that ended in this period.
    pub since: Option<Past>,
    pub until: Option<Past>,
}

/// Query of `GET /api/logs`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct LogQuery {
    pub limit: Option<WholeNumber<1, 500>>,
    /// Sequence number of the last line known; the `next` of an earlier list.
    pub after: Option<SequenceNumber>,
    /// Only lines at least so severe.
    pub level: Option<LogLevel>,
}

/// Query of `GET /api/audit`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct AuditQuery {
    pub since: Option<Past>,
    pub until: Option<Past>,
    /// The `next` of the page before; newest first.
    pub before: Option<String>,
    /// The same, oldest first.
    pub after: Option<String>,
    pub limit: Option<WholeNumber<1, 5_000>>,
}

/// Digits that form the number of a log line, or 0.
#[derive(Debug, Clone, Copy, JsonSchema)]
pub(super) struct SequenceNumber(pub u64);

impl<'de> Deserialize<'de> for SequenceNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = Some(&*text).filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| {
            let expected = &"the sequence number of a log line";
            de::Error::invalid_value(Unexpected::Str(&text), expected)
        })
    }
}

/// A moment in the past: a time back such as `15m`, `24h` or `7d`, or an RFC 3339 time.
#[derive(Debug, Clone, Copy, JsonSchema)]
pub(super) struct Past(#[schemars(with = "String")] pub PastMoment);

/// The words of a [`TroubleFilter`].
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum TroubleWord {
    Any,
    Failed,
    Saved,
}

impl<'de> Deserialize<'de> for Past {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// Query of `GET /api/usage`.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub(super) struct UsageQuery {
    /// Defaults to `token`.
    pub by: Option<String>,
    /// Defaults to seven days.
    pub since: Option<String>,
}

/// Digits without sign or space that form a number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct WholeNumber<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> JsonSchema for WholeNumber<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WholeNumberFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

fn day() -> Window {
    Window::Day
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for WholeNumber<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits<const MIN: u32, const MAX: u32>;

        impl<const MIN: u32, const MAX: u32> Visitor<'_> for Digits<MIN, MAX> {
            type Value = u32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<u32, E> {
                let digits = Some(text).filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
                digits
                    .and_then(|digits| digits.parse().ok())
                    .filter(|number| (MIN..=MAX).contains(number))
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Digits::<MIN, MAX>).map(Self)
    }
}
