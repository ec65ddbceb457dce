//! Settings of the whole instance, besides the weights, that an operator can change at run time.

use super::budget::{SharedBudget, format_usd};
use super::circuit_breaker::BreakerSettings;
use super::strategy::Strategy;
use super::units::Money;

/// Strategy, budgets and breakers of the whole instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalSettings {
    /// How a target is selected.
    pub strategy: Strategy,
    /// Budgets of all requests together.
    pub budget: SharedBudget,
    /// Circuit breakers of all targets.
    pub breaker: BreakerSettings,
}

/// One of the [`GlobalSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GlobalSetting {
    /// How a target is selected.
    Strategy,
    /// Budget per day.
    BudgetPerDay,
    /// Budget per month.
    BudgetPerMonth,
    /// Handling of requests over a budget.
    OverBudget,
    /// Failures that open a breaker.
    BreakerFailures,
    /// Longest time for which a breaker stays open.
    BreakerMaxOpen,
}

impl GlobalSetting {
    /// All settings.
    pub const ALL: [Self; 6] = [
        Self::Strategy,
        Self::BudgetPerDay,
        Self::BudgetPerMonth,
        Self::OverBudget,
        Self::BreakerFailures,
        Self::BreakerMaxOpen,
    ];

    /// Returns the key in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Strategy => "balancing.strategy",
            Self::BudgetPerDay => "budget.usd_per_day",
            Self::BudgetPerMonth => "budget.usd_per_month",
            Self::OverBudget => "budget.on_limit",
            Self::BreakerFailures => "balancing.breaker.failures",
            Self::BreakerMaxOpen => "balancing.breaker.max_open_seconds",
        }
    }
}

impl GlobalSettings {
    /// Takes one setting from others.
    pub(super) fn take(&mut self, setting: GlobalSetting, from: &Self) {
        match setting {
            GlobalSetting::Strategy => self.strategy = from.strategy,
            GlobalSetting::BudgetPerDay => self.budget.per_day = from.budget.per_day,
            GlobalSetting::BudgetPerMonth => self.budget.per_month = from.budget.per_month,
            GlobalSetting::OverBudget => self.budget.on_limit = from.budget.on_limit,
            GlobalSetting::BreakerFailures => self.breaker.failures = from.breaker.failures,
            GlobalSetting::BreakerMaxOpen => self.breaker.max_open_s = from.breaker.max_open_s,
        }
    }

    /// Returns the value of a setting as text.
    pub fn text(&self, setting: GlobalSetting) -> String {
        let limit = |limit: Option<Money>| limit.map_or_else(|| "none".to_owned(), format_usd);
        match setting {
            GlobalSetting::Strategy => self.strategy.as_str().to_owned(),
            GlobalSetting::BudgetPerDay => limit(self.budget.per_day),
            GlobalSetting::BudgetPerMonth => limit(self.budget.per_month),
            GlobalSetting::OverBudget => self.budget.on_limit.as_str().to_owned(),
            GlobalSetting::BreakerFailures => self.breaker.failures.to_string(),
            GlobalSetting::BreakerMaxOpen => format!("{} s", self.breaker.max_open_s),
        }
    }

    /// Describes what differs in `after`: `strategy adaptive→best`; empty if nothing does.
    pub(super) fn difference(&self, after: &Self) -> String {
        let name = |setting| match setting {
            GlobalSetting::Strategy => "strategy",
            GlobalSetting::BudgetPerDay => "budget per day",
            GlobalSetting::BudgetPerMonth => "budget per month",
            GlobalSetting::OverBudget => "over budget",
            GlobalSetting::BreakerFailures => "breaker opens after failures",
            GlobalSetting::BreakerMaxOpen => "breaker open at most",
        };
        let part = |setting| {
            let (from, to) = (self.text(setting), after.text(setting));
            (from != to).then(|| format!("{} {from}→{to}", name(setting)))
        };
        let parts: Vec<String> = GlobalSetting::ALL.into_iter().filter_map(part).collect();
        parts.join(", ")
    }
}
