//! What is remembered of each provider and of each target.

use crate::domain::breaker::Breaker;
use crate::domain::decay::{DecayedCount, DecayedMean};
use crate::domain::lease::Gauge;
use crate::domain::observation::Failure;
use crate::domain::snapshot::State;
use crate::domain::target::Provider;
use crate::domain::timeline::{Tally, Timeline, Uptime};
use crate::domain::units::Moment;
use crate::domain::weights::WeightOverride;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Memory of latencies and of failures, in seconds.
const MEMORY: f64 = 60.0;
/// Failures are counted as if two attempts had been seen before, at 2 %.
pub(super) const FAILURE_PRIOR: (f64, f64) = (0.02, 2.0);
/// First pause after a 429 that names no delay; doubles, up to [`LONGEST_BACKOFF`].
const BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A probe that fails this often running takes its provider out of the choice.
const PROBES_TO_DOWN: u32 = 3;

/// One target.
#[derive(Debug)]
pub(super) struct TargetRecord {
    /// Seconds to the first content, and per output token after it; successes only.
    pub first_token: DecayedMean,
    pub per_token: DecayedMean,
    /// 1 for a failure, 0 for a success.
    pub failures: DecayedMean,
    pub breaker: Breaker,
    /// Left alone until then, and why.
    pub blocked: Option<(Moment, Failure)>,
    backoff: Duration,
    pub succeeded_at: Option<Moment>,
    pub history: Timeline<Tally>,
    pub gauge: Arc<Gauge>,
}

impl TargetRecord {
    pub fn new() -> Self {
        Self {
            first_token: DecayedMean::new(MEMORY),
            per_token: DecayedMean::new(MEMORY),
            failures: DecayedMean::new(MEMORY),
            breaker: Breaker::default(),
            blocked: None,
            backoff: BACKOFF,
            succeeded_at: None,
            history: Timeline::default(),
            gauge: Arc::default(),
        }
    }

    /// Odds of failing, 0..1.
    pub fn failure_rate(&self, now: Moment) -> f64 {
        let (rate, strength) = FAILURE_PRIOR;
        self.failures.shrunk(rate, strength, now)
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

    pub fn succeeded(&mut self, now: Moment) {
        self.succeeded_at = Some(now);
        self.backoff = BACKOFF;
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
            why: spec.off.as_deref().unwrap_or_default().to_owned(),
        }
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
