//! Client tokens.

use super::time::rfc3339;
use crate::domain::{Money, TokenDefinition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A token to make, the body of `POST /api/tokens`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    /// Unique name: letters, digits, `-`, `_`, `.` and `@`.
    pub name: String,
    /// `client` (the default), `viewer` or `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its group, whose limits hold as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Patterns of the models that it may use. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// USD that its requests may cost per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<f64>,
    /// USD per week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_week: Option<f64>,
    /// USD per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<f64>,
    /// Requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Prompt and completion tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// When it ends to be valid, RFC 3339. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Words for people who manage tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Where a token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenOrigin {
    /// In the configuration, which alone can change it.
    Configuration,
    /// In the store.
    Store,
}

/// Whether a token is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// It is.
    Valid,
    /// Its time is over.
    Expired,
    /// An operator ended it.
    Revoked,
}

impl TokenState {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A client token without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenReport {
    /// Its name.
    pub name: String,
    /// `client`, `viewer` or `operator`.
    pub role: String,
    /// Whether it is accepted.
    pub state: TokenState,
    /// Where it is kept.
    pub source: TokenOrigin,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Patterns of the models that it may use; missing: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// USD that its requests may cost per day; missing: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<f64>,
    /// USD per week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_week: Option<f64>,
    /// USD per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<f64>,
    /// Requests per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// When it ends to be valid, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Words for people who manage tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was made, RFC 3339; of tokens in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it last got a new secret, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<String>,
    /// When it was revoked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// When it was last used, RFC 3339; missing where no use is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

impl TokenReport {
    /// A token of the configuration.
    pub fn of(definition: &TokenDefinition, source: TokenOrigin, state: TokenState) -> Self {
        let terms = &definition.terms;
        Self {
            name: terms.name.to_string(),
            role: definition.role.as_str().to_owned(),
            state,
            source,
            group: terms.group.as_deref().map(str::to_owned),
            models: definition.models.clone(),
            usd_per_day: terms.spending.per_day.map(Money::usd),
            usd_per_week: terms.spending.per_week.map(Money::usd),
            usd_per_month: terms.spending.per_month.map(Money::usd),
            requests_per_minute: terms.rates.requests,
            tokens_per_minute: terms.rates.tokens,
            expires_at: definition.expires_at.map(rfc3339),
            tags: definition.tags.clone(),
            created_at: None,
            created_by: None,
            rotated_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }
}

/// Answer to `GET /api/tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenList {
    /// Those of the configuration first, then those of the store by name.
    pub tokens: Vec<TokenReport>,
}

/// A token with its secret, which no other answer repeats.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewToken {
    /// What its holder sends.
    pub token: String,
    /// What it may do.
    #[serde(flatten)]
    pub report: TokenReport,
    /// What the operator should know, such as that requests need a token from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken")
            .field("token", &"****")
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
