//! How often one client request is tried: one cap on attempts and one on time, over retries and
//! fallbacks together, so that an outage is never multiplied.

use super::observation::Failure;
use std::time::Duration;

/// First pause before the same target is asked again; doubles, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// A delay that a provider asks for is waited for only up to here; a longer one ends the request.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// With less time than this left a further attempt is not begun.
const LEAST_TIME: Duration = Duration::from_millis(500);

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
