use super::rfc3339;
use crate::domain;
use crate::domain::{Money, OverBudgetPolicy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What was spent of what may be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// `refuse` or `cheapest`: what happens to requests that have no room.
    pub on_limit: String,
    /// What was spent before is not known, RFC 3339.
    pub since: String,
    pub day: SpendingReport,
    pub month: SpendingReport,
    /// One for each client token, over the day, by name.
    pub tokens: Vec<TokenSpending>,
}

/// One budget over its calendar period in UTC.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpendingReport {
    /// `null` where there is no limit.
    pub limit_usd: Option<f64>,
    pub spent_usd: f64,
    /// For attempts that run.
    pub reserved_usd: f64,
    /// Attempts at models without a price, which are in no sum.
    pub uncounted: u64,
    /// Requests that found no room, refused or sent to the cheapest all the same.
    pub turned_away: u64,
    /// When it starts anew, RFC 3339.
    pub resets_at: String,
}

/// What one client token has spent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpending {
    pub name: String,
    #[serde(flatten)]
    pub day: SpendingReport,
}

impl From<&domain::BudgetSnapshot> for BudgetReport {
    fn from(picture: &domain::BudgetSnapshot) -> Self {
        let token = |(name, view): &(Arc<str>, domain::BudgetUsage)| TokenSpending {
            name: name.to_string(),
            day: view.into(),
        };
        Self {
            on_limit: match picture.on_limit {
                OverBudgetPolicy::Reject => "refuse",
                OverBudgetPolicy::Cheapest => "cheapest",
            }
            .to_owned(),
            since: rfc3339(picture.since),
            day: (&picture.day).into(),
            month: (&picture.month).into(),
            tokens: picture.callers.iter().map(token).collect(),
        }
    }
}

impl From<&domain::BudgetUsage> for SpendingReport {
    fn from(view: &domain::BudgetUsage) -> Self {
        Self {
            limit_usd: view.limit.map(Money::usd),
            spent_usd: view.spent.usd(),
            reserved_usd: view.reserved.usd(),
            uncounted: view.uncounted,
            turned_away: view.turned_away,
            resets_at: rfc3339(view.resets_at),
        }
    }
}

/// What an operator lets a provider have in a minute; what is missing has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateReport {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<RateLeft>,
    /// In and out together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<RateLeft>,
}

/// One limit, and what is left of it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLeft {
    pub limit: u64,
    pub left: u64,
}

impl RateReport {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn new(rates: domain::RateLimits, left: domain::RateLimitRemaining) -> Self {
        let both = |(limit, left)| RateLeft { limit, left };
        Self {
            requests_per_minute: rates.requests.zip(left.requests).map(both),
            tokens_per_minute: rates.tokens.zip(left.tokens).map(both),
        }
    }
}

/// Requests that were refused before anybody was asked, and for want of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectionReport {
    /// No target might serve; counts as an error.
    pub no_target: u64,
    /// By a budget; counts in no rate.
    pub budget_exceeded: u64,
    /// More requests ran than the gateway takes at once; counts as an error.
    pub overloaded: u64,
}

impl From<domain::RejectionCounts> for RejectionReport {
    fn from(refused: domain::RejectionCounts) -> Self {
        let domain::RejectionCounts {
            target,
            budget,
            room,
        } = refused;
        Self {
            no_target: target,
            budget_exceeded: budget,
            overloaded: room,
        }
    }
}
