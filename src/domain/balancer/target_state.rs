//! What is remembered of each provider and of each target.

use super::latency_estimator::{LatencyEstimator, Speed};
use crate::domain::circuit_breaker::{BreakerState, CircuitBreaker};
use crate::domain::decay::{DecayedCount, DecayedMean};
use crate::domain::failure::Failure;
use crate::domain::index::{PerProvider, PerTarget, TargetIdx};
use crate::domain::lease::LoadCounters;
use crate::domain::rate_limiter::RateLimits;
use crate::domain::score::Estimate;
use crate::domain::snapshot::HealthState;
use crate::domain::target::Provider;
use crate::domain::timeline::{BucketCounts, Timeline, Uptime};
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::UpstreamQuota;
use crate::domain::weights::WeightOverride;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Time constant of the rates shown as current, in seconds.
pub(super) const RATE_MEMORY_S: f64 = 10.0;
/// Memory of failures, in seconds.
const FAILURE_MEMORY_S: f64 = 60.0;
/// Failures are counted as if two attempts had been seen before, at 2 %.
pub(super) const FAILURE_PRIOR: (f64, f64) = (0.02, 2.0);
/// Memory of 429s, in seconds; counted as if two attempts had been seen without one.
const RATE_LIMIT_MEMORY_S: f64 = 20.0;
const RATE_LIMIT_PRIOR: (f64, f64) = (0.0, 2.0);
/// A target counts as measured from this many remembered observations on.
pub(super) const MIN_SAMPLES: f64 = 0.1;
/// What is left of failures and quick latencies when a breaker closes: a recovered target starts
/// nearly fresh.
const RECOVERY_RETAIN: f64 = 0.2;
/// First pause after a 429 that names no delay; doubles, up to [`COOLDOWN_MAX`].
const COOLDOWN_FIRST: Duration = Duration::from_secs(1);
const COOLDOWN_MAX: Duration = Duration::from_secs(30);
/// A probe that fails this often running takes its provider out of the choice.
const PROBE_FAILURES_TO_DOWN: u32 = 3;

/// One target.
#[derive(Debug)]
pub(super) struct TargetState {
    /// Failures and 429s never feed it: they would be fast answers.
    pub latency: LatencyEstimator,
    /// 1 for a failure, 0 for a success.
    pub failures: DecayedMean,
    /// 1 for a 429, 0 for anything else.
    refusals: DecayedMean,
    pub quota: UpstreamQuota,
    pub breaker: CircuitBreaker,
    /// When the breaker last closed.
    pub slow_from: Option<UnixTime>,
    /// Left alone until then, and why.
    pub blocked: Option<(UnixTime, Failure)>,
    backoff: Duration,
    pub succeeded_at: Option<UnixTime>,
    pub history: Timeline<BucketCounts>,
    pub gauge: Arc<LoadCounters>,
    /// What began before this went to another address, or with another key.
    pub since: UnixTime,
}

impl PerTarget for TargetState {}

impl TargetState {
    pub fn new() -> Self {
        Self {
            latency: LatencyEstimator::default(),
            failures: DecayedMean::new(FAILURE_MEMORY_S),
            refusals: DecayedMean::new(RATE_LIMIT_MEMORY_S),
            quota: UpstreamQuota::default(),
            breaker: CircuitBreaker::default(),
            slow_from: None,
            blocked: None,
            backoff: COOLDOWN_FIRST,
            succeeded_at: None,
            history: Timeline::default(),
            gauge: Arc::default(),
            since: UnixTime::default(),
        }
    }

    /// Its provider has another key: what the old one was told does not hold.
    pub fn on_key_change(&mut self, now: UnixTime) {
        self.blocked = None;
        self.backoff = COOLDOWN_FIRST;
        self.quota = UpstreamQuota::default();
        self.since = now;
    }

    /// Its provider is elsewhere: everything is to be learnt anew. What was served and spent stays.
    pub fn on_endpoint_change(&mut self, now: UnixTime) {
        let fresh = Self {
            since: now,
            ..Self::new()
        };
        let old = std::mem::replace(self, fresh);
        self.history = old.history;
        self.gauge = old.gauge;
    }

    /// Odds of failing, 0..1.
    pub fn failure_rate(&self, now: UnixTime) -> f64 {
        let (rate, strength) = FAILURE_PRIOR;
        self.failures.shrunk(rate, strength, now)
    }

    /// What is expected of its next request; `peers` are the usual seconds to a first token and
    /// per token.
    pub fn estimate(&self, peers: Speed, now: UnixTime) -> Estimate {
        let (rate, strength) = RATE_LIMIT_PRIOR;
        let samples = self.latency.samples(now);
        let speed = self.latency.speed(peers, now);
        Estimate {
            first_token: speed.first_token,
            per_token: speed.per_token,
            failure: self.failure_rate(now),
            limited: self.refusals.shrunk(rate, strength, now),
            curve: self.latency.load_curve(),
            prompt: self.latency.prompt_curve(),
            samples,
            measured: samples > MIN_SAMPLES,
        }
    }

    /// An attempt ended in a success, in a failure, or with a 429.
    pub fn record_outcome(&mut self, failed: Option<bool>, now: UnixTime) {
        if let Some(failed) = failed {
            self.failures.add(f64::from(u8::from(failed)), now);
        }
        self.refusals
            .add(f64::from(u8::from(failed.is_none())), now);
    }

    /// Its breaker closed: it starts nearly fresh, and slowly.
    pub fn on_recovery(&mut self, now: UnixTime) {
        self.failures.retain(RECOVERY_RETAIN);
        self.latency.retain_quick(RECOVERY_RETAIN);
        self.slow_from = Some(now);
    }

    /// Leaves it alone for as long as the failure demands; a block never gets shorter. `luck` in
    /// 0..1 spreads the return. True where it was not blocked before.
    pub fn cool_down(&mut self, failure: Failure, luck: f64, now: UnixTime) -> bool {
        let pause = match (failure.cooldown(), failure) {
            (Some(pause), _) => pause,
            (None, Failure::RateLimit(_)) => {
                let pause = self.backoff;
                self.backoff = (self.backoff * 2).min(COOLDOWN_MAX);
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
    pub fn reset(&mut self, now: UnixTime) -> bool {
        let was_open = self.breaker.state() != BreakerState::Closed;
        let was_blocked = self.blocked.take().is_some_and(|(until, _)| now < until);
        if !was_open && !was_blocked && self.breaker.is_settled() {
            return false;
        }
        self.breaker = CircuitBreaker::default();
        self.backoff = COOLDOWN_FIRST;
        if was_open {
            self.on_recovery(now);
        }
        true
    }

    pub fn succeeded(&mut self, now: UnixTime) {
        self.succeeded_at = Some(now);
        self.backoff = COOLDOWN_FIRST;
    }

    /// Whether what it waits for is the provider's own word, and not our guess after a 429 without
    /// one.
    pub fn is_cooldown_binding(&self) -> bool {
        self.blocked
            .is_some_and(|(_, failure)| failure != Failure::RateLimit(None))
    }

    /// What keeps it waiting at `now`.
    pub fn cooldown_at(&self, now: UnixTime) -> Option<(UnixTime, Failure)> {
        self.blocked.filter(|&(until, _)| now < until)
    }
}

/// One provider.
#[derive(Debug)]
pub(super) struct ProviderState {
    pub name: Arc<str>,
    pub enabled: bool,
    /// Why it cannot be used whatever is wished.
    pub off: Option<Arc<str>>,
    pub draining: bool,
    pub priority: u8,
    pub max_concurrent: Option<u32>,
    pub rates: RateLimits,
    pub weights: WeightOverride,
    failed_probes: u32,
    pub down: bool,
    /// What the last probe saw.
    pub probe_detail: String,
    pub gauge: Arc<LoadCounters>,
    /// Places counted in by hand: when each expires, and its target where one was named.
    pub outside: VecDeque<(UnixTime, Option<TargetIdx>)>,
    pub rate: DecayedCount,
    pub uptime: Timeline<Uptime>,
    pub state: HealthState,
    pub state_since: UnixTime,
    /// Since when it has been in one trouble or another.
    pub trouble_since: Option<UnixTime>,
    pub why: String,
}

impl PerProvider for ProviderState {}

impl ProviderState {
    pub fn new(spec: &Provider, now: UnixTime) -> Self {
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
            rate: DecayedCount::new(RATE_MEMORY_S),
            uptime: Timeline::default(),
            state: if spec.enabled && spec.off.is_none() {
                HealthState::Unknown
            } else {
                HealthState::Off
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
    pub fn on_endpoint_change(&mut self) {
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
    pub fn record_probe_failure(&mut self) -> bool {
        self.failed_probes = self.failed_probes.saturating_add(1);
        let falls = !self.down && self.failed_probes >= PROBE_FAILURES_TO_DOWN;
        self.down |= falls;
        falls
    }

    /// Hears of a sign of life; true where that brings it back.
    pub fn record_success(&mut self) -> bool {
        self.failed_probes = 0;
        std::mem::take(&mut self.down)
    }

    /// Counts time in which it was watched, and was usable or not.
    pub fn record_uptime(&mut self, micros: u64, now: UnixTime) {
        if matches!(self.state, HealthState::Off) {
            return;
        }
        let usable = u64::from(self.state.is_usable()) * micros;
        self.uptime.record(now, |column| {
            column.watched_us += micros;
            column.usable_us += usable;
        });
    }
}
