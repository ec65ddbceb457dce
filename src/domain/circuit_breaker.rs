//! The breaker: when to stop sending, and when to try again.
//!
//! It keeps a sequential likelihood ratio `g` of "nine in ten fail" against "as many fail as
//! usual" (a CUSUM): `g += ln(0.9 / base)` on a failure, `g = max(0, g + ln(0.1 / (1 − base)))` on
//! a first token; a stream that breaks after its own takes that back as well. At the usual 5 % four
//! failures in a row open it and four first tokens of trial requests close it again; a target that
//! always fails a quarter of the time takes about nine. The usual rate is the worst of its own and
//! its peers', so that a general outage ejects no target.

use super::decay::DecayedMean;
use super::units::UnixTime;
use std::time::Duration;

/// Opens here: odds of e^11.5, one in a hundred thousand, against bad luck.
const OPEN_THRESHOLD: f64 = 11.5;
/// Where a half-open breaker starts: four good trial requests bring it to 0.
const HALF_OPEN: f64 = 8.7;
/// The failure rate that it looks for.
const BROKEN_FAILURE_RATE: f64 = 0.9;
/// The usual rate is taken as no better and no worse than these, so that the ratio stays finite.
const USUAL_RATE_BOUNDS: (f64, f64) = (0.05, 0.5);
/// First pause; each further one is twice as long, up to [`MAX_OPEN_S`], in seconds.
const FIRST_OPEN_S: f64 = 3.0;
/// Its jitter included: who is well again is found out within that.
const MAX_OPEN_S: f64 = 30.0;
/// Up to that part is added by chance, so that many targets do not return at once.
const JITTER: f64 = 0.2;
/// Pauses start small again after so many seconds closed.
const BACKOFF_RESET_S: f64 = 60.0;
/// Doublings that are counted; more would only overflow.
const MAX_DOUBLINGS: u32 = 6;
/// Memory of its own events, in seconds.
const EVENT_MEMORY_S: f64 = 15.0;
/// They are counted as if two had been seen before, at 2 %.
const PRIOR: (f64, f64) = (0.02, 2.0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// Nothing is sent before that moment.
    Open(UnixTime),
    /// One request at a time may try.
    HalfOpen,
}

/// A change worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Opened(UnixTime),
    HalfOpened,
    Closed,
}

/// What surrounds an event.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FailureContext {
    /// The target's own failure rate before the event, 0..1.
    pub own: f64,
    /// The mean of its peers' [`CircuitBreaker::recent_failure_rate`].
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
pub struct CircuitBreaker {
    state: BreakerState,
    evidence: f64,
    /// Usual failure rate, 0.05..0.5.
    base: f64,
    events: DecayedMean,
    trips: u32,
    closed_at: UnixTime,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            evidence: 0.0,
            base: USUAL_RATE_BOUNDS.0,
            events: DecayedMean::new(EVENT_MEMORY_S),
            trips: 0,
            closed_at: UnixTime::default(),
        }
    }
}

impl CircuitBreaker {
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Closed, with nothing against it: then one more success changes nothing, whatever is usual.
    pub fn is_settled(&self) -> bool {
        self.state == BreakerState::Closed && self.evidence <= 0.0
    }

    /// Share of failures among what it heard lately.
    pub fn recent_failure_rate(&self, now: UnixTime) -> f64 {
        let (rate, strength) = PRIOR;
        self.events.shrunk(rate, strength, now)
    }

    /// Hears of a failure.
    pub fn record_failure(&mut self, around: FailureContext, now: UnixTime) -> Option<Transition> {
        if !self.accepts(1.0, &around, now) {
            return None;
        }
        self.evidence += (BROKEN_FAILURE_RATE / self.base).ln();
        if around.had_begun {
            self.evidence -= self.success_credit();
        }
        let may_open = around.may_open || self.state == BreakerState::HalfOpen;
        (self.evidence >= OPEN_THRESHOLD && may_open).then(|| self.open(around.luck, now))
    }

    /// Hears of a first token.
    pub fn record_success(&mut self, around: FailureContext, now: UnixTime) -> Option<Transition> {
        if !self.accepts(0.0, &around, now) {
            return None;
        }
        self.evidence = (self.evidence + self.success_credit()).max(0.0);
        if self.state == BreakerState::HalfOpen && self.evidence <= 0.0 {
            self.state = BreakerState::Closed;
            self.closed_at = now;
            self.events.clear();
            return Some(Transition::Closed);
        }
        None
    }

    /// The trial was told to wait: that says nothing of its health, so it stays open until then.
    pub fn extend_open(&mut self, until: UnixTime) -> Option<Transition> {
        if self.state != BreakerState::HalfOpen {
            return None;
        }
        self.state = BreakerState::Open(until);
        Some(Transition::Opened(until))
    }

    /// Lets a trial through once the pause is over.
    pub fn tick(&mut self, peers: f64, now: UnixTime) -> Option<Transition> {
        match self.state {
            BreakerState::Open(until) if now >= until => Some(self.half_open(peers)),
            _ => None,
        }
    }

    /// The target was seen healthy: a half-open probe may follow at once.
    pub fn half_open(&mut self, peers: f64) -> Transition {
        self.state = BreakerState::HalfOpen;
        self.evidence = HALF_OPEN;
        self.base = peers.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
        Transition::HalfOpened
    }

    /// What a first token takes away; negative.
    fn success_credit(&self) -> f64 {
        ((1.0 - BROKEN_FAILURE_RATE) / (1.0 - self.base)).ln()
    }

    fn open(&mut self, luck: f64, now: UnixTime) -> Transition {
        let spread = 1.0 + JITTER * luck;
        let pause = (FIRST_OPEN_S * 2_f64.powi(self.trips.cast_signed()) * spread).min(MAX_OPEN_S);
        let until = now.plus(Duration::from_secs_f64(pause));
        self.trips = (self.trips + 1).min(MAX_DOUBLINGS);
        self.state = BreakerState::Open(until);
        Transition::Opened(until)
    }

    /// Prepares for an event (1 a failure, 0 a first token); false where it must not count.
    fn accepts(&mut self, event: f64, around: &FailureContext, now: UnixTime) -> bool {
        if self.state == BreakerState::Closed {
            if self.trips > 0 && now.seconds_since(self.closed_at) >= BACKOFF_RESET_S {
                self.trips = 0;
            }
            if self.evidence <= 0.0 {
                let usual = around
                    .own
                    .max(self.recent_failure_rate(now))
                    .max(around.peers);
                self.base = usual.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
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

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    fn around(own: f64, trial: bool) -> FailureContext {
        FailureContext {
            own,
            peers: 0.02,
            trial,
            had_begun: false,
            may_open: true,
            luck: 0.0,
        }
    }

    fn opened() -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..4 {
            breaker.record_failure(around(0.02, false), at(0));
        }
        breaker
    }

    #[test]
    fn four_failures_in_a_row_open_it_and_four_good_trials_close_it() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.record_failure(around(0.02, false), at(100)), None);
        }
        let until = at(103);
        assert_eq!(
            breaker.record_failure(around(0.02, false), at(100)),
            Some(Transition::Opened(until))
        );

        assert_eq!(breaker.tick(0.02, at(102)), None);
        assert_eq!(breaker.tick(0.02, until), Some(Transition::HalfOpened));
        for _ in 0..3 {
            assert_eq!(breaker.record_success(around(0.5, true), at(104)), None);
        }
        assert_eq!(
            breaker.record_success(around(0.5, true), at(104)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn streams_that_break_after_their_first_token_open_it_as_fast() {
        let broke = FailureContext {
            had_begun: true,
            ..around(0.02, false)
        };
        let mut breaker = CircuitBreaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.record_success(around(0.02, false), at(1)), None);
            assert_eq!(breaker.record_failure(broke, at(1)), None);
        }
        assert_eq!(breaker.record_success(around(0.02, false), at(1)), None);
        assert!(breaker.record_failure(broke, at(1)).is_some());

        // And a trial that breaks off is a trial that failed.
        breaker.tick(0.02, at(100));
        let broke = FailureContext {
            trial: true,
            ..broke
        };
        assert_eq!(breaker.record_success(around(0.02, true), at(101)), None);
        assert!(breaker.record_failure(broke, at(102)).is_some());
    }

    #[test]
    fn a_flaky_target_needs_more_failures_and_so_does_one_on_a_bad_day_of_all() {
        for (own, peers) in [(0.25, 0.02), (0.02, 0.25)] {
            let mut breaker = CircuitBreaker::default();
            let event = FailureContext {
                own,
                peers,
                ..around(own, false)
            };
            let failures = (1..20).find(|_| breaker.record_failure(event, at(1)).is_some());
            assert!(failures.unwrap() >= 8, "{failures:?}");
        }
    }

    #[test]
    fn it_does_not_open_while_half_of_all_are_open() {
        let mut breaker = CircuitBreaker::default();
        let refused = FailureContext {
            may_open: false,
            ..around(0.02, false)
        };
        assert!((0..20).all(|_| breaker.record_failure(refused, at(1)).is_none()));
        assert!(breaker.record_failure(around(0.02, false), at(1)).is_some());
    }

    #[test]
    fn a_failed_trial_opens_it_for_longer_and_one_told_to_wait_until_then() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));
        assert_eq!(
            breaker.record_failure(around(0.02, true), at(3)),
            Some(Transition::Opened(at(9)))
        );

        breaker.tick(0.02, at(9));
        assert_eq!(
            breaker.extend_open(at(70)),
            Some(Transition::Opened(at(70)))
        );
        assert_eq!(CircuitBreaker::default().extend_open(at(70)), None);
    }

    #[test]
    fn what_was_sent_before_it_opened_does_not_count() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));

        assert_eq!(breaker.record_failure(around(0.02, false), at(3)), None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    proptest! {
        #[test]
        fn a_pause_is_between_three_seconds_and_thirty_and_always_ends(
            luck in 0.0..1.0_f64, rounds in 1_usize..20,
        ) {
            let mut breaker = CircuitBreaker::default();
            let mut now = at(1_000);
            let event = FailureContext { luck, ..around(0.9, true) };
            for _ in 0..rounds {
                let mut opened = None;
                while opened.is_none() {
                    opened = breaker.record_failure(event, now);
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
