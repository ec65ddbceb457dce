//! One limit of spending over one calendar period: what is spent and what is reserved of it.

use crate::domain::units::{Money, UnixTime};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// "No limit", as an amount.
const UNLIMITED: u64 = u64::MAX;
const DAY_SECONDS: u64 = 86_400;

/// A calendar period in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Day,
    Month,
}

impl Period {
    /// Counts periods, so that the next one has the next number.
    pub fn number(self, now: UnixTime) -> u64 {
        match self {
            Self::Day => now.unix_seconds() / DAY_SECONDS,
            Self::Month => {
                let date = date(now);
                let (year, month) = (i64::from(date.year()), i64::from(date.month()));
                u64::try_from(year * 12 + month - 1).unwrap_or(0)
            }
        }
    }

    /// When the period of `now` ends and the next begins.
    pub fn end(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Day => UnixTime::from_seconds((self.number(now) + 1) * DAY_SECONDS),
            Self::Month => {
                let next = date(now).last_of_month().tomorrow();
                let midnight = next.map(|date| date.at(0, 0, 0, 0));
                let time = midnight.and_then(|midnight| Offset::UTC.to_timestamp(midnight));
                // Beyond the year 9999 no calendar knows an end.
                let seconds = time.map_or(i64::MAX / 1_000_000, Timestamp::as_second);
                UnixTime::from_seconds(u64::try_from(seconds).unwrap_or(0))
            }
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

fn date(now: UnixTime) -> civil::Date {
    let seconds = i64::try_from(now.unix_seconds()).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    Offset::UTC.to_datetime(time).date()
}

/// The name of the period at hand, so that what was reserved is settled where it was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeriodId(u64);

/// How far a period's spending has been told of.
pub(super) const NOTIFIED_NONE: u8 = 0;
pub(super) const NOTIFIED_NEARLY_SPENT: u8 = 1;
pub(super) const NOTIFIED_SPENT: u8 = 2;

/// One period's figures, in pico-dollars.
#[derive(Debug, Default)]
struct PeriodTotals {
    number: AtomicU64,
    /// Spent and reserved together: the one number that admission looks at.
    committed: AtomicU64,
    spent: AtomicU64,
    /// Attempts of unknown cost, because their target has no price.
    uncounted: AtomicU64,
    /// Requests that found no room.
    turned_away: AtomicU64,
    told: AtomicU8,
}

/// The figures of a purse at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetUsage {
    /// Nothing where there is no limit.
    pub limit: Option<Money>,
    pub spent: Money,
    /// For attempts that run.
    pub reserved: Money,
    pub uncounted: u64,
    pub turned_away: u64,
    pub resets_at: UnixTime,
}

impl BudgetUsage {
    /// Nothing where there is no limit.
    pub fn left(&self) -> Option<Money> {
        let limit = self.limit?;
        Some(limit.minus(self.spent).minus(self.reserved))
    }

    /// The part of the limit that is spent; nothing where there is none, or where it is 0.
    pub fn used_share(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > Money::ZERO)?;
        Some(self.spent.usd() / limit.usd())
    }
}

/// One limit of spending. Requests reserve and settle without a lock; only the first one of a
/// period takes one, to begin it. Two sheets are enough: a request that outlives a whole period is
/// not settled.
#[derive(Debug)]
pub(super) struct PeriodBudget {
    pub period: Period,
    limit: AtomicU64,
    sheets: [PeriodTotals; 2],
    beginning: Mutex<()>,
    /// The newest period that was looked at for news; 0 before the first.
    watched: AtomicU64,
}

impl PeriodBudget {
    pub fn new(period: Period, limit: Option<Money>) -> Self {
        let purse = Self {
            period,
            limit: AtomicU64::new(UNLIMITED),
            sheets: [PeriodTotals::default(), PeriodTotals::default()],
            beginning: Mutex::default(),
            watched: AtomicU64::new(0),
        };
        purse.set_limit(limit);
        purse
    }

    /// From the next reservation on; what is spent stays spent.
    pub fn set_limit(&self, limit: Option<Money>) {
        let limit = limit.map_or(UNLIMITED, Money::pico);
        self.limit.store(limit, Ordering::Release);
    }

    pub fn limit(&self) -> Option<Money> {
        let limit = self.limit.load(Ordering::Acquire);
        (limit != UNLIMITED).then_some(Money::from_pico(limit))
    }

    /// What may still be reserved; nothing where there is no limit.
    pub fn left(&self, now: UnixTime) -> Option<Money> {
        let limit = self.limit()?;
        let (sheet, _) = self.current_totals(now);
        let committed = Money::from_pico(sheet.committed.load(Ordering::Acquire));
        Some(limit.minus(committed))
    }

    /// Reserves an amount; nothing where it must fit and does not. No amount always fits.
    pub fn reserve(&self, amount: Money, must_fit: bool, now: UnixTime) -> Option<PeriodId> {
        let (sheet, page) = self.current_totals(now);
        let limit = if must_fit && amount > Money::ZERO {
            self.limit.load(Ordering::Acquire)
        } else {
            UNLIMITED
        };
        let reserve = |committed: u64| {
            let after = committed.saturating_add(amount.pico());
            (after <= limit).then_some(after)
        };
        sheet
            .committed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve)
            .is_ok()
            .then_some(page)
    }

    /// What was reserved has come to `spent`.
    pub fn settle(&self, page: PeriodId, reserved: Money, spent: Money) {
        let Some(sheet) = self.find(page) else { return };
        sheet.spent.fetch_add(spent.pico(), Ordering::AcqRel);
        let settle = |committed: u64| {
            let others = committed.saturating_sub(reserved.pico());
            Some(others.saturating_add(spent.pico()))
        };
        let _always = sheet
            .committed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, settle);
    }

    /// Counts an ended attempt of unknown cost.
    pub fn count_unknown(&self, page: PeriodId) {
        if let Some(sheet) = self.find(page) {
            sheet.uncounted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request that needs so much may have found no room here.
    pub fn count_rejected(&self, needed: Money, now: UnixTime) {
        if self.left(now).is_some_and(|left| left < needed) {
            let (sheet, _) = self.current_totals(now);
            sheet.turned_away.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn usage(&self, now: UnixTime) -> BudgetUsage {
        self.view_of(self.current_totals(now).0, now)
    }

    /// The figures of the period that ended since the last call, then those of the one at hand.
    pub fn take_ended(&self, now: UnixTime) -> Option<BudgetUsage> {
        let (_, PeriodId(number)) = self.current_totals(now);
        let watched = self.watched.swap(number, Ordering::AcqRel);
        let last = self
            .find(PeriodId(watched))
            .filter(|_| (1..number).contains(&watched))?;
        Some(self.view_of(last, now))
    }

    /// Raises how far the period has been told of; true where that is news.
    pub fn raise_notified(&self, level: u8, now: UnixTime) -> bool {
        self.current_totals(now)
            .0
            .told
            .fetch_max(level, Ordering::AcqRel)
            < level
    }

    fn view_of(&self, sheet: &PeriodTotals, now: UnixTime) -> BudgetUsage {
        let money = |amount: &AtomicU64| Money::from_pico(amount.load(Ordering::Acquire));
        let spent = money(&sheet.spent);
        BudgetUsage {
            limit: self.limit(),
            spent,
            reserved: money(&sheet.committed).minus(spent),
            uncounted: sheet.uncounted.load(Ordering::Relaxed),
            turned_away: sheet.turned_away.load(Ordering::Relaxed),
            resets_at: self.period.end(now),
        }
    }

    /// Returns the totals of the current period, starting the period if needed.
    fn current_totals(&self, now: UnixTime) -> (&PeriodTotals, PeriodId) {
        let number = self.period.number(now);
        let sheet = self.place(number);
        if sheet.number.load(Ordering::Acquire) < number {
            let _one_at_a_time = self
                .beginning
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if sheet.number.load(Ordering::Acquire) < number {
                for amount in [
                    &sheet.committed,
                    &sheet.spent,
                    &sheet.uncounted,
                    &sheet.turned_away,
                ] {
                    amount.store(0, Ordering::Release);
                }
                sheet.told.store(NOTIFIED_NONE, Ordering::Release);
                // Last, for whoever sees the number trusts the rest.
                sheet.number.store(number, Ordering::Release);
            }
        }
        (sheet, PeriodId(number))
    }

    fn find(&self, PeriodId(number): PeriodId) -> Option<&PeriodTotals> {
        let sheet = self.place(number);
        (sheet.number.load(Ordering::Acquire) == number).then_some(sheet)
    }

    fn place(&self, number: u64) -> &PeriodTotals {
        &self.sheets[usize::from(number % 2 == 1)]
    }
}
