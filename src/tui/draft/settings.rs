//! The draft of strategy, budgets and breakers.

use crate::contract::{
    BreakerChange, BudgetChange, SettingsChange, SettingsValues, UsdLimit, WhatIfRequest,
};

/// A setting of the whole instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Strategy,
    UsdPerDay,
    UsdPerMonth,
    OverBudget,
    BreakerFailures,
    BreakerMaxOpen,
}

impl Setting {
    /// All settings, in display order.
    pub const ALL: [Self; 6] = [
        Self::Strategy,
        Self::UsdPerDay,
        Self::UsdPerMonth,
        Self::OverBudget,
        Self::BreakerFailures,
        Self::BreakerMaxOpen,
    ];

    /// Its name on the screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::UsdPerDay => "budget/day",
            Self::UsdPerMonth => "budget/month",
            Self::OverBudget => "over budget",
            Self::BreakerFailures => "opens after",
            Self::BreakerMaxOpen => "open at most",
        }
    }

    /// Its value on the screen; an amount as `usd` writes it.
    pub fn text(self, values: &SettingsValues, usd: impl Fn(f64) -> String) -> String {
        let limit = |limit: Option<f64>| limit.map_or_else(|| "none".to_owned(), &usd);
        match self {
            Self::Strategy => values.strategy.clone(),
            Self::UsdPerDay => limit(values.budget.usd_per_day),
            Self::UsdPerMonth => limit(values.budget.usd_per_month),
            Self::OverBudget => values.budget.on_limit.clone(),
            Self::BreakerFailures => match values.breaker.failures {
                1 => "1 failure".to_owned(),
                failures => format!("{failures} failures"),
            },
            Self::BreakerMaxOpen => format!("{} s", values.breaker.max_open_seconds),
        }
    }

    /// Returns whether both have the same value of it.
    fn is_same(self, one: &SettingsValues, other: &SettingsValues) -> bool {
        match self {
            Self::Strategy => one.strategy == other.strategy,
            Self::UsdPerDay => one.budget.usd_per_day == other.budget.usd_per_day,
            Self::UsdPerMonth => one.budget.usd_per_month == other.budget.usd_per_month,
            Self::OverBudget => one.budget.on_limit == other.budget.on_limit,
            Self::BreakerFailures => one.breaker.failures == other.breaker.failures,
            Self::BreakerMaxOpen => one.breaker.max_open_seconds == other.breaker.max_open_seconds,
        }
    }

    fn copy(self, from: &SettingsValues, to: &mut SettingsValues) {
        match self {
            Self::Strategy => to.strategy.clone_from(&from.strategy),
            Self::UsdPerDay => to.budget.usd_per_day = from.budget.usd_per_day,
            Self::UsdPerMonth => to.budget.usd_per_month = from.budget.usd_per_month,
            Self::OverBudget => to.budget.on_limit.clone_from(&from.budget.on_limit),
            Self::BreakerFailures => to.breaker.failures = from.breaker.failures,
            Self::BreakerMaxOpen => to.breaker.max_open_seconds = from.breaker.max_open_seconds,
        }
    }

    /// Changes it by `step`: a word to the next or previous one, an amount by dollars.
    fn nudge(self, values: &mut SettingsValues, step: i16) {
        let usd = |limit: Option<f64>| {
            let moved = limit.unwrap_or_default() + f64::from(step);
            (moved >= 1.0).then_some(moved)
        };
        let whole = |value: u64| value.saturating_add_signed(i64::from(step));
        match self {
            Self::Strategy => turn(&mut values.strategy, &SettingsValues::strategies(), step),
            Self::UsdPerDay => values.budget.usd_per_day = usd(values.budget.usd_per_day),
            Self::UsdPerMonth => values.budget.usd_per_month = usd(values.budget.usd_per_month),
            Self::OverBudget => {
                let policies = SettingsValues::over_budget_policies();
                turn(&mut values.budget.on_limit, &policies, step);
            }
            Self::BreakerFailures | Self::BreakerMaxOpen => {
                self.put(values, whole(self.number(values)));
            }
        }
    }

    fn number(self, values: &SettingsValues) -> u64 {
        match self {
            Self::BreakerMaxOpen => values.breaker.max_open_seconds,
            _ => values.breaker.failures,
        }
    }

    /// Sets it to a number; 0 is no limit. A word has no number.
    fn put(self, values: &mut SettingsValues, number: u64) {
        let usd = (number > 0).then_some(number as f64);
        match self {
            Self::Strategy | Self::OverBudget => {}
            Self::UsdPerDay => values.budget.usd_per_day = usd,
            Self::UsdPerMonth => values.budget.usd_per_month = usd,
            Self::BreakerFailures => {
                values.breaker.failures = number.clamp(1, SettingsValues::MAX_FAILURES);
            }
            Self::BreakerMaxOpen => {
                let longest = SettingsValues::MAX_OPEN_SECONDS;
                values.breaker.max_open_seconds = number.clamp(1, longest);
            }
        }
    }
}

/// Moves a word to the next or the previous one of a ring.
fn turn(word: &mut String, words: &[&str], step: i16) {
    let at = words.iter().position(|known| known == word).unwrap_or(0);
    let next = if step < 0 {
        at + words.len() - 1
    } else {
        at + 1
    };
    words[next % words.len()].clone_into(word);
}

/// Settings in effect and as they are drafted.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftedSettings {
    pub from: SettingsValues,
    pub to: SettingsValues,
}

impl DraftedSettings {
    pub fn new(values: &SettingsValues) -> Self {
        Self {
            from: values.clone(),
            to: values.clone(),
        }
    }

    pub fn moves(&self, setting: Setting) -> bool {
        !setting.is_same(&self.from, &self.to)
    }

    pub fn is_changed(&self) -> bool {
        self.moved().next().is_some()
    }

    /// The settings that differ from those in effect.
    pub fn moved(&self) -> impl Iterator<Item = Setting> {
        let all = Setting::ALL.into_iter();
        all.filter(|setting| self.moves(*setting))
    }

    pub(super) fn nudge(&mut self, setting: Setting, step: i16) {
        setting.nudge(&mut self.to, step);
    }

    pub(super) fn put(&mut self, setting: Setting, number: u64) {
        setting.put(&mut self.to, number);
    }

    pub(super) fn reset(&mut self, setting: Setting) {
        setting.copy(&self.from, &mut self.to);
    }

    /// Takes in new settings in effect: changed ones stay, unchanged ones follow.
    pub(super) fn rebase(&mut self, now: &SettingsValues) {
        for setting in Setting::ALL {
            if !self.moves(setting) {
                setting.copy(now, &mut self.to);
            }
        }
        self.from = now.clone();
    }

    /// The settings that differ, with the drafted values.
    pub fn change(&self) -> SettingsChange {
        self.with_values(&self.to)
    }

    /// The same settings with the values in effect.
    pub fn back(&self) -> SettingsChange {
        self.with_values(&self.from)
    }

    /// Adds the settings that differ to the request of a forecast.
    pub fn suppose(&self, request: &mut WhatIfRequest) {
        let change = self.change();
        request.strategy = change.strategy;
        request.budget = change.budget;
        request.breaker = change.breaker;
    }

    fn with_values(&self, values: &SettingsValues) -> SettingsChange {
        let moves = |setting| self.moves(setting);
        let (budget, breaker) = (&values.budget, &values.breaker);
        let limit = |setting, usd| moves(setting).then_some(UsdLimit(usd));
        let budget = BudgetChange {
            usd_per_day: limit(Setting::UsdPerDay, budget.usd_per_day),
            usd_per_month: limit(Setting::UsdPerMonth, budget.usd_per_month),
            on_limit: moves(Setting::OverBudget).then(|| budget.on_limit.clone()),
        };
        let breaker = BreakerChange {
            failures: moves(Setting::BreakerFailures).then_some(breaker.failures),
            max_open_seconds: moves(Setting::BreakerMaxOpen).then_some(breaker.max_open_seconds),
        };
        SettingsChange {
            strategy: moves(Setting::Strategy).then(|| values.strategy.clone()),
            budget: (budget != BudgetChange::default()).then_some(budget),
            breaker: (breaker != BreakerChange::default()).then_some(breaker),
            ..SettingsChange::default()
        }
    }
}
