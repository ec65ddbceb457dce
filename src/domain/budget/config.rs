//! What the configuration says of budgets.

use crate::domain::units::Money;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Handling of requests that exceed the remaining budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverBudgetPolicy {
    /// Reject them.
    #[default]
    Reject,
    /// Send them to the cheapest eligible target.
    Cheapest,
}

impl OverBudgetPolicy {
    /// All ways.
    pub const ALL: [Self; 2] = [Self::Reject, Self::Cheapest];

    /// Returns the word in the configuration and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "refuse",
            Self::Cheapest => "cheapest",
        }
    }

    /// Returns the policy of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// Budgets of all requests together; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharedBudget {
    /// Limit per day.
    pub per_day: Option<Money>,
    /// Limit per month.
    pub per_month: Option<Money>,
    /// Handling of requests over a budget.
    pub on_limit: OverBudgetPolicy,
}

/// Limits of one owner; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpendingLimits {
    /// Limit per day.
    pub per_day: Option<Money>,
    /// Limit per week.
    pub per_week: Option<Money>,
    /// Limit per month.
    pub per_month: Option<Money>,
}

impl SpendingLimits {
    /// Returns the limits in the order of [`super::Period::ALL`].
    pub(super) fn all(self) -> [Option<Money>; 3] {
        [self.per_day, self.per_week, self.per_month]
    }
}

/// Configured budgets; `None` is no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetConfig {
    /// Limit per day.
    pub per_day: Option<Money>,
    /// Limit per week.
    pub per_week: Option<Money>,
    /// Limit per month.
    pub per_month: Option<Money>,
    /// Handling of requests over a budget.
    pub on_limit: OverBudgetPolicy,
    /// The zone in which days, weeks and months begin.
    pub zone: TimeZone,
    /// Providers by name that have a limit per day.
    pub providers: Vec<(Arc<str>, Money)>,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            per_day: None,
            per_week: None,
            per_month: None,
            on_limit: OverBudgetPolicy::default(),
            zone: TimeZone::UTC,
            providers: Vec::new(),
        }
    }
}

impl BudgetConfig {
    /// Sets the limits of all requests together that can change at run time.
    pub fn set_shared(&mut self, shared: SharedBudget) {
        self.per_day = shared.per_day;
        self.per_month = shared.per_month;
        self.on_limit = shared.on_limit;
    }

    /// Returns the limits of all requests together.
    pub fn shared(&self) -> SharedBudget {
        SharedBudget {
            per_day: self.per_day,
            per_month: self.per_month,
            on_limit: self.on_limit,
        }
    }
}
