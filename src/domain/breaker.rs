//! The breaker: when to stop sending, and when to try again.
//!
//! It keeps a sequential likelihood ratio `g` of "nine in ten fail" against "as many fail as
//! usual" (a CUSUM): `g += ln(0.9 / base)` on a failure, `g = max(0, g + ln(0.1 / (1 − base)))` on
//! a first token; a stream that breaks after its own takes that back as well. At the usual 5 % four
//! failures in a row open it and four first tokens of trial requests close it again; a target that
//! always fails a quarter of the time takes about nine. The usual rate is the worst of its own and
//! its peers', so that a bad day of everybody ejects nobody.

use super::decay::DecayedMean;
use super::units::Moment;
use std::time::Duration;

/// Opens here: odds of e^11.5, one in a hundred thousand, against bad luck.
const TRIP: f64 = 11.5;
/// Where a half-open breaker starts: four good trial requests bring it to 0.
const HALF_OPEN: f64 = 8.7;
/// The failure rate that it looks for.
const BROKEN: f64 = 0.9;
/// The usual rate is taken as no better and no worse than these, so that the ratio stays finite.
const BASE: (f64, f64) = (0.05, 0.5);
/// First pause; each further one is twice as long, up to [`LONGEST`], in seconds.
const PAUSE: f64 = 3.0;
/// Its jitter included: who is well again is found out within that.
const LONGEST: f64 = 30.0;
/// Up to that part is added by chance, so that many targets do not return at once.
const JITTER: f64 = 0.2;
/// Pauses start small again after so many seconds closed.
const RESET: f64 = 60.0;
/// Doublings that are counted; more would only overflow.
const MOST_TRIPS: u32 = 6;
/// Memory of its own events, in seconds.
const MEMORY: f64 = 15.0;
/// They are counted as if two had been seen before, at 2 %.
const PRIOR: (f64, f64) = (0.02, 2.0);

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

/// What surrounds an event.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Circumstance {
    /// The target's own failure rate before the event, 0..1.
    pub own: f64,
    /// The mean of its peers' [`Breaker::recent`].
    pub peers: f64,
    /// Whether this was a half-open breaker's one trial.
    pub trial: bool,
    /// Whether a failure broke off what had begun: its first token was counted as a success.
    pub had_begun: bool,
    /// Whether fewer than half of all breakers are open, so that one more may be.
    pub may_open: bool,
    /// A draw in 0..1 that spreads the pauses of many targets.
    pub luck: f64,
}

/// The breaker of one target.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    state: BreakerState,
    evidence: f64,
    /// Usual failure rate, 0.05..0.5.
    base: f64,
    events: DecayedMean,
    trips: u32,
    closed_at: Moment,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            evidence: 0.0,
            base: BASE.0,
            events: DecayedMean::new(MEMORY),
            trips: 0,
            closed_at: Moment::default(),
        }
    }
}

impl Breaker {
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Closed, with nothing against it: then one more success changes nothing, whatever is usual.
    pub fn is_calm(&self) -> bool {
        self.state == BreakerState::Closed && self.evidence <= 0.0
    }

    /// Share of failures among what it heard lately.
    pub fn recent(&self, now: Moment) -> f64 {
        let (rate, strength) = PRIOR;
        self.events.shrunk(rate, strength, now)
    }

    /// Hears of a failure.
    pub fn failed(&mut self, around: Circumstance, now: Moment) -> Option<Transition> {
        if !self.listens(1.0, &around, now) {
            return None;
        }
        self.evidence += (BROKEN / self.base).ln();
        if around.had_begun {
            self.evidence -= self.relief();
        }
        let may_open = around.may_open || self.state == BreakerState::HalfOpen;
        (self.evidence >= TRIP && may_open).then(|| self.open(around.luck, now))
    }

    /// Hears of a first token.
    pub fn succeeded(&mut self, around: Circumstance, now: Moment) -> Option<Transition> {
        if !self.listens(0.0, &around, now) {
            return None;
        }
        self.evidence = (self.evidence + self.relief()).max(0.0);
        if self.state == BreakerState::HalfOpen && self.evidence <= 0.0 {
            self.state = BreakerState::Closed;
            self.closed_at = now;
            self.events.clear();
            return Some(Transition::Closed);
        }
        None
    }

    /// The trial was told to wait: that says nothing of its health, so it stays open until then.
    pub fn put_off(&mut self, until: Moment) -> Option<Transition> {
        if self.state != BreakerState::HalfOpen {
            return None;
        }
        self.state = BreakerState::Open(until);
        Some(Transition::Opened(until))
    }

    /// Lets a trial through once the pause is over.
    pub fn tick(&mut self, peers: f64, now: Moment) -> Option<Transition> {
        match self.state {
            BreakerState::Open(until) if now >= until => Some(self.half_open(peers)),
            _ => None,
        }
    }

    /// Somebody saw the target well again: a trial may come at once.
    pub fn half_open(&mut self, peers: f64) -> Transition {
        self.state = BreakerState::HalfOpen;
        self.evidence = HALF_OPEN;
        self.base = peers.clamp(BASE.0, BASE.1);
        Transition::HalfOpened
    }

    /// What a first token takes away; negative.
    fn relief(&self) -> f64 {
        ((1.0 - BROKEN) / (1.0 - self.base)).ln()
    }

    fn open(&mut self, luck: f64, now: Moment) -> Transition {
        let spread = 1.0 + JITTER * luck;
        let pause = (PAUSE * 2_f64.powi(self.trips.cast_signed()) * spread).min(LONGEST);
        let until = now.plus(Duration::from_secs_f64(pause));
        self.trips = (self.trips + 1).min(MOST_TRIPS);
        self.state = BreakerState::Open(until);
        Transition::Opened(until)
    }

    /// Prepares for an event (1 a failure, 0 a first token); false where it must not count.
    fn listens(&mut self, event: f64, around: &Circumstance, now: Moment) -> bool {
        if self.state == BreakerState::Closed {
            if self.trips > 0 && now.seconds_since(self.closed_at) >= RESET {
                self.trips = 0;
            }
            if self.evidence <= 0.0 {
                let usual = around.own.max(self.recent(now)).max(around.peers);
                self.base = usual.clamp(BASE.0, BASE.1);
            }
        }
        self.events.add(event, now);
        match self.state {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => around.trial,
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

    fn around(own: f64, trial: bool) -> Circumstance {
        Circumstance {
            own,
            peers: 0.02,
            trial,
            had_begun: false,
            may_open: true,
            luck: 0.0,
        }
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(around(0.02, false), at(0));
        }
        breaker
    }

    #[test]
    fn four_failures_in_a_row_open_it_and_four_good_trials_close_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.failed(around(0.02, false), at(100)), None);
        }
        let until = at(103);
        assert_eq!(
            breaker.failed(around(0.02, false), at(100)),
            Some(Transition::Opened(until))
        );

        assert_eq!(breaker.tick(0.02, at(102)), None);
        assert_eq!(breaker.tick(0.02, until), Some(Transition::HalfOpened));
        for _ in 0..3 {
            assert_eq!(breaker.succeeded(around(0.5, true), at(104)), None);
        }
        assert_eq!(
            breaker.succeeded(around(0.5, true), at(104)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn streams_that_break_after_their_first_token_open_it_as_fast() {
        let broke = Circumstance {
            had_begun: true,
            ..around(0.02, false)
        };
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.succeeded(around(0.02, false), at(1)), None);
            assert_eq!(breaker.failed(broke, at(1)), None);
        }
        assert_eq!(breaker.succeeded(around(0.02, false), at(1)), None);
        assert!(breaker.failed(broke, at(1)).is_some());

        // And a trial that breaks off is a trial that failed.
        breaker.tick(0.02, at(100));
        let broke = Circumstance {
            trial: true,
            ..broke
        };
        assert_eq!(breaker.succeeded(around(0.02, true), at(101)), None);
        assert!(breaker.failed(broke, at(102)).is_some());
    }

    #[test]
    fn a_flaky_target_needs_more_failures_and_so_does_one_on_a_bad_day_of_all() {
        for (own, peers) in [(0.25, 0.02), (0.02, 0.25)] {
            let mut breaker = Breaker::default();
            let event = Circumstance {
                own,
                peers,
                ..around(own, false)
            };
            let failures = (1..20).find(|_| breaker.failed(event, at(1)).is_some());
            assert!(failures.unwrap() >= 8, "{failures:?}");
        }
    }

    #[test]
    fn it_does_not_open_while_half_of_all_are_open() {
        let mut breaker = Breaker::default();
        let refused = Circumstance {
            may_open: false,
            ..around(0.02, false)
        };
        assert!((0..20).all(|_| breaker.failed(refused, at(1)).is_none()));
        assert!(breaker.failed(around(0.02, false), at(1)).is_some());
    }

    #[test]
    fn a_failed_trial_opens_it_for_longer_and_one_told_to_wait_until_then() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));
        assert_eq!(
            breaker.failed(around(0.02, true), at(3)),
            Some(Transition::Opened(at(9)))
        );

        breaker.tick(0.02, at(9));
        assert_eq!(breaker.put_off(at(70)), Some(Transition::Opened(at(70))));
        assert_eq!(Breaker::default().put_off(at(70)), None);
    }

    #[test]
    fn what_was_sent_before_it_opened_does_not_count() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));

        assert_eq!(breaker.failed(around(0.02, false), at(3)), None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    proptest! {
        #[test]
        fn a_pause_is_between_three_seconds_and_thirty_and_always_ends(
            luck in 0.0..1.0_f64, rounds in 1_usize..20,
        ) {
            let mut breaker = Breaker::default();
            let mut now = at(1_000);
            let event = Circumstance { luck, ..around(0.9, true) };
            for _ in 0..rounds {
                let mut opened = None;
                while opened.is_none() {
                    opened = breaker.failed(event, now);
                }
                let Some(Transition::Opened(until)) = opened else { unreachable!() };
                let pause = until.seconds_since(now);
                prop_assert!((3.0..=30.0).contains(&pause), "{pause}");
                now = until;
                prop_assert_eq!(breaker.tick(0.02, now), Some(Transition::HalfOpened));
            }
        }
    }
}
