//! How often one client request is tried: one cap on attempts and one on time, over retries and
//! fallbacks together, so that an outage is never multiplied.

use super::observation::Failure;
use super::units::Moment;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// First pause before the same target is asked again; doubles, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// A delay that a provider asks for is waited for only up to here; a longer one ends the request.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// With less time than this left a further attempt is not begun.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// A client request earns that much of a further attempt: in the long run at most a fifth more
/// attempts than requests.
const EARNED: f64 = 0.2;
/// And time earns so many a second, for those who have few requests.
const PER_SECOND: f64 = 2.0;
/// At most so many are saved up, and at the start half of them are there.
const MOST_SAVED: f64 = 40.0;
/// A busy gateway may save what it earns in that many seconds, for an outage meets as many requests
/// as are in flight.
const SAVING_TIME: f64 = 10.0;

/// What all requests together may spend on further attempts, so that an outage is not answered
/// with a storm. One number that time itself fills: the moment at which nothing was left.
#[derive(Debug)]
pub struct RetryBudget {
    empty_at: AtomicU64,
}

impl RetryBudget {
    pub fn new(now: Moment) -> Self {
        Self {
            empty_at: AtomicU64::new(now.micros().saturating_sub(micros(MOST_SAVED / 2.0))),
        }
    }

    /// A request came in, one of `per_second`.
    pub fn earn(&self, per_second: f64, now: Moment) {
        let most = MOST_SAVED.max(SAVING_TIME * EARNED * per_second);
        let earn = |empty_at: u64| {
            let floor = now.micros().saturating_sub(micros(most));
            Some(
                empty_at
                    .max(floor)
                    .saturating_sub(micros(EARNED))
                    .max(floor),
            )
        };
        let _always = self
            .empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, earn);
    }

    /// Takes one further attempt; false where there is none.
    pub fn spend(&self, now: Moment) -> bool {
        let spend = |empty_at: u64| {
            let after = empty_at + micros(1.0);
            (after <= now.micros()).then_some(after)
        };
        self.empty_at
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, spend)
            .is_ok()
    }
}

/// The time in which so many attempts are earned by waiting.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and counts of attempts are not negative"
)]
fn micros(attempts: f64) -> u64 {
    (attempts / PER_SECOND * 1e6) as u64
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Ask another target, at once.
    Elsewhere,
    /// Ask the same one, after a pause.
    Again(Duration),
    GiveUp,
}

/// The attempts of one client request.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    made: u32,
    most: u32,
    repeats: u32,
}

impl Attempts {
    /// `max_retries` attempts may follow the first.
    pub fn new(max_retries: u32) -> Self {
        Self {
            made: 0,
            most: max_retries.saturating_add(1),
            repeats: 0,
        }
    }

    pub fn made(&self) -> u32 {
        self.made
    }

    pub fn begin(&mut self) {
        self.made += 1;
    }

    /// `untried` says whether another target may be asked, `left` is the request's remaining time.
    pub fn after(&mut self, failure: Failure, untried: bool, left: Duration) -> Verdict {
        if self.made >= self.most || left < LEAST_TIME {
            return Verdict::GiveUp;
        }
        if untried && failure.may_go_elsewhere() {
            return Verdict::Elsewhere;
        }
        if !failure.may_be_repeated() {
            return Verdict::GiveUp;
        }
        let pause = match failure {
            Failure::RateLimit(Some(delay)) | Failure::Overloaded(Some(delay)) => delay,
            _ => (PAUSE * 2_u32.saturating_pow(self.repeats.min(8))).min(LONGEST_PAUSE),
        };
        self.repeats += 1;
        if pause > LONGEST_WAIT || pause + LEAST_TIME > left {
            return Verdict::GiveUp;
        }
        Verdict::Again(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn an_untried_target_comes_before_a_repeat() {
        let mut attempts = Attempts::new(3);
        attempts.begin();

        assert_eq!(
            attempts.after(Failure::Server, true, LONG),
            Verdict::Elsewhere
        );
        assert_eq!(
            attempts.after(Failure::Server, false, LONG),
            Verdict::Again(PAUSE)
        );
    }

    #[test]
    fn an_outage_is_not_answered_with_a_storm() {
        let at = |seconds: u64| Moment::from_seconds(1_000 + seconds);
        let budget = RetryBudget::new(at(0));
        let spent = |now| (0..5_000).filter(|_| budget.spend(now)).count();
        assert_eq!(spent(at(0)), 20);
        for _ in 0..100 {
            budget.earn(1.0, at(0));
        }
        assert_eq!(spent(at(0)), 20, "a fifth of a hundred requests");
        assert_eq!(spent(at(3)), 6, "two a second");
        budget.earn(1.0, at(10_000));
        assert_eq!(spent(at(10_000)), 40, "no more is saved");
        for _ in 0..2_000 {
            budget.earn(1_000.0, at(20_000));
        }
        assert_eq!(spent(at(20_000)), 2_000, "unless there is much to do");
    }

    #[test]
    fn a_wrong_request_is_tried_once() {
        let mut attempts = Attempts::new(3);
        attempts.begin();

        assert_eq!(
            attempts.after(Failure::InvalidRequest, true, LONG),
            Verdict::GiveUp
        );
    }

    #[test]
    fn a_long_delay_is_not_waited_for() {
        let mut attempts = Attempts::new(3);
        attempts.begin();
        let limited = |seconds| Failure::RateLimit(Some(Duration::from_secs(seconds)));

        assert_eq!(
            attempts.after(limited(2), false, LONG),
            Verdict::Again(Duration::from_secs(2))
        );
        assert_eq!(attempts.after(limited(11), false, LONG), Verdict::GiveUp);
    }

    proptest! {
        #[test]
        fn attempts_and_pauses_stay_within_their_caps(
            max_retries in 0_u32..10, left in 0_u64..60_000, untried in prop::bool::ANY,
        ) {
            let mut attempts = Attempts::new(max_retries);
            loop {
                attempts.begin();
                prop_assert!(attempts.made() <= max_retries + 1);
                match attempts.after(Failure::Server, untried, Duration::from_millis(left)) {
                    Verdict::GiveUp => break,
                    Verdict::Elsewhere => {}
                    Verdict::Again(pause) => prop_assert!((PAUSE..=LONGEST_PAUSE).contains(&pause)),
                }
            }
        }
    }
}
