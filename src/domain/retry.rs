//! Retries of one client request, bounded by attempts and by time over retries and fallbacks
//! together, so that an outage does not multiply the traffic.

use super::failure::Failure;
use super::units::UnixTime;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// First pause before a retry at the same target; doubles, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(4);
/// Longest delay requested by a provider that a retry waits for; a longer one ends the request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Minimum remaining time for another attempt.
pub const MIN_TIME_LEFT: Duration = Duration::from_millis(500);

/// Bounds of [`backoff_estimate`].
const MIN_ESTIMATE: Duration = Duration::from_secs(1);
const MAX_ESTIMATE: Duration = Duration::from_secs(30);

/// Seconds of earnings that a busy gateway may save, because an outage hits all requests in flight at
/// once.
const BALANCE_WINDOW_S: f64 = 10.0;

/// How fast an [`AttemptBudget`] refills.
#[derive(Debug, Clone, Copy)]
struct Earnings {
    /// Attempts earned by each client request.
    per_request: f64,
    /// Attempts earned per second, for instances with little traffic.
    per_second: f64,
    /// Maximum balance in attempts; the initial balance is half of it.
    max_balance: f64,
}

/// In the long run at most 20 % more attempts than requests.
const RETRIES: Earnings = Earnings {
    per_request: 0.2,
    per_second: 2.0,
    max_balance: 40.0,
};
/// Few requests are usually late, so more than 10 % of hedges mean that all are late, where a second
/// attempt for each would only double the load.
const HEDGES: Earnings = Earnings {
    per_request: 0.1,
    per_second: 0.05,
    max_balance: 10.0,
};

/// Extra attempts that all requests together may still make, which bounds storms in an outage. One
/// number that refills by time: the time at which the balance was 0.
#[derive(Debug)]
pub struct AttemptBudget {
    earnings: Earnings,
    empty_at: AtomicU64,
}

impl AttemptBudget {
    /// Creates the budget of retries, with half of the maximum balance.
    pub fn retries(now: UnixTime) -> Self {
        Self::new(RETRIES, now)
    }

    /// Creates the budget of hedges, with half of the maximum balance.
    pub fn hedges(now: UnixTime) -> Self {
        Self::new(HEDGES, now)
    }

    fn new(earnings: Earnings, now: UnixTime) -> Self {
        let balance = earnings.micros(earnings.max_balance / 2.0);
        Self {
            earnings,
            empty_at: AtomicU64::new(now.micros().saturating_sub(balance)),
        }
    }

    /// Returns an independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            earnings: self.earnings,
            empty_at: AtomicU64::new(self.empty_at.load(Ordering::Acquire)),
        }
    }

    /// Adds the earnings of one request, at a rate of `per_second` requests.
    pub fn deposit(&self, per_second: f64, now: UnixTime) {
        let earnings = self.earnings;
        let most = earnings
            .max_balance
            .max(BALANCE_WINDOW_S * earnings.per_request * per_second);
        let floor = now.micros().saturating_sub(earnings.micros(most));
        let earned = earnings.micros(earnings.per_request);
        let earn = |empty_at: u64| Some(empty_at.max(floor).saturating_sub(earned).max(floor));
        let _always = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, earn);
    }

    /// Takes one attempt; returns false if the balance is below 1.
    pub fn try_withdraw(&self, now: UnixTime) -> bool {
        let spend = |empty_at: u64| {
            let after = empty_at + self.earnings.micros(1.0);
            (after <= now.micros()).then_some(after)
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, spend)
            .is_ok()
    }
}

impl Earnings {
    /// Returns the microseconds in which time alone earns `attempts`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and counts of attempts are not negative"
    )]
    fn micros(self, attempts: f64) -> u64 {
        (attempts / self.per_second * 1e6) as u64
    }
}

/// Estimates when a request may succeed after so many failed attempts, where no target states a
/// delay: 1 s, doubled for each attempt after the first, at most 30 s.
pub fn backoff_estimate(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(5);
    (MIN_ESTIMATE * 2_u32.pow(doublings)).min(MAX_ESTIMATE)
}

/// Next step after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Try another target immediately.
    FailOver,
    /// Retry the same target after a pause.
    Retry(Duration),
    /// Return the error to the client.
    GiveUp,
}

/// Attempts of one client request.
#[derive(Debug, Clone, Copy)]
pub struct RetryState {
    made: u32,
    most: u32,
    repeats: u32,
}

impl RetryState {
    /// Creates the state of a request with at most `max_retries` attempts after the first.
    pub fn new(max_retries: u32) -> Self {
        Self {
            made: 0,
            most: max_retries.saturating_add(1),
            repeats: 0,
        }
    }

    /// Returns the number of attempts so far.
    pub fn count(&self) -> u32 {
        self.made
    }

    /// Counts the start of an attempt.
    pub fn begin(&mut self) {
        self.made += 1;
    }

    /// Returns the next step. `untried` is true if another target is eligible, `left` is the remaining
    /// time of the request.
    pub fn decide(&mut self, failure: Failure, untried: bool, left: Duration) -> RetryDecision {
        if self.made >= self.most || left < MIN_TIME_LEFT {
            return RetryDecision::GiveUp;
        }
        if untried && failure.can_fail_over() {
            return RetryDecision::FailOver;
        }
        if !failure.is_retryable() {
            return RetryDecision::GiveUp;
        }
        let pause = match failure {
            Failure::RateLimit(Some(delay)) | Failure::Overloaded(Some(delay)) => delay,
            _ => (FIRST_BACKOFF * 2_u32.saturating_pow(self.repeats.min(8))).min(MAX_BACKOFF),
        };
        self.repeats += 1;
        if pause > MAX_RETRY_AFTER || pause + MIN_TIME_LEFT > left {
            return RetryDecision::GiveUp;
        }
        RetryDecision::Retry(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn an_untried_target_comes_before_a_repeat() {
        let mut attempts = RetryState::new(3);
        attempts.begin();

        assert_eq!(
            attempts.decide(Failure::Server, true, LONG),
            RetryDecision::FailOver
        );
        assert_eq!(
            attempts.decide(Failure::Server, false, LONG),
            RetryDecision::Retry(FIRST_BACKOFF)
        );
    }

    #[test]
    fn the_retry_budget_bounds_retries_in_an_outage() {
        let at = |seconds: u64| UnixTime::from_seconds(1_000 + seconds);
        let budget = AttemptBudget::retries(at(0));
        let spent = |now| (0..5_000).filter(|_| budget.try_withdraw(now)).count();
        assert_eq!(spent(at(0)), 20);
        for _ in 0..100 {
            budget.deposit(1.0, at(0));
        }
        assert_eq!(spent(at(0)), 20, "a fifth of a hundred requests");
        assert_eq!(spent(at(3)), 6, "two a second");
        budget.deposit(1.0, at(10_000));
        assert_eq!(spent(at(10_000)), 40, "the balance is bounded");
        for _ in 0..2_000 {
            budget.deposit(1_000.0, at(20_000));
        }
        assert_eq!(
            spent(at(20_000)),
            2_000,
            "the bound grows with the request rate"
        );
    }

    #[test]
    fn an_estimate_lies_between_one_and_thirty_seconds() {
        let seconds = |attempts| backoff_estimate(attempts).as_secs();
        assert_eq!([0, 1, 2, 3].map(seconds), [1, 1, 2, 4]);
        assert_eq!(seconds(u32::MAX), 30);
    }

    #[test]
    fn an_invalid_request_is_tried_once() {
        let mut attempts = RetryState::new(3);
        attempts.begin();

        assert_eq!(
            attempts.decide(Failure::InvalidRequest, true, LONG),
            RetryDecision::GiveUp
        );
    }

    #[test]
    fn a_long_requested_delay_ends_the_request() {
        let mut attempts = RetryState::new(3);
        attempts.begin();
        let limited = |seconds| Failure::RateLimit(Some(Duration::from_secs(seconds)));

        assert_eq!(
            attempts.decide(limited(2), false, LONG),
            RetryDecision::Retry(Duration::from_secs(2))
        );
        assert_eq!(
            attempts.decide(limited(11), false, LONG),
            RetryDecision::GiveUp
        );
    }

    proptest! {
        #[test]
        fn attempts_and_pauses_stay_within_their_caps(
            max_retries in 0_u32..10, left in 0_u64..60_000, untried in prop::bool::ANY,
        ) {
            let mut attempts = RetryState::new(max_retries);
            loop {
                attempts.begin();
                prop_assert!(attempts.count() <= max_retries + 1);
                match attempts.decide(Failure::Server, untried, Duration::from_millis(left)) {
                    RetryDecision::GiveUp => break,
                    RetryDecision::FailOver => {}
                    RetryDecision::Retry(pause) => prop_assert!((FIRST_BACKOFF..=MAX_BACKOFF).contains(&pause)),
                }
            }
        }
    }
}
