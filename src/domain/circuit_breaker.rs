//! Circuit breaker of a target.
//!
//! A CUSUM test: the log-likelihood ratio `g` of a failure rate of 90 % against the usual rate
//! `base`. `g += ln(0.9 / base)` on a failure, `g = max(0, g + ln(0.1 / (1 − base)))` on a first
//! token; a stream that breaks after its first token also reverts that token's credit. At a usual
//! rate of 5 % four consecutive failures open the breaker and four first tokens of half-open probes
//! close it; at 25 % it takes about nine failures. The usual rate is the maximum of the target's own
//! and its peers', so that a general outage does not open all breakers.
//!
//! A breaker recalls the short outages of the last minutes, because a target that flaps repeats itself.
//! Each recalled outage saves one failure of the four, at most two. The open time aims at the usual
//! end of an outage; if the outages were short, one successful probe closes the breaker, and
//! two probes may run at once. After a failed probe the open time is half of the time since
//! the outage began, so that its end is noticed after half of its length at most.

use super::decay::DecayedMean;
use super::units::UnixTime;
use std::time::Duration;

/// Value of `g` at which the breaker opens, for each failure of [`BreakerSettings::failures`]: the four
/// of the default are a likelihood ratio of e^11.5, about 100 000 to 1.
const THRESHOLD_PER_FAILURE: f64 = 11.5 / 4.0;
/// Value of `g` at the start of half-open: four successful probes reduce it to 0; and one after
/// outages that were short.
const HALF_OPEN: f64 = 8.7;
const HALF_OPEN_AFTER_SHORT: f64 = 2.0;
/// Increase of `g` from the start of half-open at which the breaker opens again: one failed probe at
/// a usual rate of 5 %.
const REOPEN_STEP: f64 = 4.0 * THRESHOLD_PER_FAILURE - HALF_OPEN;
/// Failure rate of a broken target.
const BROKEN_FAILURE_RATE: f64 = 0.9;
/// Bounds of the usual failure rate, so that the ratio stays finite.
const USUAL_RATE_BOUNDS: (f64, f64) = (0.05, 0.5);
/// Open time in seconds if no outage is recalled.
const FIRST_OPEN_S: f64 = 3.0;
/// Minimum open time in seconds.
const MIN_OPEN_S: f64 = 0.5;
/// Share of the usual duration of outages after which the first probe is sent: outages are overestimated
/// by the pauses between probes.
const FIRST_PROBE_SHARE: f64 = 0.7;
/// Open time after a failed probe, as a share of the time since the outage began.
const NEXT_PROBE_SHARE: f64 = 0.5;
/// Maximum random addition to the open time, as a share, so that many targets do not return at once.
const JITTER: f64 = 0.2;
/// Memory of outages in seconds, and the decayed number from which they are recalled.
const OUTAGE_MEMORY_S: f64 = 600.0;
const RECALLED_OUTAGES: f64 = 0.5;
/// Maximum number of failures that recalled outages save.
const MAX_SAVED_FAILURES: f64 = 2.0;
/// Mean duration in seconds below which outages are short.
const SHORT_OUTAGE_S: f64 = 20.0;
/// Mean duration in seconds from which outages say nothing about the next one.
const LONG_OUTAGE_S: f64 = 60.0;
/// Share of the last outage: a breaker that was closed for less has relapsed, and each relapse doubles
/// the open time. It serves probes but not its full traffic.
const RELAPSE_SHARE: f64 = 0.5;
const MAX_RELAPSE_S: f64 = 15.0;
/// Maximum number of doublings; more would overflow.
const MAX_DOUBLINGS: u32 = 6;
/// Slow start after an outage, as a share of its duration, with its bounds in seconds.
const SLOW_START_SHARE: f64 = 0.5;
const SLOW_START_BOUNDS_S: (f64, f64) = (0.5, 10.0);
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
    /// At most [`CircuitBreaker::max_probes`] probe requests at once are sent.
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

/// When a breaker opens, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Consecutive failures that open it where failures are rare, 1..=20: more where they are usual,
    /// fewer while it recalls outages.
    pub failures: u8,
    /// Longest time for which it stays open before the next trial, in seconds with jitter, 1..=600.
    pub max_open_s: u16,
}

impl BreakerSettings {
    /// Largest [`Self::failures`]; the least is 1.
    pub const MAX_FAILURES: u8 = 20;
    /// Largest [`Self::max_open_s`]; the least is 1.
    pub const MAX_OPEN_S: u16 = 600;
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 4,
            max_open_s: 30,
        }
    }
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
    /// Settings in force.
    pub settings: BreakerSettings,
}

/// Circuit breaker of one target.
#[derive(Debug, Clone, Copy)]
pub struct CircuitBreaker {
    state: BreakerState,
    evidence: f64,
    /// Usual failure rate, 0.05..0.5.
    base: f64,
    events: DecayedMean,
    /// Time of the first failure of the current or last outage.
    failing_since: UnixTime,
    half_open_at: UnixTime,
    closed_at: UnixTime,
    /// Durations of outages in seconds, and the last one; 0 before the first.
    outages: DecayedMean,
    last_outage: f64,
    /// True if the duration of the current outage is recorded.
    is_recorded: bool,
    relapses: u32,
    /// Value of `g` at the start of half-open.
    half_open_evidence: f64,
    max_probes: u32,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            evidence: 0.0,
            base: USUAL_RATE_BOUNDS.0,
            events: DecayedMean::new(EVENT_MEMORY_S),
            failing_since: UnixTime::default(),
            half_open_at: UnixTime::default(),
            closed_at: UnixTime::default(),
            outages: DecayedMean::new(OUTAGE_MEMORY_S),
            last_outage: 0.0,
            is_recorded: true,
            relapses: 0,
            half_open_evidence: HALF_OPEN,
            max_probes: 1,
        }
    }
}

impl CircuitBreaker {
    /// Returns the state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Returns true if it is half-open for `seconds` without a failed trial: it gets no requests.
    pub fn is_unused(&self, seconds: f64, now: UnixTime) -> bool {
        self.state == BreakerState::HalfOpen && now.seconds_since(self.half_open_at) >= seconds
    }

    /// Returns true if it is closed without evidence, so that another success changes nothing.
    pub fn is_settled(&self) -> bool {
        self.state == BreakerState::Closed && self.evidence <= 0.0
    }

    /// Returns how many half-open probes may run at once: one more after each success.
    pub fn max_probes(&self) -> u32 {
        self.max_probes
    }

    /// Returns the duration of the slow start after the breaker closed, in seconds.
    pub fn slow_start_s(&self) -> f64 {
        let (least, most) = SLOW_START_BOUNDS_S;
        if self.last_outage > 0.0 {
            (self.last_outage * SLOW_START_SHARE).clamp(least, most)
        } else {
            most
        }
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
        if self.state == BreakerState::Closed && self.evidence <= 0.0 {
            self.failing_since = now;
            self.is_recorded = false;
        }
        self.evidence += (BROKEN_FAILURE_RATE / self.base).ln();
        if context.had_begun {
            self.evidence -= self.success_credit();
        }
        let may_open = context.may_open || self.state == BreakerState::HalfOpen;
        (self.evidence >= self.threshold(context.settings, now) && may_open)
            .then(|| self.open(&context, now))
    }

    /// Records a first token.
    pub fn record_success(&mut self, context: FailureContext, now: UnixTime) -> Option<Transition> {
        if !self.accepts(0.0, &context, now) {
            return None;
        }
        self.evidence = (self.evidence + self.success_credit()).max(0.0);
        if self.state != BreakerState::HalfOpen {
            return None;
        }
        self.record_outage(now);
        self.max_probes = self.max_probes.saturating_add(1);
        if self.evidence <= 0.0 {
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
            BreakerState::Open(until) if now >= until => Some(self.half_open(peers, now)),
            _ => None,
        }
    }

    /// Closes if it has been half-open for `seconds` without a failed trial: no request comes to its
    /// target.
    pub fn close_unused(&mut self, seconds: f64, now: UnixTime) -> Option<Transition> {
        if !self.is_unused(seconds, now) {
            return None;
        }
        self.state = BreakerState::Closed;
        self.evidence = 0.0;
        self.closed_at = now;
        self.events.clear();
        Some(Transition::Closed)
    }

    /// Becomes half-open immediately, after a successful probe of the provider.
    pub fn half_open(&mut self, peers: f64, now: UnixTime) -> Transition {
        self.state = BreakerState::HalfOpen;
        self.half_open_at = now;
        self.half_open_evidence =
            if self.recalls_outages(now) && self.outages.mean() < SHORT_OUTAGE_S {
                HALF_OPEN_AFTER_SHORT
            } else {
                HALF_OPEN
            };
        self.evidence = self.half_open_evidence;
        self.max_probes = if self.recalls_outages(now) { 2 } else { 1 };
        self.base = peers.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
        Transition::HalfOpened
    }

    /// Returns the change of `g` by a first token; negative.
    fn success_credit(&self) -> f64 {
        ((1.0 - BROKEN_FAILURE_RATE) / (1.0 - self.base)).ln()
    }

    fn recalls_outages(&self, now: UnixTime) -> bool {
        self.outages.n(now) > RECALLED_OUTAGES && self.outages.mean() < LONG_OUTAGE_S
    }

    /// Returns the value of `g` at which the breaker opens. Failures of a target whose usual rate is
    /// high are no sign of an outage, even of one that flaps.
    fn threshold(&self, settings: BreakerSettings, now: UnixTime) -> f64 {
        if self.state == BreakerState::HalfOpen {
            return self.half_open_evidence + REOPEN_STEP;
        }
        let saved = if self.recalls_outages(now) {
            self.outages.n(now).round().min(MAX_SAVED_FAILURES)
        } else {
            0.0
        };
        let least = USUAL_RATE_BOUNDS.0;
        let threshold = THRESHOLD_PER_FAILURE * f64::from(settings.failures);
        threshold - saved * (BROKEN_FAILURE_RATE / least).ln() * least / self.base
    }

    /// Records the duration of the outage with the first success of a half-open breaker. The outage
    /// ended before the probe began, so it lasted until the breaker became half-open.
    fn record_outage(&mut self, now: UnixTime) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        self.last_outage = self.half_open_at.seconds_since(self.failing_since);
        self.outages.add(self.last_outage, now);
    }

    fn open(&mut self, context: &FailureContext, now: UnixTime) -> Transition {
        let away = now.seconds_since(self.failing_since);
        let pause = if self.state == BreakerState::Closed {
            self.count_relapse(now);
            self.first_pause(away, now) * 2_f64.powi(self.relapses.cast_signed())
        } else {
            NEXT_PROBE_SHARE * away
        };
        let spread = 1.0 + JITTER * context.luck;
        let longest = f64::from(context.settings.max_open_s);
        let pause = (pause.max(MIN_OPEN_S) * spread).min(longest);
        let until = now.plus(Duration::from_secs_f64(pause));
        self.state = BreakerState::Open(until);
        Transition::Opened(until)
    }

    fn count_relapse(&mut self, now: UnixTime) {
        let closed_for = now.seconds_since(self.closed_at);
        self.relapses = if closed_for < (RELAPSE_SHARE * self.last_outage).min(MAX_RELAPSE_S) {
            (self.relapses + 1).min(MAX_DOUBLINGS)
        } else {
            0
        };
    }

    /// Returns the open time after the failures of `away` seconds.
    fn first_pause(&self, away: f64, now: UnixTime) -> f64 {
        if self.recalls_outages(now) {
            FIRST_PROBE_SHARE * self.outages.mean() - away
        } else {
            FIRST_OPEN_S
        }
    }

    /// Adds an event (1 a failure, 0 a first token) to the recent events; returns false if it must not
    /// change `g`.
    fn accepts(&mut self, event: f64, context: &FailureContext, now: UnixTime) -> bool {
        if self.state == BreakerState::Closed && self.evidence <= 0.0 {
            let usual = context
                .own
                .max(self.recent_failure_rate(now))
                .max(context.peers);
            self.base = usual.clamp(USUAL_RATE_BOUNDS.0, USUAL_RATE_BOUNDS.1);
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
mod tests;
