use super::time::rfc3339;
use crate::domain;
use crate::domain::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Spending and limits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// Policy for requests over budget: `refuse` or `cheapest`.
    pub on_limit: String,
    /// Start of the records, RFC 3339; earlier spending is unknown.
    pub since: String,
    /// Current day.
    pub day: SpendingReport,
    /// Current week, from Monday on.
    #[serde(default)]
    pub week: SpendingReport,
    /// Current month.
    pub month: SpendingReport,
    /// Spending of client tokens, by name: of at most 100, those with the least left of a limit.
    pub tokens: Vec<NamedSpending>,
    /// Tokens that are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_tokens: usize,
    /// Spending of groups of tokens, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<NamedSpending>,
    /// Spending at each provider with a budget of its own over the day, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<NamedSpending>,
}

/// One budget over a calendar period in the time zone of `[budget] zone`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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

/// Spending of one client token, group or provider.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedSpending {
    /// Its name.
    pub name: String,
    /// Current day.
    #[serde(flatten)]
    pub day: SpendingReport,
    /// Current week, where it has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<SpendingReport>,
    /// Current month, where it has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<SpendingReport>,
}

/// Most tokens in a report.
const MAX_TOKENS: usize = 100;

impl NamedSpending {
    /// Highest part of a limit that is spent; without a limit, 0.
    fn used_share(&self) -> f64 {
        let all = [Some(&self.day), self.week.as_ref(), self.month.as_ref()];
        let share = |it: &SpendingReport| it.limit_usd.map(|limit| it.spent_usd / limit.max(1e-12));
        let shares = all.into_iter().flatten().filter_map(share);
        shares.fold(0.0, f64::max)
    }
}

/// The budgets of owners, by name: all periods of one together.
fn named<'s>(
    owned: &'s [domain::OwnedUsage],
    name_of: impl Fn(&'s domain::BudgetOwner) -> Option<&'s str>,
) -> Vec<NamedSpending> {
    let mut all: Vec<NamedSpending> = Vec::new();
    for budget in owned {
        let Some(name) = name_of(&budget.owner) else {
            continue;
        };
        if all.last().is_none_or(|last| last.name != name) {
            all.push(NamedSpending {
                name: name.to_owned(),
                ..NamedSpending::default()
            });
        }
        let usage = SpendingReport::from(&budget.usage);
        match (all.last_mut(), budget.period) {
            (Some(last), domain::Period::Day) => last.day = usage,
            (Some(last), domain::Period::Week) => last.week = Some(usage),
            (Some(last), domain::Period::Month) => last.month = Some(usage),
            (None, _) => {}
        }
    }
    all
}

/// The tokens of a report, and the number of the others.
fn reported(mut tokens: Vec<NamedSpending>) -> (Vec<NamedSpending>, usize) {
    let more = tokens.len().saturating_sub(MAX_TOKENS);
    if more > 0 {
        let order = |a: &NamedSpending, b: &NamedSpending| {
            let spent = b.day.spent_usd.total_cmp(&a.day.spent_usd);
            b.used_share().total_cmp(&a.used_share()).then(spent)
        };
        tokens.sort_by(order);
        tokens.truncate(MAX_TOKENS);
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
    }
    (tokens, more)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl From<&domain::BudgetSnapshot> for BudgetReport {
    fn from(budget: &domain::BudgetSnapshot) -> Self {
        use domain::BudgetOwner;
        let (tokens, more_tokens) = reported(named(&budget.owned, |owner| match owner {
            BudgetOwner::Token(name) => Some(name),
            _ => None,
        }));
        Self {
            on_limit: budget.on_limit.as_str().to_owned(),
            since: rfc3339(budget.since),
            day: (&budget.day).into(),
            week: (&budget.week).into(),
            month: (&budget.month).into(),
            tokens,
            more_tokens,
            groups: named(&budget.owned, |owner| match owner {
                BudgetOwner::Group(name) => Some(name),
                _ => None,
            }),
            providers: named(&budget.owned, |owner| match owner {
                BudgetOwner::Provider(name) => Some(name),
                _ => None,
            }),
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectionReport {
    /// No target was eligible; counts as an error.
    pub no_target: u64,
    /// Over a budget, or over a limit of the client's token or group; counts in no rate.
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
