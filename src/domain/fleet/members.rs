//! What is remembered of each provider and of each target.

use crate::domain::breaker::{Breaker, BreakerState};
use crate::domain::decay::{DecayedCount, DecayedMean};
use crate::domain::elasticity::Elasticity;
use crate::domain::lease::Gauge;
use crate::domain::observation::Failure;
use crate::domain::quota::Quota;
use crate::domain::rates::Rates;
use crate::domain::score::Estimate;
use crate::domain::snapshot::State;
use crate::domain::target::Provider;
use crate::domain::timeline::{Tally, Timeline, Uptime};
use crate::domain::units::Moment;
use crate::domain::weights::WeightOverride;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Quick memory of latencies, in seconds: long enough to average, short enough to follow a
/// brownout within half a minute.
const QUICK: f64 = 20.0;
/// Slow memory of latencies, in seconds: what the quick one falls back to when it is empty.
const SLOW: f64 = 300.0;
/// The quick mean is pulled to the slow one as by that many observations, the slow one to the peers.
const PULL_TO_SLOW: f64 = 1.0;
const PULL_TO_PEERS: f64 = 2.0;
/// Memory of failures, in seconds.
const FAILURES: f64 = 60.0;
/// Failures are counted as if two attempts had been seen before, at 2 %.
pub(super) const FAILURE_PRIOR: (f64, f64) = (0.02, 2.0);
/// Memory of 429s, in seconds; counted as if two attempts had been seen without one.
const REFUSALS: f64 = 20.0;
const REFUSAL_PRIOR: (f64, f64) = (0.0, 2.0);
/// A target counts as measured from this many remembered observations on.
pub(super) const MEASURED: f64 = 0.1;
/// What is left of failures and quick latencies when a breaker closes: a recovered target starts
/// nearly fresh.
const FORGIVE: f64 = 0.2;
/// First pause after a 429 that names no delay; doubles, up to [`LONGEST_BACKOFF`].
const BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A probe that fails this often running takes its provider out of the choice.
const PROBES_TO_DOWN: u32 = 3;

/// How long something takes, in a quick and a slow memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    quick: DecayedMean,
    pub slow: DecayedMean,
}

impl Default for Speed {
    fn default() -> Self {
        Self {
            quick: DecayedMean::new(QUICK),
            slow: DecayedMean::new(SLOW),
        }
    }
}

impl Speed {
    pub fn add(&mut self, seconds: f64, now: Moment) {
        self.quick.add(seconds, now);
        self.slow.add(seconds, now);
    }

    fn expected(&self, peers: f64, now: Moment) -> f64 {
        let slow = self.slow.shrunk(peers, PULL_TO_PEERS, now);
        self.quick.shrunk(slow, PULL_TO_SLOW, now)
    }
}

/// One target.
#[derive(Debug)]
pub(super) struct TargetRecord {
    /// Seconds to the first content, and per output token after it. Failures and 429s never feed
    /// them: they would be fast answers.
    pub first_token: Speed,
    pub per_token: Speed,
    /// 1 for a failure, 0 for a success.
    pub failures: DecayedMean,
    /// 1 for a 429, 0 for anything else.
    refusals: DecayedMean,
    pub elasticity: Elasticity,
    pub quota: Quota,
    pub breaker: Breaker,
    /// When the breaker last closed.
    pub slow_from: Option<Moment>,
    /// Left alone until then, and why.
    pub blocked: Option<(Moment, Failure)>,
    backoff: Duration,
    pub succeeded_at: Option<Moment>,
    pub history: Timeline<Tally>,
    pub gauge: Arc<Gauge>,
    /// What began before this went to another address, or with another key.
    pub since: Moment,
}

impl TargetRecord {
    pub fn new() -> Self {
        Self {
            first_token: Speed::default(),
            per_token: Speed::default(),
            failures: DecayedMean::new(FAILURES),
            refusals: DecayedMean::new(REFUSALS),
            elasticity: Elasticity::default(),
            quota: Quota::default(),
            breaker: Breaker::default(),
            slow_from: None,
            blocked: None,
            backoff: BACKOFF,
            succeeded_at: None,
            history: Timeline::default(),
            gauge: Arc::default(),
            since: Moment::default(),
        }
    }

    /// Its provider has another key: what the old one was told does not hold.
    pub fn rekey(&mut self, now: Moment) {
        self.blocked = None;
        self.backoff = BACKOFF;
        self.quota = Quota::default();
        self.since = now;
    }

    /// Its provider is elsewhere: everything is to be learnt anew. What was served and spent stays.
    pub fn renew(&mut self, now: Moment) {
        let fresh = Self {
            since: now,
            ..Self::new()
        };
        let old = std::mem::replace(self, fresh);
        self.history = old.history;
        self.gauge = old.gauge;
    }

    /// Odds of failing, 0..1.
    pub fn failure_rate(&self, now: Moment) -> f64 {
        let (rate, strength) = FAILURE_PRIOR;
        self.failures.shrunk(rate, strength, now)
    }

    /// What is expected of its next request; `peers` are the usual seconds to a first token and
    /// per token.
    pub fn estimate(&self, peers: (f64, f64), now: Moment) -> Estimate {
        let (rate, strength) = REFUSAL_PRIOR;
        let samples = self.first_token.slow.n(now).max(self.per_token.slow.n(now));
        Estimate {
            first_token: self.first_token.expected(peers.0, now),
            per_token: self.per_token.expected(peers.1, now),
            failure: self.failure_rate(now),
            limited: self.refusals.shrunk(rate, strength, now),
            curve: self.elasticity.curve(),
            samples,
            measured: samples > MEASURED,
        }
    }

    /// An attempt ended in a success, in a failure, or with a 429.
    pub fn ended(&mut self, failed: Option<bool>, now: Moment) {
        if let Some(failed) = failed {
            self.failures.add(f64::from(u8::from(failed)), now);
        }
        self.refusals
            .add(f64::from(u8::from(failed.is_none())), now);
    }

    /// Its breaker closed: it starts nearly fresh, and slowly.
    pub fn recover(&mut self, now: Moment) {
        self.failures.forgive(FORGIVE);
        self.first_token.quick.forgive(FORGIVE);
        self.slow_from = Some(now);
    }

    /// Leaves it alone for as long as the failure demands; a block never gets shorter. `luck` in
    /// 0..1 spreads the return. True where it was not blocked before.
    pub fn block(&mut self, failure: Failure, luck: f64, now: Moment) -> bool {
        let pause = match (failure.cooldown(), failure) {
            (Some(pause), _) => pause,
            (None, Failure::RateLimit(_)) => {
                let pause = self.backoff;
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                pause
            }
            _ => return false,
        };
        let until = now.plus(pause.mul_f64(1.0 + 0.1 * luck));
        let was = self.blocked.filter(|&(until, _)| now < until);
        if was.is_none_or(|(old, _)| old < until) {
            self.blocked = Some((until, failure));
        }
        was.is_none()
    }

    /// Whatever was held against it is forgotten; false where nothing was.
    pub fn reset(&mut self, now: Moment) -> bool {
        let was_open = self.breaker.state() != BreakerState::Closed;
        let was_blocked = self.blocked.take().is_some_and(|(until, _)| now < until);
        if !was_open && !was_blocked && self.breaker.is_calm() {
            return false;
        }
        self.breaker = Breaker::default();
        self.backoff = BACKOFF;
        if was_open {
            self.recover(now);
        }
        true
    }

    pub fn succeeded(&mut self, now: Moment) {
        self.succeeded_at = Some(now);
        self.backoff = BACKOFF;
    }

    /// Whether what it waits for is the provider's own word, and not our guess after a 429 without
    /// one.
    pub fn block_binds(&self) -> bool {
        self.blocked
            .is_some_and(|(_, failure)| failure != Failure::RateLimit(None))
    }

    /// What keeps it waiting at `now`.
    pub fn blocked_at(&self, now: Moment) -> Option<(Moment, Failure)> {
        self.blocked.filter(|&(until, _)| now < until)
    }
}

/// One provider.
#[derive(Debug)]
pub(super) struct ProviderRecord {
    pub name: Arc<str>,
    pub enabled: bool,
    /// Why it cannot be used whatever is wished.
    pub off: Option<Arc<str>>,
    pub draining: bool,
    pub priority: u8,
    pub max_concurrent: Option<u32>,
    pub rates: Rates,
    pub weights: WeightOverride,
    failed_probes: u32,
    pub down: bool,
    /// What the last probe saw.
    pub probe_detail: String,
    pub gauge: Arc<Gauge>,
    /// Places counted in by hand: when each expires, and its target where one was named.
    pub outside: VecDeque<(Moment, Option<usize>)>,
    pub rate: DecayedCount,
    pub uptime: Timeline<Uptime>,
    pub state: State,
    pub state_since: Moment,
    /// Since when it has been in one trouble or another.
    pub trouble_since: Option<Moment>,
    pub why: String,
}

impl ProviderRecord {
    pub fn new(spec: &Provider, now: Moment) -> Self {
        Self {
            name: Arc::clone(&spec.name),
            enabled: spec.enabled,
            off: spec.off.clone(),
            draining: false,
            priority: spec.priority,
            max_concurrent: spec.max_concurrent,
            rates: spec.rates,
            weights: spec.weights,
            failed_probes: 0,
            down: false,
            probe_detail: String::new(),
            gauge: Arc::default(),
            outside: VecDeque::new(),
            rate: DecayedCount::new(super::RATE_MEMORY),
            uptime: Timeline::default(),
            state: if spec.enabled && spec.off.is_none() {
                State::Unknown
            } else {
                State::Off
            },
            state_since: now,
            trouble_since: None,
            why: spec.off.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// Takes over how it is configured.
    pub fn configure(&mut self, spec: &Provider) {
        self.enabled = spec.enabled;
        self.priority = spec.priority;
        self.max_concurrent = spec.max_concurrent;
        self.weights = spec.weights;
    }

    /// It is elsewhere: what probes saw does not hold.
    pub fn renew(&mut self) {
        self.failed_probes = 0;
        self.down = false;
        self.probe_detail.clear();
    }

    /// Why nothing is sent there, where it is switched off.
    pub fn off_reason(&self) -> Option<Arc<str>> {
        self.off
            .clone()
            .or_else(|| (!self.enabled).then(|| "disabled".into()))
    }

    /// Hears of a probe that failed; true where that takes it down.
    pub fn probe_failed(&mut self) -> bool {
        self.failed_probes = self.failed_probes.saturating_add(1);
        let falls = !self.down && self.failed_probes >= PROBES_TO_DOWN;
        self.down |= falls;
        falls
    }

    /// Hears of a sign of life; true where that brings it back.
    pub fn alive(&mut self) -> bool {
        self.failed_probes = 0;
        std::mem::take(&mut self.down)
    }

    /// Counts time in which it was watched, and was usable or not.
    pub fn watch(&mut self, micros: u64, now: Moment) {
        if matches!(self.state, State::Off) {
            return;
        }
        let usable = u64::from(self.state.is_usable()) * micros;
        self.uptime.record(now, |column| {
            column.watched_us += micros;
            column.usable_us += usable;
        });
    }
}
