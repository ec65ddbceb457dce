//! What the budgets tell the ledger, and what they learn from it at the start.

use super::Budgets;
use super::ledger::{EarlierSpending, LedgerEntry, LedgerMode, restore};
use super::period_budget::PeriodBudget;
use crate::domain::units::{Money, UnixTime};
use std::sync::Arc;

impl Budgets {
    /// Sets whether reservations wait for the ledger.
    pub fn set_ledger_mode(&self, mode: LedgerMode) {
        self.ledger.set(mode);
    }

    /// Adds what earlier processes spent, by name of the budget and of the period; only the first call
    /// has an effect. Amounts of other periods and unknown budgets are kept for budgets that a new
    /// configuration adds.
    pub fn restore_earlier(
        &self,
        amounts: impl IntoIterator<Item = (String, String, Money)>,
        now: UnixTime,
    ) {
        let mut earlier = EarlierSpending::new();
        for (budget, period, spent) in amounts {
            let sum = earlier.entry((budget, period)).or_default();
            *sum += spent;
        }
        let earlier = &Arc::new(earlier);
        if self.earlier.set(Arc::clone(earlier)).is_ok() {
            for (name, budget) in self.all_keyed() {
                restore(earlier, &name, budget, now);
            }
        }
    }

    /// Returns the names of the current periods.
    pub fn current_periods(&self, now: UnixTime) -> Vec<String> {
        let shared = self.shared.each_ref();
        shared.map(|budget| budget.current_label(now)).to_vec()
    }

    /// Returns the largest number of entries at one time.
    pub fn ledger_entries_max(&self) -> usize {
        2 * self.all_keyed().count()
    }

    /// Returns what the ledger must know, of the current periods and of those that just ended; only
    /// budgets with an amount.
    pub fn ledger_entries(&self, now: UnixTime) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for (name, budget) in self.all_keyed() {
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
    fn all_keyed(&self) -> impl Iterator<Item = (String, &Arc<PeriodBudget>)> {
        let current = self.all();
        let current = current.map(|(owner, budget)| (owner.key(budget.calendar.period), budget));
        let retired = self.retired.iter();
        current.chain(retired.map(|(name, budget)| (name.clone(), budget)))
    }
}
