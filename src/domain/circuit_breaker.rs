//! Circuit breaker of a target.
//!
//! A CUSUM test: the log-likelihood ratio `g` of a failure rate of 90 % against the usual rate
//! `base`. `g += ln(0.9 / base)` on a failure, `g = max(0, g + ln(0.1 / (1 − base)))` on a first
//! token; a stream that breaks after its first token also reverts that token's credit. At a usual
//! rate of 5 % four consecutive failures open the breaker and four first tokens of half-open probes
//! close it; at 25 % it takes about nine failures. The usual rate is the maximum of the target's own
//! and its peers', so that a general outage does not open all breakers.

use super::decay::DecayedMean;
use super::units::UnixTime;
use std::time::Duration;

/// Value of `g` at which the breaker opens: a likelihood ratio of e^11.5, about 100 000 to 1.
const OPEN_THRESHOLD: f64 = 11.5;
/// Value of `g` at the start of half-open: four successful probes reduce it to 0.
const HALF_OPEN: f64 = 8.7;
/// Failure rate of a broken target.
const BROKEN_FAILURE_RATE: f64 = 0.9;
/// Bounds of the usual failure rate, so that the ratio stays finite.
const USUAL_RATE_BOUNDS: (f64, f64) = (0.05, 0.5);
/// First open time in seconds; doubles with each reopening, up to [`MAX_OPEN_S`].
const FIRST_OPEN_S: f64 = 3.0;
/// Maximum open time in seconds, jitter included.
const MAX_OPEN_S: f64 = 30.0;
/// Maximum random addition to the open time, as a share, so that many targets do not return at once.
const JITTER: f64 = 0.2;
/// Seconds in the closed state after which the open time starts at [`FIRST_OPEN_S`] again.
const BACKOFF_RESET_S: f64 = 60.0;
/// Maximum number of doublings; more would overflow.
const MAX_DOUBLINGS: u32 = 6;
/// Time constant of the recent events in seconds.
const EVENT_MEMORY_S: f64 = 15.0;
/// Prior of the recent failure rate: 2 %, with the weight of two events.
const PRIOR: (f64, f64) = (0.02, 2.0);

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests are sent.
    Closed,
    /// No request is sent before that time.
    Open(UnixTime),
    /// One probe request at a time is sent.
    HalfOpen,
}

/// Change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Opened until that time.
    Opened(UnixTime),
    /// Admits a probe request.
    HalfOpened,
    /// Closed after successful probes.
    Closed,
}

/// Context of a failure or success.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FailureContext {
    /// Failure rate of the target before the event, 0..1.
    pub own: f64,
    /// Mean [`CircuitBreaker::recent_failure_rate`] of the other targets, 0..1.
    pub peers: f64,
    /// True if the request was a half-open probe.
    pub trial: bool,
    /// True if the failure came after the first token, which had counted as a success.
    pub had_begun: bool,
    /// True if fewer than half of all breakers are open, so that another one may open.
    pub may_open: bool,
    /// Random number in 0..1 for the jitter of the open time.
    pub luck: f64,
}

/// Circuit breaker of one target.
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
    /// Returns the state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Returns true if it is closed without evidence, so that another success changes nothing.
    pub fn is_settled(&self) -> bool {
        self.state == BreakerState::Closed && self.evidence <= 0.0
    }

    /// Returns the share of failures among recent events, 0..1.
    pub fn recent_failure_rate(&self, now: UnixTime) -> f64 {
        let (rate, strength) = PRIOR;
        self.events.shrunk(rate, strength, now)
    }

    /// Records a failure.
    pub fn record_failure(&mut self, context: FailureContext, now: UnixTime) -> Option<Transition> {
        if !self.accepts(1.0, &context, now) {
            return None;
        }
        self.evidence += (BROKEN_FAILURE_RATE / self.base).ln();
        if context.had_begun {
            self.evidence -= self.success_credit();
        }
        let may_open = context.may_open || self.state == BreakerState::HalfOpen;
        (self.evidence >= OPEN_THRESHOLD && may_open).then(|| self.open(context.luck, now))
    }

    /// Records a first token.
    pub fn record_success(&mut self, context: FailureContext, now: UnixTime) -> Option<Transition> {
        if !self.accepts(0.0, &context, now) {
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

    /// Reopens a half-open breaker until the time that the provider asked for. A rate limit is no
    /// evidence of bad health.
    pub fn extend_open(&mut self, until: UnixTime) -> Option<Transition> {
        if self.state != BreakerState::HalfOpen {
            return None;
        }
        self.state = BreakerState::Open(until);
        Some(Transition::Opened(until))
    }

    /// Becomes half-open if the open time has passed.
    pub fn tick(&mut self, peers: f64, now: UnixTime) -> Option<Transition> {
        match self.state {
            BreakerState::Open(until) if now >= until => Some(self.half_open(peers)),
            _ => None,
        }
    }

    /// Becomes half-open immediately, after a successful probe of the provider.
    pub fn half_open(&mut self, peers: f64) -> Transition {
        self.state = BreakerState::HalfOpen;
        self.evidence = HALF_OPEN;
        self.base = peers.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
        Transition::HalfOpened
    }

    /// Returns the change of `g` by a first token; negative.
    fn success_credit(&self) -> f64 {
        ((1.0 - BROKEN_FAILURE_RATE) / (1.0 - self.base)).ln()
    }

    fn open(&mut self, jitter: f64, now: UnixTime) -> Transition {
        let spread = 1.0 + JITTER * jitter;
        let pause = (FIRST_OPEN_S * 2_f64.powi(self.trips.cast_signed()) * spread).min(MAX_OPEN_S);
        let until = now.plus(Duration::from_secs_f64(pause));
        self.trips = (self.trips + 1).min(MAX_DOUBLINGS);
        self.state = BreakerState::Open(until);
        Transition::Opened(until)
    }

    /// Adds an event (1 a failure, 0 a first token) to the recent events; returns false if it must not
    /// change `g`.
    fn accepts(&mut self, event: f64, context: &FailureContext, now: UnixTime) -> bool {
        if self.state == BreakerState::Closed {
            if self.trips > 0 && now.seconds_since(self.closed_at) >= BACKOFF_RESET_S {
                self.trips = 0;
            }
            if self.evidence <= 0.0 {
                let usual = context
                    .own
                    .max(self.recent_failure_rate(now))
                    .max(context.peers);
                self.base = usual.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
            }
        }
        self.events.add(event, now);
        match self.state {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => context.trial,
            // Requests sent before it opened are no evidence of the current state.
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

    fn context(own: f64, trial: bool) -> FailureContext {
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
            breaker.record_failure(context(0.02, false), at(0));
        }
        breaker
    }

    #[test]
    fn four_consecutive_failures_open_it_and_four_successful_probes_close_it() {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.record_failure(context(0.02, false), at(100)), None);
        }
        let until = at(103);
        assert_eq!(
            breaker.record_failure(context(0.02, false), at(100)),
            Some(Transition::Opened(until))
        );

        assert_eq!(breaker.tick(0.02, at(102)), None);
        assert_eq!(breaker.tick(0.02, until), Some(Transition::HalfOpened));
        for _ in 0..3 {
            assert_eq!(breaker.record_success(context(0.5, true), at(104)), None);
        }
        assert_eq!(
            breaker.record_success(context(0.5, true), at(104)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn streams_that_break_after_their_first_token_open_it_as_quickly() {
        let broke = FailureContext {
            had_begun: true,
            ..context(0.02, false)
        };
        let mut breaker = CircuitBreaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.record_success(context(0.02, false), at(1)), None);
            assert_eq!(breaker.record_failure(broke, at(1)), None);
        }
        assert_eq!(breaker.record_success(context(0.02, false), at(1)), None);
        assert!(breaker.record_failure(broke, at(1)).is_some());

        // A probe that breaks after its first token is a failed probe.
        breaker.tick(0.02, at(100));
        let broke = FailureContext {
            trial: true,
            ..broke
        };
        assert_eq!(breaker.record_success(context(0.02, true), at(101)), None);
        assert!(breaker.record_failure(broke, at(102)).is_some());
    }

    #[test]
    fn a_high_usual_rate_of_the_target_or_its_peers_requires_more_failures() {
        for (own, peers) in [(0.25, 0.02), (0.02, 0.25)] {
            let mut breaker = CircuitBreaker::default();
            let event = FailureContext {
                own,
                peers,
                ..context(own, false)
            };
            let failures = (1..20).find(|_| breaker.record_failure(event, at(1)).is_some());
            assert!(failures.unwrap() >= 8, "{failures:?}");
        }
    }

    #[test]
    fn it_does_not_open_while_half_of_all_are_open() {
        let mut breaker = CircuitBreaker::default();
        let blocked = FailureContext {
            may_open: false,
            ..context(0.02, false)
        };
        assert!((0..20).all(|_| breaker.record_failure(blocked, at(1)).is_none()));
        assert!(
            breaker
                .record_failure(context(0.02, false), at(1))
                .is_some()
        );
    }

    #[test]
    fn a_failed_probe_doubles_the_open_time_and_a_rate_limited_one_sets_it() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));
        assert_eq!(
            breaker.record_failure(context(0.02, true), at(3)),
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
    fn requests_sent_before_it_opened_do_not_count() {
        let mut breaker = opened();
        breaker.tick(0.02, at(3));

        assert_eq!(breaker.record_failure(context(0.02, false), at(3)), None);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    proptest! {
        #[test]
        fn the_open_time_is_between_3_and_30_seconds(
            jitter in 0.0..1.0_f64, rounds in 1_usize..20,
        ) {
            let mut breaker = CircuitBreaker::default();
            let mut now = at(1_000);
            let event = FailureContext { luck: jitter, ..context(0.9, true) };
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
