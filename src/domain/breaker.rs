//! The breaker: when to stop sending, and when to try again.
//!
//! It keeps a sequential likelihood ratio `g` of "nine in ten fail" against "as many fail as
//! usual" (a CUSUM): `g += ln(0.9 / base)` on a failure, `g = max(0, g + ln(0.1 / (1 − base)))` on
//! a success. At the usual 5 % four failures in a row open it and four successes of trial
//! requests close it again; a target that always fails a quarter of the time takes about nine.

use super::units::Moment;
use std::time::Duration;

/// Opens here: odds of e^11.5, one in a hundred thousand, against bad luck.
const TRIP: f64 = 11.5;
/// Where a half-open breaker starts: four good trial requests bring it to 0.
const HALF_OPEN: f64 = 8.7;
/// The failure rate that it looks for.
const BROKEN: f64 = 0.9;
/// First pause; each further one is twice as long, up to [`LONGEST`].
const PAUSE: f64 = 3.0;
const LONGEST: f64 = 30.0;
/// Pauses start small again after so many seconds closed.
const RESET: f64 = 60.0;
/// Doublings that are counted; more would only overflow.
const MOST_TRIPS: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// Nothing is sent before that moment.
    Open(Moment),
    /// One request at a time may try.
    HalfOpen,
}

/// A change worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Opened(Moment),
    HalfOpened,
    Closed,
}

/// The breaker of one target.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    state: BreakerState,
    evidence: f64,
    /// Usual failure rate, 0.05..0.5.
    base: f64,
    trips: u32,
    closed_at: Moment,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            evidence: 0.0,
            base: 0.05,
            trips: 0,
            closed_at: Moment::default(),
        }
    }
}

impl Breaker {
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Hears of a failure. `usual` is the target's own failure rate before this event, `trial`
    /// whether this was a half-open breaker's trial, `luck` a draw in 0..1 that spreads the pauses
    /// of many targets.
    pub fn failed(
        &mut self,
        usual: f64,
        trial: bool,
        luck: f64,
        now: Moment,
    ) -> Option<Transition> {
        if !self.listens(usual, trial, now) {
            return None;
        }
        self.evidence += (BROKEN / self.base).ln();
        (self.evidence >= TRIP).then(|| self.open(luck, now))
    }

    /// Hears of a success.
    pub fn succeeded(&mut self, usual: f64, trial: bool, now: Moment) -> Option<Transition> {
        if !self.listens(usual, trial, now) {
            return None;
        }
        self.evidence = (self.evidence + ((1.0 - BROKEN) / (1.0 - self.base)).ln()).max(0.0);
        if self.state == BreakerState::HalfOpen && self.evidence <= 0.0 {
            self.state = BreakerState::Closed;
            self.closed_at = now;
            return Some(Transition::Closed);
        }
        None
    }

    /// Lets a trial through once the pause is over.
    pub fn tick(&mut self, now: Moment) -> Option<Transition> {
        match self.state {
            BreakerState::Open(until) if now >= until => Some(self.half_open()),
            _ => None,
        }
    }

    /// Somebody saw the target well again: a trial may come at once.
    pub fn half_open(&mut self) -> Transition {
        self.state = BreakerState::HalfOpen;
        self.evidence = HALF_OPEN;
        self.base = 0.05;
        Transition::HalfOpened
    }

    fn open(&mut self, luck: f64, now: Moment) -> Transition {
        let pause =
            (PAUSE * 2_f64.powi(self.trips.cast_signed())).min(LONGEST) * (1.0 + 0.2 * luck);
        let until = now.plus(Duration::from_secs_f64(pause));
        self.trips = (self.trips + 1).min(MOST_TRIPS);
        self.state = BreakerState::Open(until);
        Transition::Opened(until)
    }

    /// Prepares for an event; false where it must not count.
    fn listens(&mut self, usual: f64, trial: bool, now: Moment) -> bool {
        match self.state {
            BreakerState::Closed => {
                if self.trips > 0 && now.seconds_since(self.closed_at) >= RESET {
                    self.trips = 0;
                }
                if self.evidence <= 0.0 {
                    self.base = usual.clamp(0.05, 0.5);
                }
                true
            }
            BreakerState::HalfOpen => trial,
            // What was sent before it opened says nothing about now.
            BreakerState::Open(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_seconds(seconds)
    }

    #[test]
    fn four_failures_in_a_row_open_it_and_four_good_trials_close_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.failed(0.02, false, 0.0, at(100)), None);
        }
        let until = at(103);
        assert_eq!(
            breaker.failed(0.02, false, 0.0, at(100)),
            Some(Transition::Opened(until))
        );

        assert_eq!(breaker.tick(at(102)), None);
        assert_eq!(breaker.tick(until), Some(Transition::HalfOpened));
        for _ in 0..3 {
            assert_eq!(breaker.succeeded(0.5, true, at(104)), None);
        }
        assert_eq!(
            breaker.succeeded(0.5, true, at(104)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn a_flaky_target_needs_more_failures() {
        let mut breaker = Breaker::default();
        let failures = (1..20).find(|_| breaker.failed(0.25, false, 0.0, at(1)).is_some());

        assert!(failures.unwrap() >= 8, "{failures:?}");
    }

    #[test]
    fn a_failed_trial_opens_it_for_longer() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(0.02, false, 0.0, at(0));
        }
        breaker.tick(at(3));

        assert_eq!(
            breaker.failed(0.02, true, 0.0, at(3)),
            Some(Transition::Opened(at(9)))
        );
    }

    #[test]
    fn what_was_sent_before_it_opened_does_not_count() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(0.02, false, 0.0, at(0));
        }
        breaker.tick(at(3));

        assert_eq!(breaker.failed(0.02, false, 0.0, at(3)), None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    proptest! {
        #[test]
        fn a_pause_is_between_three_seconds_and_thirty_six_and_always_ends(
            luck in 0.0..1.0_f64, rounds in 1_usize..20,
        ) {
            let mut breaker = Breaker::default();
            let mut now = at(1_000);
            for _ in 0..rounds {
                let mut opened = None;
                while opened.is_none() {
                    opened = breaker.failed(0.9, true, luck, now);
                }
                let Some(Transition::Opened(until)) = opened else { unreachable!() };
                let pause = until.seconds_since(now);
                prop_assert!((3.0..=36.0).contains(&pause), "{pause}");
                now = until;
                prop_assert_eq!(breaker.tick(now), Some(Transition::HalfOpened));
            }
        }
    }
}
