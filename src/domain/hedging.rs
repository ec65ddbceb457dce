//! Hedging: where the first content of a stream is late, a second attempt at another target runs
//! beside the first. The one that begins first wins; the other one is cancelled, and billed for its
//! prompt.
//!
//! ```text
//! late after   e · m · (p90 / m) ^ (z / 1.28)
//! ```
//!
//! with `e` the seconds to the first token that were expected when the attempt began, `m` and `p90`
//! the median and the 90th percentile of measured over expected seconds at the target, and `z` the
//! standard deviations of the configured percentile. So the percentile is that of the target's usual
//! times: outliers do not move it, a target that has many is hedged more often, and a slow target is
//! not hedged just because it is slow.

use super::index::TargetIdx;
use super::retry::AttemptBudget;
use super::units::{Money, UnixTime};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Windows of the hour whose spending is bounded.
const WINDOWS: usize = 60;
const WINDOW_S: u64 = 60;

/// Percentile of a target's usual times to the first token after which a stream is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgePoint {
    /// One usual stream in 20 is late.
    P95,
    /// One usual stream in 100 is late.
    P99,
}

impl HedgePoint {
    /// All percentiles.
    pub const ALL: [Self; 2] = [Self::P95, Self::P99];

    /// Returns its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P95 => "p95",
            Self::P99 => "p99",
        }
    }

    /// Returns its distance from the median of a normal distribution, in standard deviations.
    pub const fn deviations(self) -> f64 {
        match self {
            Self::P95 => 1.645,
            Self::P99 => 2.326,
        }
    }
}

/// When streams are hedged, and what it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HedgePolicy {
    /// When a stream is late.
    pub point: HedgePoint,
    /// Largest sum of what lost attempts may cost within an hour.
    pub usd_per_hour: Money,
}

/// What hedges of all requests together may still do. Shared with the requests, which use it at once.
#[derive(Debug)]
pub struct HedgeBudget {
    attempts: AttemptBudget,
    spending: Mutex<HourlySpending>,
}

/// Why a late stream was not hedged, although another target was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HedgeRefusal {
    /// Too many streams are late.
    Attempts,
    /// The spending of the last hour is at its limit.
    Spending,
}

impl HedgeRefusal {
    /// Returns its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "too_many",
            Self::Spending => "spending",
        }
    }
}

/// What became of a late stream, where another target was free.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hedge {
    /// A second attempt ran beside the late one.
    Ran(HedgeEnd),
    /// None was made.
    Refused(HedgeRefusal),
}

/// A second attempt that ran beside a late one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeEnd {
    /// Target of the second attempt.
    pub target: TargetIdx,
    /// Which of the two began first.
    pub result: HedgeResult,
    /// What the lost attempt cost; `None` if its price is unknown.
    pub cost: Option<Money>,
}

/// Which of two attempts of a hedged request began first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HedgeResult {
    /// The second one.
    Won,
    /// The first one.
    Lost,
    /// None: one of them failed, or the client left.
    Neither,
}

impl HedgeResult {
    /// Returns its name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Neither => "neither",
        }
    }
}

impl HedgeBudget {
    /// Creates a budget without spending.
    pub fn new(now: UnixTime) -> Self {
        Self {
            attempts: AttemptBudget::hedges(now),
            spending: Mutex::default(),
        }
    }

    /// Adds the earnings of one stream, at a rate of `per_second` requests.
    pub fn deposit(&self, per_second: f64, now: UnixTime) {
        self.attempts.deposit(per_second, now);
    }

    /// Takes one hedge, and reserves what the lost attempt may cost. The reservation ends with the
    /// returned value.
    ///
    /// # Errors
    ///
    /// Too many streams are late, or the limit of the hour is reached.
    pub fn try_begin(
        self: &Arc<Self>,
        limit: Money,
        cost: Money,
        now: UnixTime,
    ) -> Result<HedgeReservation, HedgeRefusal> {
        let mut spending = self.spending();
        if spending.sum(now) + spending.reserved + cost > limit {
            return Err(HedgeRefusal::Spending);
        }
        if !self.attempts.try_withdraw(now) {
            return Err(HedgeRefusal::Attempts);
        }
        spending.reserved += cost;
        drop(spending);
        Ok(HedgeReservation {
            budget: Arc::clone(self),
            reserved: cost,
        })
    }

    /// Returns what lost attempts cost within the last hour.
    pub fn spent_last_hour(&self, now: UnixTime) -> Money {
        self.spending().sum(now)
    }

    fn spending(&self) -> MutexGuard<'_, HourlySpending> {
        self.spending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one lost attempt may cost; returned to the budget on drop, unless it was settled.
#[derive(Debug)]
pub struct HedgeReservation {
    budget: Arc<HedgeBudget>,
    reserved: Money,
}

impl HedgeReservation {
    /// Records what the lost attempt did cost.
    pub fn settle(self, cost: Money, now: UnixTime) {
        self.budget.spending().add(cost, now);
    }
}

impl Drop for HedgeReservation {
    fn drop(&mut self) {
        let mut spending = self.budget.spending();
        spending.reserved = spending.reserved.minus(self.reserved);
    }
}

/// Spending of the last hour by minute.
#[derive(Debug)]
struct HourlySpending {
    /// Number of the minute, counted from the epoch, and what was spent in it.
    windows: [(u64, Money); WINDOWS],
    reserved: Money,
}

impl Default for HourlySpending {
    fn default() -> Self {
        Self {
            windows: [(0, Money::ZERO); WINDOWS],
            reserved: Money::ZERO,
        }
    }
}

impl HourlySpending {
    fn add(&mut self, cost: Money, now: UnixTime) {
        let minute = minute(now);
        let window = &mut self.windows[slot(minute)];
        if window.0 != minute {
            *window = (minute, Money::ZERO);
        }
        window.1 += cost;
    }

    fn sum(&self, now: UnixTime) -> Money {
        let minute = minute(now);
        let is_recent = |at: u64| at <= minute && minute - at < WINDOWS as u64;
        let recent = self.windows.iter().filter(|(at, _)| is_recent(*at));
        recent.fold(Money::ZERO, |sum, (_, spent)| sum + *spent)
    }
}

fn minute(now: UnixTime) -> u64 {
    now.unix_seconds() / WINDOW_S
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the remainder is below the number of windows"
)]
fn slot(minute: u64) -> usize {
    (minute % WINDOWS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(1_700_000_000 + seconds)
    }

    fn usd(dollars: f64) -> Money {
        Money::from_usd(dollars)
    }

    #[test]
    fn the_spending_of_an_hour_is_bounded_with_what_is_reserved() {
        let budget = Arc::new(HedgeBudget::new(at(0)));
        let begin = |now| budget.try_begin(usd(1.0), usd(0.4), now);
        let (first, second) = (begin(at(0)).unwrap(), begin(at(1)).unwrap());
        assert_eq!(begin(at(2)).unwrap_err(), HedgeRefusal::Spending);

        first.settle(usd(0.1), at(3));
        drop(second);
        let third = begin(at(4)).unwrap();
        third.settle(usd(0.7), at(5));
        assert_eq!(begin(at(1_800)).unwrap_err(), HedgeRefusal::Spending);
        assert_eq!(budget.spent_last_hour(at(1_800)), usd(0.8));

        assert!(
            begin(at(3_700)).is_ok(),
            "an hour later it counts no longer"
        );
        assert_eq!(budget.spent_last_hour(at(3_700)), Money::ZERO);
    }

    #[test]
    fn at_most_a_tenth_of_the_streams_is_hedged() {
        let budget = Arc::new(HedgeBudget::new(at(0)));
        let limit = usd(1e6);
        let begun = |now| {
            let begun = (0..1_000).filter(|_| budget.try_begin(limit, Money::ZERO, now).is_ok());
            begun.count()
        };
        assert_eq!(begun(at(0)), 5, "half of the largest balance");
        for _ in 0..100 {
            budget.deposit(1.0, at(0));
        }
        assert_eq!(begun(at(0)), 10);
    }
}
