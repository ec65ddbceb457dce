//! What an observation changes.

use super::{DECISIONS_KEPT, Fleet, keep};
use crate::domain::breaker::{BreakerState, Transition};
use crate::domain::event::{Effect, EventKind};
use crate::domain::observation::{
    AttemptEnd, Failure, Observation, Outcome, ProbeEnd, ProbeVerdict, RequestEnd, RequestOutcome,
};
use crate::domain::pricing::Metered;
use crate::domain::units::Moment;
use std::time::Duration;

/// Fewer output tokens than this say nothing about the time per token.
const TOKENS_TO_TIME: u64 = 8;
/// What is left of the failures when a breaker closes: a recovered target starts nearly fresh.
const FORGIVE: f64 = 0.2;
/// The least time between two news about requests.
const REQUEST_NEWS: Duration = Duration::from_secs(2);

impl Fleet {
    /// Learns; the effects are what to tell.
    pub fn observe(&mut self, observation: &Observation, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match observation {
            Observation::Attempt(end) if end.target < self.targets.len() => {
                self.attempt_ended(end, now, &mut effects);
            }
            Observation::Request(end) => self.request_ended(end, now, &mut effects),
            Observation::Probe(end) if end.provider < self.providers.len() => {
                self.probe_ended(end, now, &mut effects);
            }
            // Sent before a reload took the target away.
            Observation::Attempt(_) | Observation::Probe(_) => {}
        }
        effects
    }

    fn attempt_ended(&mut self, end: &AttemptEnd, now: Moment, effects: &mut Vec<Effect>) {
        let provider = self.catalogue.targets[end.target].provider;
        self.targets[end.target]
            .history
            .record(end.ended, |column| column.add(end));
        self.providers[provider].rate.add(now);
        match end.outcome {
            Outcome::Success => {
                self.learn_speed(end, now);
                if self.providers[provider].alive() {
                    effects.push(self.announce(
                        EventKind::Probe,
                        false,
                        Some(provider),
                        "back: a request succeeded".to_owned(),
                        now,
                    ));
                }
                let target = &mut self.targets[end.target];
                target.succeeded(now);
                let usual = target.failure_rate(now);
                let transition = target.breaker.succeeded(usual, end.trial, now);
                target.failures.add(0.0, now);
                self.follow(end.target, transition, now, effects);
            }
            Outcome::Failed(failure) => self.attempt_failed(end, failure, now, effects),
            Outcome::Cancelled => {}
        }
    }

    fn attempt_failed(
        &mut self,
        end: &AttemptEnd,
        failure: Failure,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let luck = self.chance.draw();
        let target = &mut self.targets[end.target];
        if failure.is_ill_health() {
            let usual = target.failure_rate(now);
            let transition = target.breaker.failed(usual, end.trial, luck, now);
            target.failures.add(1.0, now);
            if failure == Failure::Timeout && end.first_token.is_none() {
                // It would have taken at least as long as it was given.
                target.first_token.add(end.seconds(), now);
            }
            self.follow(end.target, transition, now, effects);
        }
        if self.targets[end.target].block(failure, luck, now) {
            let id = self.catalogue.targets[end.target].id.clone();
            let seconds = self.targets[end.target]
                .blocked
                .map_or(0.0, |(until, _)| until.seconds_since(now));
            let text = format!(
                "{}: {}, left alone for {seconds:.0} s",
                id.model,
                failure.word()
            );
            let provider = self.catalogue.targets[end.target].provider;
            effects.push(self.announce(EventKind::Limit, true, Some(provider), text, now));
        }
    }

    fn learn_speed(&mut self, end: &AttemptEnd, now: Moment) {
        let seen = end.first_token.filter(|_| end.streamed);
        if let Some(first_token) = seen {
            self.targets[end.target].first_token.add(first_token, now);
        }
        let Some(Metered { usage, .. }) = end.usage else {
            return;
        };
        self.output.add(usage.output as f64, now);
        if usage.output >= TOKENS_TO_TIME {
            // Nobody saw the first token of an answer that came in one piece.
            let first_token = seen.unwrap_or_else(|| self.estimates(now)[end.target].first_token);
            let rest = (end.seconds() - first_token).max(0.0);
            self.targets[end.target]
                .per_token
                .add(rest / usage.output as f64, now);
        }
    }

    fn request_ended(&mut self, end: &RequestEnd, now: Moment, effects: &mut Vec<Effect>) {
        self.request_rate.add(now);
        let milliseconds = end.ended.seconds_since(end.started) * 1e3;
        self.requests.record(end.ended, |column| match end.outcome {
            RequestOutcome::Ok => {
                column.succeeded += 1;
                column.latency.add(milliseconds);
                column.latency_sum_ms += milliseconds;
            }
            RequestOutcome::Error(failure) if failure.is_client_mistake() => column.mistaken += 1,
            RequestOutcome::Error(_) | RequestOutcome::Refused => column.failed += 1,
            RequestOutcome::Cancelled => column.cancelled += 1,
        });
        self.tell_request(end, now, effects);
        keep(&mut self.decisions, end.clone(), DECISIONS_KEPT);
    }

    fn tell_request(&mut self, end: &RequestEnd, now: Moment, effects: &mut Vec<Effect>) {
        let told = match end.outcome {
            RequestOutcome::Ok if end.attempts > 1 => Some((
                false,
                format!("saved by a fallback after {} attempts", end.attempts),
            )),
            RequestOutcome::Error(failure) if !failure.is_client_mistake() => Some((
                true,
                format!(
                    "failed for the client: {} after {} attempts",
                    failure.word(),
                    end.attempts
                ),
            )),
            RequestOutcome::Refused => Some((true, "refused: no target may serve".to_owned())),
            _ => None,
        };
        let Some((bad, text)) = told else { return };
        if now.since(self.requests_news.last) < REQUEST_NEWS {
            self.requests_news.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut self.requests_news.untold);
        self.requests_news.last = now;
        let more = if untold > 0 {
            format!(" (and {untold} more since the last)")
        } else {
            String::new()
        };
        let provider = end
            .target
            .map(|target| self.catalogue.targets[target].provider);
        effects.push(self.announce(EventKind::Request, bad, provider, text + &more, now));
    }

    fn probe_ended(&mut self, end: &ProbeEnd, now: Moment, effects: &mut Vec<Effect>) {
        let provider = &mut self.providers[end.provider];
        provider.probe_detail.clone_from(&end.detail);
        match end.verdict {
            ProbeVerdict::Good if provider.alive() => {
                let text = format!("back: a probe saw {}; a trial request may come", end.detail);
                effects.push(self.announce(EventKind::Probe, false, Some(end.provider), text, now));
                for target in self.targets_of(end.provider) {
                    self.targets[target].breaker.half_open();
                }
            }
            ProbeVerdict::Bad if provider.probe_failed() => {
                let text = format!(
                    "down: three probes failed running, the last with {}",
                    end.detail
                );
                effects.push(self.announce(EventKind::Probe, true, Some(end.provider), text, now));
            }
            _ => {}
        }
    }

    /// What a breaker's change changes.
    fn follow(
        &mut self,
        target: usize,
        transition: Option<Transition>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(transition) = transition else { return };
        if transition == Transition::Closed {
            self.targets[target].failures.forgive(FORGIVE);
            self.targets[target].first_token.forgive(FORGIVE);
        }
        self.tell_breaker(target, transition, now, effects);
    }

    pub(super) fn tell_breaker(
        &mut self,
        target: usize,
        transition: Transition,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let spec = &self.catalogue.targets[target];
        let (model, provider) = (spec.id.model.clone(), spec.provider);
        let (bad, text) = match transition {
            Transition::Opened(until) => {
                let seconds = until.seconds_since(now);
                (
                    true,
                    format!("{model} OPEN: nothing is sent for {seconds:.0} s"),
                )
            }
            Transition::HalfOpened => (
                false,
                format!("{model} HALF-OPEN: one trial request at a time"),
            ),
            Transition::Closed => (
                false,
                format!("{model} CLOSED: its trial requests succeeded"),
            ),
        };
        effects.push(self.announce(EventKind::Breaker, bad, Some(provider), text, now));
    }

    pub(super) fn targets_of(&self, provider: usize) -> Vec<usize> {
        let targets = self.catalogue.targets.iter().enumerate();
        targets
            .filter(|(_, spec)| spec.provider == provider)
            .map(|(at, _)| at)
            .collect()
    }

    pub(super) fn breaker_state(&self, target: usize) -> BreakerState {
        self.targets[target].breaker.state()
    }
}
