//! Updates the statistics and breakers from observations.

use super::BalancerState;
use crate::domain::circuit_breaker::{BreakerState, FailureContext, Transition};
use crate::domain::event::{Effect, EventKind};
use crate::domain::failure::Failure;
use crate::domain::health_state::HealthState;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::lease::AttemptStart;
use crate::domain::observation::{
    AttemptEnd, FirstToken, Observation, Outcome, ProbeEnd, ProbeVerdict, RequestEnd,
    RequestOutcome,
};
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::UpstreamLimits;
use std::collections::BTreeMap;
use std::time::Duration;

/// Seconds for which a breaker is half-open without requests before a good probe closes it.
const PROBED_BREAKER_S: f64 = 60.0;
/// Minimum time between two events about requests.
const REQUEST_EVENT_INTERVAL: Duration = Duration::from_secs(2);

impl BalancerState {
    /// Records an observation and returns the events it causes.
    pub fn observe(&mut self, observation: &Observation, now: UnixTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        match observation {
            Observation::Selection(round) => {
                self.recording.add_round(round);
                self.decisions.add((**round).clone());
            }
            Observation::FirstToken(first)
                if self.is_current(first.target, first.ticket.started) =>
            {
                self.first_token_came(first, now, &mut effects);
            }
            Observation::Attempt(end) if end.target.get() < self.targets.len() => {
                self.count_attempt(end, now);
                if self.is_current(end.target, end.started) {
                    self.attempt_ended(end, now, &mut effects);
                }
            }
            Observation::Request(end) => self.request_ended(end, now, &mut effects),
            Observation::Probe(end) if end.provider.get() < self.providers.len() => {
                self.probe_ended(end, now, &mut effects);
            }
            // Started before a reload changed the address or key of the target.
            Observation::FirstToken(_) | Observation::Attempt(_) | Observation::Probe(_) => {}
        }
        effects
    }

    /// Returns true if the target kept its address and key since `started`.
    fn is_current(&self, target: TargetIdx, started: UnixTime) -> bool {
        let record = self.targets.get(target.get());
        record.is_some_and(|record| record.since <= started)
    }

    pub(super) fn first_token_came(
        &mut self,
        first: &FirstToken,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        self.record_first_token(first.target, first.ticket, first.seconds, now);
        self.record_upstream_limits(first.target, &first.limits, first.ticket, now);
        if first.limits.is_empty() {
            self.targets[first.target].expire_quota(first.ticket.key, now);
        }
        self.breaker_succeeded(first.target, first.trial, now, effects);
    }

    fn count_attempt(&mut self, end: &AttemptEnd, now: UnixTime) {
        if self.is_fork {
            return;
        }
        self.decisions.end_attempt(end);
        if self.is_current(end.target, end.started) {
            self.recording.end_attempt(end);
        }
        self.counters.count_attempt(end);
        self.clients.count_attempt(end);
        let provider = self.catalogue.targets[end.target].provider;
        self.targets[end.target]
            .history
            .record(end.ended, |column| column.add(end));
        self.providers[provider].rate.add(now);
    }

    pub(super) fn attempt_ended(
        &mut self,
        end: &AttemptEnd,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let provider = self.catalogue.targets[end.target].provider;
        self.record_upstream_limits(end.target, &end.limits, end.ticket, now);
        match end.outcome {
            Outcome::Success => {
                self.window.add(end.target, Some(end.seconds()));
                self.record_latency(end, now);
                if self.providers[provider].record_success() {
                    let text = "back: a request succeeded".to_owned();
                    effects.push(self.emit_part(EventKind::Probe, false, provider, text, now));
                }
                self.targets[end.target].succeeded(end.ticket.key, now);
                if !end.had_first_token() {
                    if end.limits.is_empty() {
                        self.targets[end.target].expire_quota(end.ticket.key, now);
                    }
                    self.breaker_succeeded(end.target, end.trial, now, effects);
                }
                self.targets[end.target].record_outcome(Some(false), now);
            }
            Outcome::Failed(failure) => self.attempt_failed(end, failure, now, effects),
            Outcome::Cancelled if end.abandoned_after.is_some() => self.record_timeout(end, now),
            Outcome::Cancelled => {}
        }
    }

    fn attempt_failed(
        &mut self,
        end: &AttemptEnd,
        failure: Failure,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let jitter = self.random.next_f64();
        let provider = self.catalogue.targets[end.target].provider;
        if !failure.is_client_error() {
            self.providers[provider].last_failure = end.cause(failure);
        }
        if failure.counts_against_health() {
            self.window.add(end.target, None);
            // A short client deadline is no failure of the target. A slow target is penalized by
            // the predicted latency and the probability of missing a deadline.
            if !end.client_deadline_hit {
                self.breaker_failed(end, jitter, now, effects);
                self.targets[end.target].record_outcome(Some(true), now);
            }
            let shows_latency = end.had_first_token() || (end.streamed && !end.client_deadline_hit);
            if failure == Failure::Timeout && shows_latency {
                self.record_timeout(end, now);
            }
        }
        if matches!(failure, Failure::RateLimit(_)) {
            self.providers[provider].rate_limited_at = Some(now);
            let target = &mut self.targets[end.target];
            target.record_outcome(None, now);
            target.mark_exhausted(end.ticket.key, now);
        }
        self.cool_down(end, failure, jitter, now, effects);
        if end.trial && matches!(failure, Failure::RateLimit(_)) {
            let until = self.targets[end.target].cooldown_at(now);
            let until = until.map_or(now, |(until, _)| until);
            let transition = self.targets[end.target].breaker.extend_open(until);
            self.apply_transition(end.target, transition, now, effects);
        }
    }

    /// Starts the cooldown of a failure: of one target, of one key at it, or of all targets that
    /// share a refused key.
    fn cool_down(
        &mut self,
        end: &AttemptEnd,
        failure: Failure,
        jitter: f64,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let (target, key) = (end.target, end.ticket.key);
        let provider = self.catalogue.targets[target].provider;
        let is_new = self.targets[target].cool_down(key, failure, jitter, now);
        if failure == Failure::Auth || (key.is_some() && failure.is_of_account()) {
            for other in self.targets_of(provider) {
                self.targets[other].cool_down(key, failure, jitter, now);
            }
        }
        if !is_new {
            return;
        }
        self.counters.count_cooldown(target, failure);
        let keys = &self.catalogue.providers[provider].keys;
        let own = self.targets[target].keys.failed(key, failure);
        let name = key.and_then(|key| keys.name(key)).filter(|_| own.is_some());
        let latest = own.map_or(self.targets[target].cooldown, |key| key.cooldown);
        let subject = match (failure, name) {
            (Failure::Auth | Failure::Quota, Some(name)) => format!("key {name}"),
            (_, Some(name)) => {
                let model = &self.catalogue.targets[target].id.model;
                format!("{model} with key {name}")
            }
            (Failure::Auth, None) => "all models".to_owned(),
            _ => self.catalogue.targets[target].id.model.to_string(),
        };
        let seconds = latest
            .latest()
            .map_or(0.0, |(until, _)| until.seconds_since(now));
        let text = format!(
            "{subject}: {}, no requests for {seconds:.0} s",
            failure.as_str()
        );
        let kind = match failure {
            Failure::Auth | Failure::Permission | Failure::Quota => EventKind::Key,
            _ => EventKind::Limit,
        };
        // A provider that is shown as limited says so in one line.
        let is_told = self.providers[provider].health.state == HealthState::Limited;
        effects.push(if is_told && kind == EventKind::Limit {
            self.emit_part(kind, true, provider, text, now)
        } else {
            self.emit(kind, true, Some(provider), text, now)
        });
    }

    fn record_upstream_limits(
        &mut self,
        target: TargetIdx,
        limits: &UpstreamLimits,
        start: AttemptStart,
        now: UnixTime,
    ) {
        if !limits.is_empty() {
            self.targets[target].observe_headers(limits, start, now);
        }
    }

    fn breaker_succeeded(
        &mut self,
        at: TargetIdx,
        half_open_probe: bool,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        // The failure rate of all peers is expensive, and a settled breaker does not need it.
        let context = if self.targets[at].breaker.is_settled() {
            FailureContext::default()
        } else {
            self.failure_context(at, half_open_probe, 0.0, now)
        };
        let transition = self.targets[at].breaker.record_success(context, now);
        self.apply_transition(at, transition, now, effects);
    }

    fn breaker_failed(
        &mut self,
        end: &AttemptEnd,
        jitter: f64,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let context = FailureContext {
            had_begun: end.had_first_token(),
            ..self.failure_context(end.target, end.trial, jitter, now)
        };
        let was_closed = self.breaker_state(end.target) == BreakerState::Closed;
        let transition = self.targets[end.target]
            .breaker
            .record_failure(context, now);
        if was_closed && matches!(transition, Some(Transition::Opened(_))) {
            self.targets[end.target].note_opening(now);
        }
        self.apply_transition(end.target, transition, now, effects);
    }

    fn failure_context(
        &self,
        at: TargetIdx,
        half_open_probe: bool,
        jitter: f64,
        now: UnixTime,
    ) -> FailureContext {
        let enabled = self.enabled_targets().count();
        let open = self
            .enabled_targets()
            .filter(|&other| self.breaker_state(other) != BreakerState::Closed)
            .count();
        FailureContext {
            own: self.targets[at].failure_rate(now),
            peers: self.peers(at, now),
            trial: half_open_probe,
            had_begun: false,
            may_open: 2 * open < enabled,
            luck: jitter,
            settings: self.breaker,
        }
    }

    /// Returns the mean recent failure rate of the breakers of all other targets.
    pub(super) fn peers(&self, at: TargetIdx, now: UnixTime) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for other in self.enabled_targets().filter(|&other| other != at) {
            sum += self.targets[other].breaker.recent_failure_rate(now);
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { 0.0 }
    }

    pub(super) fn enabled_targets(&self) -> impl Iterator<Item = TargetIdx> {
        let targets = self.catalogue.active_targets();
        targets
            .filter(|(_, spec)| self.providers[spec.provider].off_reason().is_none())
            .map(|(at, _)| at)
    }

    fn request_ended(&mut self, end: &RequestEnd, now: UnixTime, effects: &mut Vec<Effect>) {
        self.request_rate.add(now);
        self.counters.count_request(end);
        self.requests
            .record(end.ended, |column| column.add_request(end));
        self.recording.end_request(end);
        if !self.is_fork {
            self.clients.count_request(end);
        }
        let is_told = !self.is_fork && self.blame(end, now);
        self.emit_request(end, is_told, now, effects);
        self.decisions.end(end.clone());
    }

    /// Emits a request that failed or was saved; `is_told` if the event of a trouble counts it.
    fn emit_request(
        &mut self,
        end: &RequestEnd,
        is_told: bool,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let event = match end.outcome {
            RequestOutcome::Ok if end.retries() > 0 => Some((
                false,
                format!("saved by a fallback after {} attempts", end.attempts),
            )),
            RequestOutcome::Error(failure) if !failure.is_client_error() => Some((
                true,
                format!(
                    "failed for the client: {} after {} attempts",
                    failure.as_str(),
                    end.attempts
                ),
            )),
            // An exhausted budget emits its own event, and the limits of clients none.
            RequestOutcome::Rejected(reason) if !reason.is_intended() => {
                Some((true, format!("refused: {}", reason.text())))
            }
            _ => None,
        };
        let Some((bad, text)) = event else { return };
        if now.since(self.request_events.last) < REQUEST_EVENT_INTERVAL {
            self.request_events.suppressed += 1;
            return;
        }
        let suppressed = std::mem::take(&mut self.request_events.suppressed);
        self.request_events.last = now;
        let more = if suppressed > 0 {
            format!(" (and {suppressed} more since the last)")
        } else {
            String::new()
        };
        let provider = end
            .target
            .map(|target| self.catalogue.targets[target].provider);
        effects.push(match provider.filter(|_| is_told) {
            Some(provider) => self.emit_part(EventKind::Request, bad, provider, text + &more, now),
            None => self.emit(EventKind::Request, bad, provider, text + &more, now),
        });
    }

    fn probe_ended(&mut self, end: &ProbeEnd, now: UnixTime, effects: &mut Vec<Effect>) {
        self.counters.count_probe(end);
        let provider = &mut self.providers[end.provider];
        provider.probe_detail.clone_from(&end.detail);
        self.note_windows(end);
        let provider = &mut self.providers[end.provider];
        match end.verdict {
            ProbeVerdict::Good if provider.record_success() => {
                let text = format!(
                    "back: a probe saw {}; a trial request may follow",
                    end.detail
                );
                effects.push(self.emit_part(EventKind::Probe, false, end.provider, text, now));
                for target in self.targets_of(end.provider) {
                    let peers = self.peers(target, now);
                    self.targets[target].breaker.half_open(peers, now);
                }
            }
            ProbeVerdict::Good => {
                for target in self.targets_of(end.provider) {
                    let breaker = &mut self.targets[target].breaker;
                    let transition = breaker.close_unused(PROBED_BREAKER_S, now);
                    self.apply_transition(target, transition, now, effects);
                }
            }
            ProbeVerdict::Bad if provider.record_probe_failure() => {
                let text = format!(
                    "down: three probes failed running, the last with {}",
                    end.detail
                );
                self.begin_trouble(end.provider, now);
                effects.push(self.emit_part(EventKind::Probe, true, end.provider, text, now));
            }
            _ => {}
        }
    }

    /// Notes the context windows that a provider states.
    fn note_windows(&mut self, end: &ProbeEnd) {
        if end.context_windows.is_empty() {
            return;
        }
        let windows: BTreeMap<&str, u64> = end
            .context_windows
            .iter()
            .map(|(model, window)| (model.as_str(), *window))
            .collect();
        for target in self.targets_of(end.provider) {
            let model = &*self.catalogue.targets[target].id.model;
            if let Some(window) = windows.get(model) {
                self.targets[target].listed_window = Some(*window);
            }
        }
    }

    /// Applies a transition of a breaker and emits its event.
    pub(super) fn apply_transition(
        &mut self,
        target: TargetIdx,
        transition: Option<Transition>,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let Some(transition) = transition else { return };
        if transition == Transition::Closed {
            self.targets[target].on_recovery(now);
        }
        self.emit_breaker(target, transition, now, effects);
    }

    fn emit_breaker(
        &mut self,
        target: TargetIdx,
        transition: Transition,
        now: UnixTime,
        effects: &mut Vec<Effect>,
    ) {
        let spec = &self.catalogue.targets[target];
        let (model, provider) = (spec.id.model.clone(), spec.provider);
        let (bad, text) = match transition {
            Transition::Opened(until) => {
                self.counters.count_breaker_opened(target);
                let seconds = until.seconds_since(now);
                (
                    true,
                    format!("{model} OPEN: nothing is sent for {seconds:.0} s"),
                )
            }
            Transition::HalfOpened => (false, format!("{model} HALF-OPEN: trial requests only")),
            Transition::Closed => (
                false,
                format!("{model} CLOSED: its trial requests succeeded, or none came"),
            ),
        };
        if bad {
            self.begin_trouble(provider, now);
        }
        effects.push(self.emit_part(EventKind::Breaker, bad, provider, text, now));
    }

    pub(super) fn targets_of(&self, provider: ProviderIdx) -> Vec<TargetIdx> {
        let targets = self.catalogue.active_targets();
        targets
            .filter(|(_, spec)| spec.provider == provider)
            .map(|(at, _)| at)
            .collect()
    }

    pub(super) fn breaker_state(&self, target: TargetIdx) -> BreakerState {
        self.targets[target].breaker.state()
    }
}
