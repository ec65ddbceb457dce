//! The rule about the spent part of a budget: each fraction is told once per period, at once.

use super::alert::{AlertChange, AlertId, AlertNotice, AlertSubject};
use super::board::{AlertBoard, notice};
use super::condition::{AlertCondition, Level};
use super::figures::BudgetFigures;
use super::rule::{AlertRule, AlertSeverity};
use crate::domain::budget::{format_usd, minute};
use crate::domain::units::UnixTime;
use std::collections::BTreeSet;

/// Requests that were turned away mean a used-up budget from this share on: what is left is reserved.
const TURNED_AWAY_SHARE: f64 = 0.8;

impl AlertBoard {
    pub(super) fn evaluate_budget(
        &mut self,
        budget: &BudgetFigures,
        now: UnixTime,
        seen: &mut BTreeSet<AlertId>,
        notices: &mut Vec<AlertNotice>,
    ) {
        let subject = AlertSubject::budget(&budget.name);
        let id = AlertId::of(AlertRule::BudgetSpent, &subject);
        let Some((part, fraction)) = self.reached(budget) else {
            self.resolve(id, None, now, notices);
            return;
        };
        seen.insert(id);
        let condition = condition(budget, subject, (part, fraction));
        let is_news =
            self.tell_fraction(&budget.name, budget.usage.began_at.unix_seconds(), fraction);
        let Some(active) = self.active.get_mut(&id) else {
            // It may have been told before, for example under a limit that was raised and lowered.
            notices.extend(self.raise(&condition, now, is_news));
            return;
        };
        active.alert.value = condition.value;
        active.alert.message = condition.message;
        active.alert.severity = condition.severity;
        active.alert.threshold = condition.threshold;
        if is_news {
            active.alert.acknowledged = None;
            if active.alert.muted.is_none() {
                active.is_told = true;
                notices.push(notice(AlertChange::Raised, &active.alert));
            }
        }
    }

    /// Returns the spent share and the highest configured fraction that it reached.
    fn reached(&self, budget: &BudgetFigures) -> Option<(f64, f64)> {
        let part = budget.usage.used_share()?;
        let is_used_up = part >= TURNED_AWAY_SHARE && budget.usage.turned_away > 0;
        let counted = if is_used_up { part.max(1.0) } else { part };
        let fractions = self.config().fractions.iter().copied();
        let reached = fractions.filter(|&fraction| fraction <= counted);
        Some((part, reached.reduce(f64::max)?))
    }
}

fn condition(
    budget: &BudgetFigures,
    subject: AlertSubject,
    (part, fraction): (f64, f64),
) -> AlertCondition {
    let usage = &budget.usage;
    let spent = format_usd(usage.spent);
    let limit = format_usd(usage.limit.unwrap_or_default());
    let (name, until) = (&budget.name, minute(usage.resets_at));
    let is_used_up = fraction >= 1.0;
    AlertCondition {
        rule: AlertRule::BudgetSpent,
        subject,
        level: Level::Raised,
        severity: if is_used_up {
            AlertSeverity::Critical
        } else {
            AlertSeverity::Warning
        },
        value: part,
        threshold: fraction,
        message: if is_used_up {
            format!(
                "{name} is used up, {spent} of {limit}: {} until {until}",
                budget.consequence
            )
        } else {
            let percent = part * 100.0;
            format!("{name}: {percent:.0} % is spent, {spent} of {limit} until {until}")
        },
    }
}
