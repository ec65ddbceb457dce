//! What a ledger outside of the process knows of the budgets, so that neither a restart nor a crash
//! opens them.
//!
//! The ledger holds absolute sums: what this process spent, and what it leased. It is written ahead:
//! a request begins when its reservation lies within the lease. A lease that a crash leaves open
//! counts as spent; a clean stop gives it back.

use super::period_budget::{PeriodBudget, PeriodId};
use super::{BudgetReservation, Budgets};
use crate::domain::units::{Money, UnixTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Whether reservations wait for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum LedgerMode {
    /// There is no ledger.
    Off,
    /// Reservations must lie within a lease.
    On,
    /// The ledger does not answer: reservations do not wait for it.
    Away,
}

/// The mode, shared by all generations of the budgets.
#[derive(Debug, Default)]
pub(super) struct LedgerSwitch(AtomicU8);

impl LedgerSwitch {
    fn set(&self, mode: LedgerMode) {
        self.0.store(mode as u8, Ordering::Release);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire) == LedgerMode::On as u8
    }
}

/// Amounts of earlier processes, by budget and period.
pub(super) type EarlierSpending = BTreeMap<(String, String), Money>;

/// What the ledger must know of one budget in one period.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// Name of the budget: `day`, `month`, `token/NAME/day`, `provider/NAME/day`.
    pub budget: String,
    /// Period: `2026-11-24` or `2026-11`.
    pub period: String,
    /// Spent by this process.
    pub spent: Money,
    /// Leased by this process on top.
    pub leased: Money,
    slot: (Arc<PeriodBudget>, PeriodId),
}

impl LedgerEntry {
    /// Records that the ledger holds this entry: reservations within its lease may begin.
    pub fn confirm(&self) {
        let (budget, period_id) = &self.slot;
        budget.extend_cover(*period_id, self.spent, self.leased);
    }
}

impl Budgets {
    /// Sets whether reservations wait for the ledger.
    pub fn set_ledger_mode(&self, mode: LedgerMode) {
        self.ledger.set(mode);
    }

    /// Adds what earlier processes spent, by name of the budget and of the period. Amounts of other
    /// periods and unknown budgets are kept for budgets that a new configuration adds.
    #[must_use]
    pub fn with_earlier_spending(
        mut self,
        amounts: impl IntoIterator<Item = (String, String, Money)>,
        now: UnixTime,
    ) -> Self {
        let mut earlier = EarlierSpending::new();
        for (budget, period, spent) in amounts {
            let sum = earlier.entry((budget, period)).or_default();
            *sum += spent;
        }
        for (name, budget) in self.keyed() {
            restore(&earlier, &name, budget, now);
        }
        self.earlier = Arc::new(earlier);
        self
    }

    /// Returns what the ledger must know, of the current periods and of those that just ended; only
    /// budgets with an amount.
    pub fn ledger_entries(&self, now: UnixTime) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for (name, budget) in self.keyed() {
            for period_id in budget.kept_periods(now) {
                let Some((spent, leased)) = budget.renew_lease(period_id) else {
                    continue;
                };
                if spent > Money::ZERO || leased > Money::ZERO {
                    entries.push(LedgerEntry {
                        budget: name.clone(),
                        period: budget.period_label(period_id),
                        spent,
                        leased,
                        slot: (Arc::clone(budget), period_id),
                    });
                }
            }
        }
        entries
    }

    /// Returns what the ledger must know at a clean stop: no lease is left.
    pub fn closing_entries(&self, now: UnixTime) -> Vec<LedgerEntry> {
        let mut entries = self.ledger_entries(now);
        for entry in &mut entries {
            entry.leased = Money::ZERO;
        }
        entries
    }

    /// Iterates over all budgets with their names in the ledger.
    fn keyed(&self) -> impl Iterator<Item = (String, &Arc<PeriodBudget>)> {
        let shared = [&self.day, &self.month];
        let shared = shared.map(|budget| (budget.period.as_str().to_owned(), budget));
        let callers = self.callers.iter().chain(&self.retired_callers);
        let callers = callers.map(|(name, budget)| (token_key(name), budget));
        shared.into_iter().chain(callers)
    }
}

/// Name of a token's budget per day.
pub(super) fn token_key(name: &str) -> String {
    format!("token/{name}/day")
}

/// Adds the earlier spending of one budget.
pub(super) fn restore(earlier: &EarlierSpending, name: &str, budget: &PeriodBudget, now: UnixTime) {
    let from = (name.to_owned(), String::new());
    let own = earlier
        .range(from..)
        .take_while(|((key, _), _)| key == name);
    for ((_, period), spent) in own {
        budget.restore(period, *spent, now);
    }
}

impl BudgetReservation {
    /// Returns true if the ledger knows of the reservation, or no limit depends on it.
    pub fn is_covered(&self) -> bool {
        if !self.scope.budgets.ledger.is_on() {
            return true;
        }
        let budgets = self.scope.period_budgets().zip(self.period_ids);
        budgets
            .filter_map(|(budget, period_id)| Some((budget, period_id?)))
            .all(|(budget, period_id)| budget.is_covered(period_id))
    }
}
