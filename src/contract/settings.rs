//! Strategy, budgets and breakers of the whole instance, which can be changed at run time.

use super::time::rfc3339;
use crate::domain;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Settings in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsValues {
    /// How a target is selected.
    pub strategy: String,
    /// Budgets of all requests together.
    pub budget: BudgetValues,
    /// Circuit breakers of all targets.
    pub breaker: BreakerValues,
}

/// Budgets of all requests together in USD; `null` is no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetValues {
    /// Limit per day.
    pub usd_per_day: Option<f64>,
    /// Limit per month.
    pub usd_per_month: Option<f64>,
    /// What happens to requests over a limit: `refuse` or `cheapest`.
    pub on_limit: String,
}

/// When a circuit breaker opens, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerValues {
    /// Consecutive failures that open it where failures are rare.
    pub failures: u64,
    /// Longest time for which it stays open before the next trial.
    pub max_open_seconds: u64,
}

/// Answer to `GET` and `PATCH /api/settings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsReport {
    /// Settings in force.
    #[serde(flatten)]
    pub values: SettingsValues,
    /// Newest revision.
    pub revision: u64,
    /// Time at which an unconfirmed change reverts, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_at: Option<String>,
    /// Path of the file that the change was saved to, or why it stays in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
}

/// Body of `PATCH /api/settings`; missing settings keep their value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettingsChange {
    /// How a target is selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Budgets of all requests together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetChange>,
    /// Circuit breakers of all targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerChange>,
    /// Revision that the change is based on; an old one is rejected with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Text for the list of revisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Seconds after which the change reverts unless it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert_after_seconds: Option<u64>,
}

/// Budgets of all requests together; missing values stay.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetChange {
    /// Limit per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<UsdLimit>,
    /// Limit per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<UsdLimit>,
    /// What happens to requests over a limit: `refuse` or `cheapest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_limit: Option<String>,
}

/// A limit in USD, or the word `none`; a `null` would count as missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsdLimit(pub Option<f64>);

/// Circuit breakers; missing values stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakerChange {
    /// Consecutive failures that open one where failures are rare, 1 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    /// Longest time for which one stays open, 1 to 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_open_seconds: Option<u64>,
}

impl JsonSchema for UsdLimit {
    fn schema_name() -> Cow<'static, str> {
        "UsdLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"oneOf": [{"type": "number", "minimum": 0}, {"const": NO_LIMIT}]})
    }
}

/// The word for no limit.
const NO_LIMIT: &str = "none";

impl Serialize for UsdLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(usd) => serializer.serialize_f64(usd),
            None => serializer.serialize_str(NO_LIMIT),
        }
    }
}

impl<'de> Deserialize<'de> for UsdLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UsdLimitVisitor;
        impl Visitor<'_> for UsdLimitVisitor {
            type Value = UsdLimit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number of dollars or {NO_LIMIT:?}")
            }

            fn visit_f64<E: Error>(self, usd: f64) -> Result<UsdLimit, E> {
                Ok(UsdLimit(Some(usd)))
            }

            fn visit_u64<E: Error>(self, usd: u64) -> Result<UsdLimit, E> {
                Ok(UsdLimit(Some(usd as f64)))
            }

            fn visit_i64<E: Error>(self, usd: i64) -> Result<UsdLimit, E> {
                Ok(UsdLimit(Some(usd as f64)))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<UsdLimit, E> {
                if word == NO_LIMIT {
                    Ok(UsdLimit(None))
                } else {
                    Err(E::invalid_value(Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(UsdLimitVisitor)
    }
}

impl SettingsReport {
    /// The engine's reply with the file that the change was saved to; `None` where the reply
    /// belongs to another command.
    pub fn new(reply: &domain::CommandReply, saved: Option<String>) -> Option<Self> {
        let domain::CommandReply::Settings {
            settings,
            revision,
            reverts_at,
        } = reply
        else {
            return None;
        };
        Some(Self {
            values: settings.into(),
            revision: *revision,
            reverts_at: reverts_at.map(rfc3339),
            saved,
        })
    }
}

impl SettingsValues {
    /// Largest [`BreakerValues::failures`]; the least is 1.
    pub const MAX_FAILURES: u64 = domain::BreakerSettings::MAX_FAILURES as u64;
    /// Largest [`BreakerValues::max_open_seconds`]; the least is 1.
    pub const MAX_OPEN_SECONDS: u64 = domain::BreakerSettings::MAX_OPEN_S as u64;

    /// Words for `strategy`.
    pub fn strategies() -> [&'static str; 7] {
        domain::Strategy::ALL.map(domain::Strategy::as_str)
    }

    /// Words for `budget.onLimit`.
    pub fn over_budget_policies() -> [&'static str; 2] {
        domain::OverBudgetPolicy::ALL.map(domain::OverBudgetPolicy::as_str)
    }
}

impl From<&domain::GlobalSettings> for SettingsValues {
    fn from(settings: &domain::GlobalSettings) -> Self {
        let usd = |limit: Option<domain::Money>| limit.map(domain::Money::usd);
        Self {
            strategy: settings.strategy.as_str().to_owned(),
            budget: BudgetValues {
                usd_per_day: usd(settings.budget.per_day),
                usd_per_month: usd(settings.budget.per_month),
                on_limit: settings.budget.on_limit.as_str().to_owned(),
            },
            breaker: BreakerValues {
                failures: settings.breaker.failures.into(),
                max_open_seconds: settings.breaker.max_open_s.into(),
            },
        }
    }
}
