use super::time::rfc3339;
use crate::domain;
use crate::domain::Money;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Spending and limits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// Policy for requests over budget: `refuse` or `cheapest`.
    pub on_limit: String,
    /// Start of the records, RFC 3339; earlier spending is unknown.
    pub since: String,
    /// Current day.
    pub day: SpendingReport,
    /// Current month.
    pub month: SpendingReport,
    /// Spending of each client token over the day, by name.
    pub tokens: Vec<NamedSpending>,
    /// Spending at each provider with a budget of its own over the day, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<NamedSpending>,
}

/// One budget over a calendar period in UTC.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpendingReport {
    /// Limit; `null` without one.
    pub limit_usd: Option<f64>,
    /// Spent in this period.
    pub spent_usd: f64,
    /// Reserved by running attempts.
    pub reserved_usd: f64,
    /// Attempts at models without a price, which no sum includes.
    pub uncounted: u64,
    /// Requests over budget, whether rejected or sent to the cheapest target.
    pub turned_away: u64,
    /// Start of the next period, RFC 3339.
    pub resets_at: String,
    /// Expected spending at the end of the period; `null` without a limit, or while too little is known.
    #[serde(default)]
    pub projected_usd: Option<f64>,
    /// Time at which the limit is reached at this rate, RFC 3339; `null` where it lasts.
    #[serde(default)]
    pub exhausted_at: Option<String>,
}

impl SpendingReport {
    /// What was spent; none where nothing but attempts at models without a price was made.
    pub fn known_usd(&self) -> Option<f64> {
        (self.uncounted == 0 || self.spent_usd > 0.0).then_some(self.spent_usd)
    }
}

/// Spending of one client token or provider.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedSpending {
    /// Name of the token or provider.
    pub name: String,
    /// Current day.
    #[serde(flatten)]
    pub day: SpendingReport,
}

impl From<&domain::BudgetSnapshot> for BudgetReport {
    fn from(budget: &domain::BudgetSnapshot) -> Self {
        let named = |(name, usage): &(Arc<str>, domain::BudgetUsage)| NamedSpending {
            name: name.to_string(),
            day: usage.into(),
        };
        Self {
            on_limit: budget.on_limit.as_str().to_owned(),
            since: rfc3339(budget.since),
            day: (&budget.day).into(),
            month: (&budget.month).into(),
            tokens: budget.callers.iter().map(named).collect(),
            providers: budget.providers.iter().map(named).collect(),
        }
    }
}

impl From<&domain::BudgetUsage> for SpendingReport {
    fn from(usage: &domain::BudgetUsage) -> Self {
        Self {
            limit_usd: usage.limit.map(Money::usd),
            spent_usd: usage.spent.usd(),
            reserved_usd: usage.reserved.usd(),
            uncounted: usage.uncounted,
            turned_away: usage.turned_away,
            resets_at: rfc3339(usage.resets_at),
            projected_usd: usage.projection.map(|it| it.spent.usd()),
            exhausted_at: usage.projection.and_then(|it| it.exhausted_at).map(rfc3339),
        }
    }
}

/// Limits per minute that the configuration sets for a provider; missing ones are unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateReport {
    /// Limit of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<RateLeft>,
    /// Limit of prompt and completion tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<RateLeft>,
}

/// One limit and its remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLeft {
    /// Per minute.
    pub limit: u64,
    /// Remainder now.
    pub left: u64,
}

impl RateReport {
    /// Whether no limit is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Limits with their remainders.
    pub(super) fn new(rates: domain::RateLimits, left: domain::RateLimitRemaining) -> Self {
        let both = |(limit, left)| RateLeft { limit, left };
        Self {
            requests_per_minute: rates.requests.zip(left.requests).map(both),
            tokens_per_minute: rates.tokens.zip(left.tokens).map(both),
        }
    }
}

/// Requests rejected before an attempt, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectionReport {
    /// No target was eligible; counts as an error.
    pub no_target: u64,
    /// Over budget; counts in no rate.
    pub budget_exceeded: u64,
    /// The gateway was at its limit of concurrent requests; counts as an error.
    pub overloaded: u64,
}

impl From<domain::RejectionCounts> for RejectionReport {
    fn from(rejections: domain::RejectionCounts) -> Self {
        let domain::RejectionCounts {
            target,
            budget,
            room,
        } = rejections;
        Self {
            no_target: target,
            budget_exceeded: budget,
            overloaded: room,
        }
    }
}
