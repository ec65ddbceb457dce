//! Spending limit over one calendar period, with spent and reserved amounts.

use super::calendar::Calendar;
use crate::domain::units::{Money, UnixTime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Amount that stands for "no limit".
const UNLIMITED: u64 = u64::MAX;
/// A lease is at most this part of a limit, this part of what is left of it, and what so many
/// renewals need at the present pace. An open lease counts as spent after a crash.
const LEASE_LIMIT_PARTS: u64 = 100;
const LEASE_REST_PARTS: u64 = 4;
const LEASE_RENEWALS: u64 = 4;

/// Id of a period, so that a reservation is settled in its own period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeriodId(u64);

/// Amounts of one period in pico-dollars.
#[derive(Debug, Default)]
struct PeriodTotals {
    number: AtomicU64,
    /// Sum of spent and reserved; the only number that reservations check.
    committed: AtomicU64,
    spent: AtomicU64,
    /// Attempts of unknown cost, because their target has no price.
    uncounted: AtomicU64,
    /// Rejected requests.
    turned_away: AtomicU64,
    /// Part of `spent` from before the start of this process.
    earlier: AtomicU64,
    /// Sum of spent and reserved up to which the ledger knows it.
    covered: AtomicU64,
    /// Spent amount when the lease was last renewed, the largest reservation since, and what a
    /// renewal needs at the recent pace.
    spent_at_renewal: AtomicU64,
    largest: AtomicU64,
    pace: AtomicU64,
}

/// Usage of a budget at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetUsage {
    /// Limit; `None` is no limit.
    pub limit: Option<Money>,
    /// Settled amount.
    pub spent: Money,
    /// Amount reserved for running attempts.
    pub reserved: Money,
    /// Attempts of unknown cost.
    pub uncounted: u64,
    /// Rejected requests.
    pub turned_away: u64,
    /// Start of the period.
    pub began_at: UnixTime,
    /// End of the period.
    pub resets_at: UnixTime,
    /// Expected state at the end of the period, where enough is known.
    pub projection: Option<BudgetProjection>,
}

/// Expected state of a budget at the end of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetProjection {
    /// Amount that will be spent.
    pub spent: Money,
    /// Time at which the limit is reached, if that is before the end.
    pub exhausted_at: Option<UnixTime>,
}

impl BudgetUsage {
    /// Returns the remaining amount; `None` if there is no limit.
    pub fn left(&self) -> Option<Money> {
        let limit = self.limit?;
        Some(limit.minus(self.spent).minus(self.reserved))
    }

    /// Returns the spent share of the limit; `None` if there is no limit or it is 0.
    pub fn used_share(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > Money::ZERO)?;
        Some(self.spent.usd() / limit.usd())
    }
}

/// Budget of one period. Requests reserve and settle without a lock; only the first one of a period
/// takes a lock, to reset the totals. Totals of two periods suffice: a request that outlives a whole
/// period is not settled.
#[derive(Debug)]
pub(super) struct PeriodBudget {
    pub calendar: Calendar,
    limit: AtomicU64,
    totals: [PeriodTotals; 2],
    reset_lock: Mutex<()>,
    /// Newest period that was checked for events; 0 before the first.
    watched: AtomicU64,
}

impl PeriodBudget {
    pub fn new(calendar: Calendar, limit: Option<Money>) -> Self {
        let budget = Self {
            calendar,
            limit: AtomicU64::new(UNLIMITED),
            totals: [PeriodTotals::default(), PeriodTotals::default()],
            reset_lock: Mutex::default(),
            watched: AtomicU64::new(0),
        };
        budget.set_limit(limit);
        budget
    }

    /// Returns an independent copy in which nothing is reserved.
    #[must_use]
    pub fn fork(&self, now: UnixTime) -> Self {
        let copy = Self::new(self.calendar.clone(), self.limit());
        let spent = self.current_totals(now).0.spent.load(Ordering::Acquire);
        let (totals, _) = copy.current_totals(now);
        totals.spent.store(spent, Ordering::Release);
        totals.committed.store(spent, Ordering::Release);
        copy
    }

    /// Sets the limit for the next reservations; spent amounts are kept.
    pub fn set_limit(&self, limit: Option<Money>) {
        let limit = limit.map_or(UNLIMITED, Money::pico);
        self.limit.store(limit, Ordering::Release);
    }

    pub fn limit(&self) -> Option<Money> {
        let limit = self.limit.load(Ordering::Acquire);
        (limit != UNLIMITED).then_some(Money::from_pico(limit))
    }

    /// Returns the amount that can be reserved; `None` if there is no limit.
    pub fn left(&self, now: UnixTime) -> Option<Money> {
        let limit = self.limit()?;
        let (totals, _) = self.current_totals(now);
        let committed = Money::from_pico(totals.committed.load(Ordering::Acquire));
        Some(limit.minus(committed))
    }

    /// Reserves an amount; `None` if `must_fit` is set and it does not fit. An amount of 0 always fits.
    pub fn reserve(&self, amount: Money, must_fit: bool, now: UnixTime) -> Option<PeriodId> {
        let (totals, period_id) = self.current_totals(now);
        let limit = if must_fit && amount > Money::ZERO {
            self.limit.load(Ordering::Acquire)
        } else {
            UNLIMITED
        };
        let reserve = |committed: u64| {
            let after = committed.saturating_add(amount.pico());
            (after <= limit).then_some(after)
        };
        // Sequentially consistent with `is_covered` and `renew_lease`: see there.
        totals
            .committed
            .fetch_update(Ordering::SeqCst, Ordering::Acquire, reserve)
            .is_ok()
            .then(|| {
                totals.largest.fetch_max(amount.pico(), Ordering::Relaxed);
                period_id
            })
    }

    /// Returns true if the ledger knows all that is reserved, or nothing depends on it.
    pub fn is_covered(&self, period_id: PeriodId) -> bool {
        let has_limit = self.limit.load(Ordering::Acquire) != UNLIMITED;
        let totals = self.find(period_id).filter(|_| has_limit);
        totals.is_none_or(|totals| {
            totals.committed.load(Ordering::SeqCst) <= totals.covered.load(Ordering::SeqCst)
        })
    }

    /// Replaces a reserved amount by the `spent` one.
    pub fn settle(&self, period_id: PeriodId, reserved: Money, spent: Money) {
        let Some(totals) = self.find(period_id) else {
            return;
        };
        let add = |before: u64| Some(before.saturating_add(spent.pico()));
        let _always = totals
            .spent
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        let settle = |committed: u64| {
            let others = committed.saturating_sub(reserved.pico());
            Some(others.saturating_add(spent.pico()))
        };
        let _always = totals
            .committed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, settle);
    }

    /// Adds what was spent in a period before this process started.
    pub fn restore(&self, label: &str, spent: Money, now: UnixTime) {
        let (totals, PeriodId(number)) = self.current_totals(now);
        if self.calendar.label(number) == label {
            for amount in [
                &totals.committed,
                &totals.spent,
                &totals.earlier,
                &totals.covered,
                &totals.spent_at_renewal,
            ] {
                let add = |before: u64| Some(before.saturating_add(spent.pico()));
                let _always = amount.fetch_update(Ordering::SeqCst, Ordering::Acquire, add);
            }
        }
    }

    /// Returns the name of the current period.
    pub fn current_label(&self, now: UnixTime) -> String {
        self.calendar.label(self.calendar.number(now))
    }

    /// Returns the name of a period: `2026-11-24`, `2026-W48` or `2026-11`.
    pub fn period_label(&self, PeriodId(number): PeriodId) -> String {
        self.calendar.label(number)
    }

    /// Returns the current period and the one before, if they are in memory.
    pub fn kept_periods(&self, now: UnixTime) -> impl Iterator<Item = PeriodId> {
        let (_, PeriodId(number)) = self.current_totals(now);
        let last = number.checked_sub(1).map(PeriodId);
        let kept = last.filter(|last| self.find(*last).is_some());
        kept.into_iter().chain([PeriodId(number)])
    }

    /// Returns what the ledger must know of a period: spent by this process, and leased. The lease is
    /// what is reserved and, while requests come, as much again as they may reserve soon. A smaller
    /// lease holds at once; a larger one when [`PeriodBudget::extend_cover`] confirms it.
    pub fn renew_lease(&self, id: PeriodId) -> Option<(Money, Money)> {
        let totals = self.find(id)?;
        let spent = totals.spent.load(Ordering::SeqCst);
        let burnt = spent.saturating_sub(totals.spent_at_renewal.swap(spent, Ordering::Relaxed));
        let needed = totals.largest.swap(0, Ordering::Relaxed).max(burnt);
        let pace = needed.max(totals.pace.load(Ordering::Relaxed) / 8 * 7);
        totals.pace.store(pace, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Acquire);
        let committed = totals.committed.load(Ordering::SeqCst);
        let ahead = if limit == UNLIMITED {
            0
        } else {
            let part =
                (limit / LEASE_LIMIT_PARTS).min(limit.saturating_sub(committed) / LEASE_REST_PARTS);
            part.min(pace.saturating_mul(LEASE_RENEWALS))
        };
        let end = committed.saturating_add(ahead);
        totals.covered.fetch_min(end, Ordering::SeqCst);
        // A request that reserved meanwhile and saw the longer lease: its amount is visible now,
        // because both sides write first and read then.
        let end = end.max(totals.committed.load(Ordering::SeqCst));
        let earlier = totals.earlier.load(Ordering::Acquire);
        Some((
            Money::from_pico(spent.saturating_sub(earlier)),
            Money::from_pico(end.saturating_sub(spent)),
        ))
    }

    /// Records that the ledger holds a lease: `own` spent by this process and `leased`.
    pub fn extend_cover(&self, id: PeriodId, own: Money, leased: Money) {
        if let Some(totals) = self.find(id) {
            let earlier = totals.earlier.load(Ordering::Acquire);
            let end = earlier
                .saturating_add(own.pico())
                .saturating_add(leased.pico());
            totals.covered.store(end, Ordering::SeqCst);
        }
    }

    /// Counts an ended attempt of unknown cost.
    pub fn count_unknown(&self, period_id: PeriodId) {
        if let Some(totals) = self.find(period_id) {
            totals.uncounted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a rejected request if this budget does not cover `needed`.
    pub fn count_rejected(&self, needed: Money, now: UnixTime) {
        if self.left(now).is_some_and(|left| left < needed) {
            let (totals, _) = self.current_totals(now);
            totals.turned_away.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn usage(&self, now: UnixTime) -> BudgetUsage {
        self.usage_of(self.current_totals(now).0, now)
    }

    /// Returns the usage of the period that ended since the last call, once.
    pub fn take_ended(&self, now: UnixTime) -> Option<BudgetUsage> {
        let (_, PeriodId(number)) = self.current_totals(now);
        let watched = self.watched.swap(number, Ordering::AcqRel);
        let last = self
            .find(PeriodId(watched))
            .filter(|_| (1..number).contains(&watched))?;
        Some(self.usage_of(last, now))
    }

    fn usage_of(&self, totals: &PeriodTotals, now: UnixTime) -> BudgetUsage {
        let money = |amount: &AtomicU64| Money::from_pico(amount.load(Ordering::Acquire));
        let spent = money(&totals.spent);
        BudgetUsage {
            limit: self.limit(),
            spent,
            reserved: money(&totals.committed).minus(spent),
            uncounted: totals.uncounted.load(Ordering::Relaxed),
            turned_away: totals.turned_away.load(Ordering::Relaxed),
            began_at: self.calendar.start(now),
            resets_at: self.calendar.end(now),
            projection: None,
        }
    }

    /// Returns the totals of the current period, starting the period if needed.
    fn current_totals(&self, now: UnixTime) -> (&PeriodTotals, PeriodId) {
        let number = self.calendar.number(now);
        let totals = self.slot(number);
        if totals.number.load(Ordering::Acquire) < number {
            let _one_at_a_time = self
                .reset_lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if totals.number.load(Ordering::Acquire) < number {
                for amount in [
                    &totals.committed,
                    &totals.spent,
                    &totals.uncounted,
                    &totals.turned_away,
                    &totals.earlier,
                    &totals.covered,
                    &totals.spent_at_renewal,
                    &totals.largest,
                    &totals.pace,
                ] {
                    amount.store(0, Ordering::Release);
                }
                // Last: a reader that sees the number relies on the reset of the totals.
                totals.number.store(number, Ordering::Release);
            }
        }
        (totals, PeriodId(number))
    }

    fn find(&self, PeriodId(number): PeriodId) -> Option<&PeriodTotals> {
        let totals = self.slot(number);
        (totals.number.load(Ordering::Acquire) == number).then_some(totals)
    }

    fn slot(&self, number: u64) -> &PeriodTotals {
        &self.totals[usize::from(number % 2 == 1)]
    }
}
