//! What a ledger outside of the process knows of the budgets, so that neither a restart nor a crash
//! opens them.
//!
//! The ledger holds absolute sums: what this process spent, and what it leased. It is written ahead:
//! a request begins when its reservation lies within the lease. A lease that a crash leaves open
//! counts as spent; a clean stop gives it back.

use super::period_budget::{PeriodBudget, PeriodId};
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
    pub fn set(&self, mode: LedgerMode) {
        self.0.store(mode as u8, Ordering::Release);
    }

    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire) == LedgerMode::On as u8
    }
}

/// Amounts of earlier processes, by budget and period.
pub(super) type EarlierSpending = BTreeMap<(String, String), Money>;

/// What the ledger must know of one budget in one period.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// Name of the budget: `day`, `month`, `token/NAME/day`, `group/NAME/week`, `provider/NAME/day`.
    pub budget: String,
    /// Period: `2026-11-24`, `2026-W48` or `2026-11`.
    pub period: String,
    /// Spent by this process.
    pub spent: Money,
    /// Leased by this process on top.
    pub leased: Money,
    pub(super) slot: (Arc<PeriodBudget>, PeriodId),
}

impl LedgerEntry {
    /// Records that the ledger holds this entry: reservations within its lease may begin.
    pub fn confirm(&self) {
        let (budget, period_id) = &self.slot;
        budget.extend_cover(*period_id, self.spent, self.leased);
    }
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
