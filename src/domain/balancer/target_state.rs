//! State of each provider and each target.

use super::cooldown::Cooldown;
use super::first_token_spread::FirstTokenSpread;
use super::key_state::KeyStates;
use super::latency_estimator::{LatencyEstimator, Speed};
use super::slowness::Brownout;
use crate::domain::circuit_breaker::{BreakerState, CircuitBreaker};
use crate::domain::decay::{DecayedCount, DecayedMean};
use crate::domain::failure::Failure;
use crate::domain::health_state::{Health, HealthState};
use crate::domain::ids::KeyIdx;
use crate::domain::index::{PerProvider, PerTarget, TargetIdx};
use crate::domain::key_pool::ProviderKeys;
use crate::domain::lease::{AttemptStart, LoadCounters, SentTotals};
use crate::domain::rate_limiter::RateLimits;
use crate::domain::score::Estimate;
use crate::domain::target::Provider;
use crate::domain::timeline::{BucketCounts, Timeline, Uptime};
use crate::domain::trouble::Trouble;
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::{UpstreamLimits, UpstreamQuota};
use crate::domain::weights::WeightOverride;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Time constant of the displayed rates, in seconds.
pub(super) const RATE_MEMORY_S: f64 = 10.0;
/// Memory of failures, in seconds.
const FAILURE_MEMORY_S: f64 = 60.0;
/// Prior of the failure rate: 2 %, with the weight of two attempts.
pub(super) const FAILURE_PRIOR: (f64, f64) = (0.02, 2.0);
/// Memory of 429s, in seconds, and their prior: none, with the weight of two attempts.
const RATE_LIMIT_MEMORY_S: f64 = 20.0;
const RATE_LIMIT_PRIOR: (f64, f64) = (0.0, 2.0);
/// Minimum decayed number of observations of a measured target.
pub(super) const MIN_SAMPLES: f64 = 0.1;
/// Share of the fast latencies that is kept when a breaker closes: a recovered target starts nearly
/// fresh. Failures are forgotten, because the breaker recalls the outage that they belong to.
const RECOVERY_RETAIN: f64 = 0.2;
/// Time without a failure after which a target that answers is not shown as failing.
const RECOVERY_TIME: Duration = Duration::from_secs(25);
/// Number of consecutive failed probes after which a provider is down.
const PROBE_FAILURES_TO_DOWN: u32 = 3;

/// Number of openings of a breaker that are remembered.
const MAX_OPENINGS: usize = 16;

/// Statistics and state of one target.
#[derive(Debug)]
pub(super) struct TargetState {
    /// Excludes failures and 429s, which would count as fast responses.
    pub latency: LatencyEstimator,
    /// How its first tokens vary; measured while hedging is on.
    pub spread: FirstTokenSpread,
    /// 1 for a failure, 0 for a success.
    pub failures: DecayedMean,
    /// 1 for a 429, 0 for anything else.
    rate_limits: DecayedMean,
    pub quota: UpstreamQuota,
    pub breaker: CircuitBreaker,
    /// Time at which the breaker last closed; the start of the slow start.
    pub slow_from: Option<UnixTime>,
    /// Cooldown of the target, whichever key it uses.
    pub cooldown: Cooldown,
    pub keys: KeyStates,
    pub succeeded_at: Option<UnixTime>,
    /// First success after the latest failure.
    good_since: Option<UnixTime>,
    pub history: Timeline<BucketCounts>,
    pub load_counters: Arc<LoadCounters>,
    /// Context window that the provider states, in tokens.
    pub listed_window: Option<u64>,
    /// Time of the last change of address or key; earlier attempts do not count.
    pub since: UnixTime,
    /// Latest times at which its closed breaker opened, oldest first.
    pub openings: VecDeque<UnixTime>,
    pub brownout: Brownout,
}

impl PerTarget for TargetState {}

impl TargetState {
    pub fn new(keys: &ProviderKeys) -> Self {
        Self {
            latency: LatencyEstimator::default(),
            spread: FirstTokenSpread::default(),
            failures: DecayedMean::new(FAILURE_MEMORY_S),
            rate_limits: DecayedMean::new(RATE_LIMIT_MEMORY_S),
            quota: UpstreamQuota::default(),
            breaker: CircuitBreaker::default(),
            slow_from: None,
            cooldown: Cooldown::default(),
            keys: KeyStates::new(keys),
            succeeded_at: None,
            good_since: None,
            history: Timeline::default(),
            load_counters: Arc::default(),
            listed_window: None,
            since: UnixTime::default(),
            openings: VecDeque::new(),
            brownout: Brownout::default(),
        }
    }

    /// Returns an independent copy without history and running attempts.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            latency: self.latency,
            spread: FirstTokenSpread::default(),
            failures: self.failures,
            rate_limits: self.rate_limits,
            quota: self.quota,
            breaker: self.breaker,
            slow_from: self.slow_from,
            cooldown: self.cooldown,
            keys: self.keys.fork(),
            succeeded_at: self.succeeded_at,
            good_since: self.good_since,
            history: Timeline::default(),
            load_counters: Arc::new(self.load_counters.fork()),
            listed_window: self.listed_window,
            since: self.since,
            openings: VecDeque::new(),
            brownout: self.brownout,
        }
    }

    /// Clears the cooldowns and quotas: they belong to the old keys.
    pub fn on_key_change(&mut self, now: UnixTime) {
        self.cooldown = Cooldown::default();
        self.keys = KeyStates::default();
        self.quota = UpstreamQuota::default();
        self.since = now;
    }

    /// Clears all statistics after a change of address; the history and the load are kept.
    pub fn on_endpoint_change(&mut self, now: UnixTime) {
        let fresh = Self {
            since: now,
            ..Self::new(&ProviderKeys::default())
        };
        let old = std::mem::replace(self, fresh);
        self.history = old.history;
        self.load_counters = old.load_counters;
    }

    /// Returns the failure probability, 0..1.
    pub fn failure_rate(&self, now: UnixTime) -> f64 {
        let (rate, strength) = FAILURE_PRIOR;
        self.failures.shrunk(rate, strength, now)
    }

    /// Returns the estimate for its next request; `peers` is the median speed of the targets.
    pub fn estimate(&self, peers: Speed, now: UnixTime) -> Estimate {
        let (rate, strength) = RATE_LIMIT_PRIOR;
        let samples = self.latency.samples(now);
        let speed = self.latency.speed(peers, now);
        Estimate {
            first_token: speed.first_token,
            per_token: speed.per_token,
            failure: self.failure_rate(now),
            limited: self.rate_limits.shrunk(rate, strength, now),
            curve: self.latency.load_curve(),
            prompt: self.latency.prompt_curve(peers),
            outliers: self.latency.outliers(now),
            samples,
            measured: samples > MIN_SAMPLES,
        }
    }

    /// Notes that its closed breaker opened.
    pub fn note_opening(&mut self, now: UnixTime) {
        if self.openings.len() >= MAX_OPENINGS {
            self.openings.pop_front();
        }
        self.openings.push_back(now);
    }

    /// Checks whether attempts have succeeded for so long that earlier failures say nothing of its
    /// present state.
    pub fn has_recovered(&self, now: UnixTime) -> bool {
        self.good_since
            .is_some_and(|since| now.since(since) >= RECOVERY_TIME)
    }

    /// Records a failed or successful attempt, or a 429 if `failed` is `None`.
    pub fn record_outcome(&mut self, failed: Option<bool>, now: UnixTime) {
        if let Some(failed) = failed {
            self.good_since = self.good_since.filter(|_| !failed);
            if !failed {
                self.good_since.get_or_insert(now);
            }
            self.failures.add(f64::from(u8::from(failed)), now);
        }
        self.rate_limits
            .add(f64::from(u8::from(failed.is_none())), now);
    }

    /// Resets most statistics and begins the slow start after its breaker closed.
    pub fn on_recovery(&mut self, now: UnixTime) {
        self.failures.clear();
        self.latency.retain_quick(RECOVERY_RETAIN);
        self.slow_from = Some(now);
    }

    /// Starts the cooldown of a failure: of the key that was used, or of the target. Returns true if
    /// that was not in a cooldown.
    pub fn cool_down(
        &mut self,
        key: Option<KeyIdx>,
        failure: Failure,
        jitter: f64,
        now: UnixTime,
    ) -> bool {
        match self.keys.failed_mut(key, failure) {
            Some(key) => key.cooldown.start(failure, jitter, now),
            None => self.cooldown.start(failure, jitter, now),
        }
    }

    /// Closes the breaker and ends the cooldown. Returns false if there was neither.
    pub fn reset(&mut self, now: UnixTime) -> bool {
        let was_open = self.breaker.state() != BreakerState::Closed;
        let was_blocked = self.cooldown.end(now) | self.keys.end_cooldowns(now);
        if !was_open && !was_blocked && self.breaker.is_settled() {
            return false;
        }
        self.breaker = CircuitBreaker::default();
        if was_open {
            self.on_recovery(now);
        }
        true
    }

    /// Records the time of a success and resets the backoff.
    pub fn succeeded(&mut self, key: Option<KeyIdx>, now: UnixTime) {
        self.succeeded_at = Some(now);
        self.cooldown.reset_backoff();
        if let Some(key) = self.keys.get_mut(key) {
            key.cooldown.reset_backoff();
        }
    }

    /// Returns true if the provider requested the cooldown, false for the default one after a 429
    /// without a delay.
    pub fn is_cooldown_binding(&self) -> bool {
        let latest = self.cooldown.latest();
        latest.is_some_and(|(_, failure)| failure != Failure::RateLimit(None))
    }

    /// Returns the end and the reason of the cooldown at `now`, of the target or of all its keys.
    pub fn cooldown_at(&self, now: UnixTime) -> Option<(UnixTime, Failure)> {
        let both = [self.cooldown.at(now), self.keys.cooldown_at(now)];
        both.into_iter().flatten().max_by_key(|(until, _)| *until)
    }

    /// Returns the quota that an attempt uses, and what was sent of it.
    fn quota_of(&mut self, key: Option<KeyIdx>) -> (&mut UpstreamQuota, SentTotals) {
        match self.keys.own_quota(key) {
            Some(own) => own,
            None => (&mut self.quota, self.load_counters.sent_totals()),
        }
    }

    /// Records the rate limits of a response.
    pub fn observe_headers(&mut self, limits: &UpstreamLimits, start: AttemptStart, now: UnixTime) {
        let (quota, sent) = self.quota_of(start.key);
        quota.observe_headers(limits, (start.started, start.ledger), sent, now);
    }

    /// Discards an old quota, after a response whose headers state none.
    pub fn expire_quota(&mut self, key: Option<KeyIdx>, now: UnixTime) {
        self.quota_of(key).0.expire(now);
    }

    /// Notes that a quota is used up, after a 429.
    pub fn mark_exhausted(&mut self, key: Option<KeyIdx>, now: UnixTime) {
        let (quota, sent) = self.quota_of(key);
        quota.mark_exhausted(sent, now);
    }

    /// Updates all quotas to `now`.
    pub fn refresh_quotas(&mut self, now: UnixTime) {
        self.quota.refresh(self.load_counters.sent_totals(), now);
        self.keys.refresh(now);
    }

    /// Returns the seconds until a request of `tokens` tokens may be sent, by cooldowns and quotas.
    pub fn wait(&self, tokens: f64, now: UnixTime) -> f64 {
        let blocked = self.cooldown.at(now);
        let blocked = blocked.map_or(0.0, |(until, _)| until.seconds_since(now));
        let sent = self.load_counters.sent_totals();
        let quota = self.quota.wait(tokens, sent, now);
        quota.max(blocked).max(self.keys.wait(tokens, now))
    }
}

/// One request that runs outside of the gateway.
#[derive(Debug)]
pub(super) struct ExternalLoad {
    /// Time at which it counts no longer.
    pub until: UnixTime,
    /// Its target, if one was named.
    pub target: Option<TargetIdx>,
    /// Name of the token that counts it.
    pub holder: Arc<str>,
}

/// Settings and state of one provider.
#[derive(Debug)]
pub(super) struct ProviderState {
    pub name: Arc<str>,
    pub enabled: bool,
    /// Reason why it cannot be enabled.
    pub off: Option<Arc<str>>,
    pub draining: bool,
    /// End of a drain with an end; kept while the drain is suspended.
    pub drains_until: Option<UnixTime>,
    pub priority: u8,
    pub max_concurrent: Option<u32>,
    pub rates: RateLimits,
    pub weights: WeightOverride,
    pub failed_probes: u32,
    pub down: bool,
    /// Detail of the last probe.
    pub probe_detail: String,
    pub load_counters: Arc<LoadCounters>,
    /// Requests that run outside of the gateway, oldest first.
    pub external_load: VecDeque<ExternalLoad>,
    pub rate: DecayedCount,
    pub uptime: Timeline<Uptime>,
    pub health: Health,
    /// Begin of the state. A breaker that becomes half-open and opens again is not closed all the time.
    pub state_since: UnixTime,
    /// Time of its latest rate limit response, and the end of the time in which it counts as limited
    /// because of many.
    pub rate_limited_at: Option<UnixTime>,
    pub limited_until: Option<UnixTime>,
    /// Cause of its latest failure: the class, and for a lost connection how it was lost.
    pub last_failure: String,
    /// Its current or latest trouble.
    pub trouble: Option<Trouble>,
    /// Begin of the current problem, across changes of state.
    pub trouble_since: Option<UnixTime>,
    /// Last time at which alerts saw it unusable.
    pub unusable_at: Option<UnixTime>,
}

impl PerProvider for ProviderState {}

impl ProviderState {
    pub fn new(spec: &Provider, now: UnixTime) -> Self {
        Self {
            name: Arc::clone(&spec.name),
            enabled: spec.enabled,
            off: spec.off.clone(),
            draining: false,
            drains_until: None,
            priority: spec.priority,
            max_concurrent: spec.max_concurrent,
            rates: spec.rates,
            weights: spec.weights,
            failed_probes: 0,
            down: false,
            probe_detail: String::new(),
            load_counters: Arc::default(),
            external_load: VecDeque::new(),
            rate: DecayedCount::new(RATE_MEMORY_S),
            uptime: Timeline::default(),
            health: Health::new(
                if spec.enabled && spec.off.is_none() {
                    HealthState::Unknown
                } else {
                    HealthState::Off
                },
                spec.off.as_deref().unwrap_or_default(),
            ),
            state_since: now,
            rate_limited_at: None,
            limited_until: None,
            last_failure: String::new(),
            trouble: None,
            trouble_since: None,
            unusable_at: None,
        }
    }

    /// Returns an independent copy without history and running attempts.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            off: self.off.clone(),
            probe_detail: self.probe_detail.clone(),
            last_failure: self.last_failure.clone(),
            load_counters: Arc::new(self.load_counters.fork()),
            external_load: VecDeque::new(),
            uptime: Timeline::default(),
            health: self.health.clone(),
            trouble: None,
            ..*self
        }
    }

    /// Applies the configured settings.
    pub fn configure(&mut self, spec: &Provider) {
        self.enabled = spec.enabled;
        self.priority = spec.priority;
        self.max_concurrent = spec.max_concurrent;
        self.weights = spec.weights;
    }

    /// Clears the results of probes after a change of address.
    pub fn on_endpoint_change(&mut self) {
        self.failed_probes = 0;
        self.down = false;
        self.probe_detail.clear();
    }

    /// Returns the reason why it is off, if it is.
    pub fn off_reason(&self) -> Option<Arc<str>> {
        self.off
            .clone()
            .or_else(|| (!self.enabled).then(|| "disabled".into()))
    }

    /// Records a failed probe. Returns true if the provider went down.
    pub fn record_probe_failure(&mut self) -> bool {
        self.failed_probes = self.failed_probes.saturating_add(1);
        let goes_down = !self.down && self.failed_probes >= PROBE_FAILURES_TO_DOWN;
        self.down |= goes_down;
        goes_down
    }

    /// Records a success. Returns true if the provider came back.
    pub fn record_success(&mut self) -> bool {
        self.failed_probes = 0;
        std::mem::take(&mut self.down)
    }

    /// Enters a state of health, or stays in it.
    pub fn enter(&mut self, health: Health, now: UnixTime) {
        let state = health.state;
        if !state.continues(self.health.state) {
            self.state_since = now;
        }
        // A change of the state may be part of the same problem.
        self.trouble_since = state
            .needs_attention()
            .then(|| self.trouble_since.unwrap_or(now));
        self.health = health;
    }

    /// Records observed time as usable or unusable; a provider that is off is not observed.
    pub fn record_uptime(&mut self, micros: u64, now: UnixTime) {
        if matches!(self.health.state, HealthState::Off) {
            return;
        }
        let usable = u64::from(self.health.is_usable && self.health.state.is_healthy()) * micros;
        self.uptime.record(now, |column| {
            column.watched_us += micros;
            column.usable_us += usable;
        });
    }
}
