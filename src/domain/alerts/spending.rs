//! How fast each budget is spent, and whether it lasts.

use super::alert::AlertSubject;
use super::condition::{AlertCondition, Level};
use super::figures::BudgetFigures;
use super::rule::{AlertRule, AlertSeverity};
use crate::domain::budget::{BudgetProjection, Period, format_usd, minute};
use crate::domain::units::{Money, UnixTime};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Interval of the samples, and their number: an hour.
const SAMPLE_INTERVAL: Duration = Duration::from_mins(1);
const MAX_SAMPLES: usize = 61;
/// Shortest history that says something of the rest of a day.
const MIN_HISTORY: Duration = Duration::from_mins(15);
/// A week or month is judged by its spending so far, once that covers a day.
const MIN_MONTH: Duration = Duration::from_hours(24);
/// Shares of the limit that a projection must pass to begin and to end the alert.
const RAISE_SHARE: f64 = 1.0;
const CLEAR_SHARE: f64 = 0.95;

/// Amounts spent of each budget over the last hour.
#[derive(Debug, Default)]
pub(super) struct SpendingRates(BTreeMap<String, VecDeque<(UnixTime, Money)>>);

impl SpendingRates {
    /// Records the amounts of all budgets; those of removed budgets are dropped.
    pub fn record(&mut self, budgets: &[BudgetFigures], now: UnixTime) {
        self.0
            .retain(|name, _| budgets.iter().any(|budget| budget.name == *name));
        for budget in budgets {
            let samples = self.0.entry(budget.name.clone()).or_default();
            let spent = budget.usage.spent;
            // A new period begins at 0.
            if samples.back().is_some_and(|&(_, last)| spent < last) {
                samples.clear();
            }
            let is_due = |&(at, _): &(UnixTime, Money)| now.since(at) >= SAMPLE_INTERVAL;
            if samples.back().is_none_or(is_due) {
                samples.push_back((now, spent));
                if samples.len() > MAX_SAMPLES {
                    samples.pop_front();
                }
            }
        }
    }

    /// Returns the projection of a budget with a limit; `None` while too little is known.
    pub fn projection(&self, budget: &BudgetFigures, now: UnixTime) -> Option<BudgetProjection> {
        let usage = &budget.usage;
        let limit = usage.limit?;
        let rest_s = usage.resets_at.seconds_since(now);
        let more = match budget.expected {
            Some(expected) => expected.usd(),
            None => self.usd_per_second(budget, now)? * rest_s,
        };
        let left = limit.minus(usage.spent).usd();
        // Spread evenly over the rest.
        let reached = (more > left && more > 0.0)
            .then(|| now.plus(Duration::from_secs_f64((rest_s * left / more).max(0.0))));
        Some(BudgetProjection {
            spent: usage.spent + Money::from_usd(more),
            exhausted_at: reached,
        })
    }

    fn usd_per_second(&self, budget: &BudgetFigures, now: UnixTime) -> Option<f64> {
        let usage = &budget.usage;
        let (spent, passed) = match budget.period {
            Period::Day => {
                let &(at, then) = self.0.get(&budget.name)?.front()?;
                let passed = now.since(at);
                (passed >= MIN_HISTORY).then_some((usage.spent.minus(then), passed))?
            }
            Period::Week | Period::Month => {
                let passed = now.since(usage.began_at);
                (passed >= MIN_MONTH).then_some((usage.spent, passed))?
            }
        };
        Some(spent.usd() / passed.as_secs_f64())
    }
}

/// The rule about the rest of a budget's period.
pub(super) fn burn_condition(
    budget: &BudgetFigures,
    projection: Option<BudgetProjection>,
) -> AlertCondition {
    let limit = budget.usage.limit.unwrap_or_default();
    let projected = projection.map_or(0.0, |projection| projection.spent.usd());
    let level = if limit <= budget.usage.spent || projection.is_none() {
        Level::Gone
    } else if projected > limit.usd() * RAISE_SHARE {
        Level::Raised
    } else if projected <= limit.usd() * CLEAR_SHARE {
        Level::Cleared
    } else {
        Level::Between
    };
    let end = projection.and_then(|projection| projection.exhausted_at);
    let end = end.map_or_else(String::new, |end| format!(", used up at {}", minute(end)));
    AlertCondition {
        rule: AlertRule::BudgetBurn,
        subject: AlertSubject::budget(&budget.name),
        level,
        severity: AlertSeverity::Warning,
        value: projected,
        threshold: limit.usd(),
        message: format!(
            "{}: {} of {} is spent and {} expected by the end of the {}{end}",
            budget.name,
            format_usd(budget.usage.spent),
            format_usd(limit),
            format_usd(Money::from_usd(projected)),
            budget.period.as_str()
        ),
    }
}
