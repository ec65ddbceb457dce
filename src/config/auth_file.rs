//! The shape of `[auth]`, as TOML has it.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    /// Tokens of clients and operators.
    #[serde(default)]
    pub tokens: Vec<TokenEntry>,
    /// Limits that tokens share.
    #[serde(default)]
    pub groups: Vec<GroupEntry>,
}

/// A bearer token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    /// Unique; shown instead of the token.
    #[serde(default)]
    pub name: String,
    /// The SHA-256 of the token, in hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// What the token may do.
    #[serde(default)]
    pub role: String,
    /// The models that it may use: names of models or routes, or provider/model, each with `*` for any characters. Default: all.
    pub models: Option<Vec<String>>,
    /// USD that its requests may cost per calendar day of [budget] zone. Default: no limit of its own.
    pub usd_per_day: Option<f64>,
    /// USD per week, from Monday on.
    pub usd_per_week: Option<f64>,
    /// USD per month.
    pub usd_per_month: Option<f64>,
    /// Requests that it may send per minute. Default: no limit of its own.
    pub requests_per_minute: Option<u64>,
    /// Prompt and completion tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// The group that its figures are counted in too, such as a team. The limits in [[auth.groups]] hold for all tokens of the group together. Default: none.
    pub group: Option<String>,
    /// When it ends to be valid: a date or an RFC 3339 time, such as "2027-01-31" or "2027-01-31T18:00:00Z". Default: never.
    pub expires_at: Option<String>,
    /// Words for people who manage tokens; they decide nothing.
    pub tags: Option<Vec<String>>,
}

/// Limits that the tokens of a group share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    /// Unique; tokens name it as their group.
    #[serde(default)]
    pub name: String,
    /// The models that its tokens may use, besides what each may: names of models or routes, or provider/model, each with `*` for any characters. Default: all.
    pub models: Option<Vec<String>>,
    /// USD that their requests may cost together per calendar day of [budget] zone. Default: no limit.
    pub usd_per_day: Option<f64>,
    /// USD per week, from Monday on.
    pub usd_per_week: Option<f64>,
    /// USD per month.
    pub usd_per_month: Option<f64>,
    /// Requests that they may send per minute together. Default: no limit.
    pub requests_per_minute: Option<u64>,
    /// Prompt and completion tokens per minute.
    pub tokens_per_minute: Option<u64>,
}
