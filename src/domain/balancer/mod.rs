//! The model: all that is known of providers and targets, and the only place where it changes.
//! `command`, `observe` and `tick` take the time and return effects; `routing_table`, `snapshot`
//! and `performance` are pictures of it.

mod apply_config;
mod auto_revert;
mod commands;
mod global_limits;
mod latency_estimator;
mod latency_mean;
mod observe;
mod observe_latency;
mod patch;
mod pending_revert;
mod pin;
mod reset;
mod routing;
mod sliding_window;
mod snapshot;
mod target_state;
#[cfg(test)]
mod tests;
mod warning;
mod warnings;

use super::budget::{BudgetConfig, Budgets};
use super::circuit_breaker::BreakerState;
use super::decay::{DecayedCount, DecayedMean};
use super::decision_log::DecisionLog;
use super::event::{Effect, Event, EventKind, Revision};
use super::expected_output::OutputStatistics;
use super::in_flight::InFlightLimiter;
use super::random::SplitMix64;
use super::retry::RetryBudget;
use super::snapshot::Strategy;
use super::target::Catalogue;
use super::timeline::{BucketCounts, Timeline};
use super::tuning::Tuning;
use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::{ProviderIdx, TargetIdx};
use latency_estimator::Speed;
use pending_revert::PendingRevert;
use sliding_window::SlidingWindow;
use std::collections::VecDeque;
use std::sync::Arc;
use target_state::{ProviderState, RATE_MEMORY_S, TargetState};
use warning::Warning;

pub use global_limits::GlobalLimits;

/// Memory of how long answers are, in seconds; and what is assumed as if seen twice.
const OUTPUT_MEMORY_S: f64 = 600.0;
const OUTPUT_PRIOR: (f64, f64) = (300.0, 2.0);
/// How many of each are kept for readers.
const MAX_EVENTS: usize = 100;
const MAX_REVISIONS: usize = 200;
/// Reason shown for removed targets.
const REMOVED_REASON: &str = "removed from the configuration";

/// Everything; owned by the engine, never shared.
#[derive(Debug)]
pub struct BalancerState {
    catalogue: Arc<Catalogue>,
    strategy: Strategy,
    tuning: Tuning,
    weights: Weights,
    on_trial: Option<PendingRevert>,
    revision: u64,
    revisions: VecDeque<Revision>,
    providers: Vec<ProviderState>,
    targets: Vec<TargetState>,
    /// Client requests.
    requests: Timeline<BucketCounts>,
    request_rate: DecayedCount,
    /// Output tokens, of all and by class.
    output: DecayedMean,
    outputs: OutputStatistics,
    /// Estimated prompt tokens of all answers.
    prompt: DecayedMean,
    /// The usual speed of the peers as of the last tick; observations are read against it.
    peers: Speed,
    window: SlidingWindow,
    retries: Arc<RetryBudget>,
    budgets: Arc<Budgets>,
    crowd: Arc<InFlightLimiter>,
    max_in_flight: Option<u32>,
    events: VecDeque<Event>,
    next_event: u64,
    decisions: DecisionLog,
    requests_news: RequestEventThrottle,
    /// The provider that everything goes to, and until when.
    pin: Option<(ProviderIdx, UnixTime)>,
    /// What has been warned of and still holds.
    warned: Vec<Warning>,
    chance: SplitMix64,
    started: UnixTime,
    ticked: UnixTime,
}

/// Failed and rescued requests are told at most once in two seconds, with the number of the rest.
#[derive(Debug, Default)]
struct RequestEventThrottle {
    last: UnixTime,
    untold: u32,
    /// Requests that found no room, the same way.
    crowded: UnixTime,
    turned_away: u64,
}

impl BalancerState {
    /// A fresh model of what is configured; the weights must have been checked.
    pub fn new(
        catalogue: Catalogue,
        strategy: Strategy,
        weights: Weights,
        seed: u64,
        now: UnixTime,
    ) -> Self {
        let providers = catalogue
            .providers
            .iter()
            .map(|spec| ProviderState::new(spec, now))
            .collect();
        let targets = catalogue
            .targets
            .iter()
            .map(|_| TargetState::new())
            .collect();
        Self {
            window: SlidingWindow::new(catalogue.targets.len()),
            catalogue: Arc::new(catalogue),
            strategy,
            tuning: Tuning::default(),
            weights,
            on_trial: None,
            revision: 1,
            revisions: VecDeque::new(),
            providers,
            targets,
            requests: Timeline::default(),
            request_rate: DecayedCount::new(RATE_MEMORY_S),
            output: DecayedMean::new(OUTPUT_MEMORY_S),
            outputs: OutputStatistics::default(),
            prompt: DecayedMean::new(OUTPUT_MEMORY_S),
            peers: Speed::PRIOR,
            retries: Arc::new(RetryBudget::new(now)),
            budgets: Arc::new(Budgets::new(&BudgetConfig::default(), now)),
            crowd: Arc::default(),
            max_in_flight: None,
            events: VecDeque::new(),
            next_event: 1,
            decisions: DecisionLog::default(),
            requests_news: RequestEventThrottle::default(),
            pin: None,
            warned: Vec::new(),
            chance: SplitMix64::new(seed),
            started: now,
            ticked: now,
        }
    }

    /// With other constants than the built-in ones.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Time passes: breakers half-open, trials of changes end, states and uptimes move on.
    pub fn tick(&mut self, now: UnixTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        for target in TargetIdx::all(self.targets.len()) {
            let record = &mut self.targets[target];
            record.quota.refresh(record.gauge.sent_totals(), now);
            if matches!(record.breaker.state(), BreakerState::Open(until) if now >= until) {
                let peers = self.peers(target, now);
                let transition = self.targets[target].breaker.tick(peers, now);
                self.apply_transition(target, transition, now, &mut effects);
            }
        }
        self.peers = self.usual_speed(now);
        self.expire_external_load(now);
        self.revert_expired(now, &mut effects);
        self.refresh_states(now);
        self.end_pin(now, &mut effects);
        self.warn(now, &mut effects);
        self.emit_limit_events(now, &mut effects);
        let passed = u64::try_from(now.since(self.ticked).as_micros()).unwrap_or(u64::MAX);
        for provider in &mut self.providers {
            provider.record_uptime(passed, now);
        }
        self.ticked = now;
        effects
    }

    /// Tells of something about the instance as a whole.
    pub fn emit_info(&mut self, text: String, bad: bool, now: UnixTime) -> Vec<Effect> {
        vec![self.emit(EventKind::Info, bad, None, text, now)]
    }

    /// The latest decisions.
    pub fn decisions(&self) -> &DecisionLog {
        &self.decisions
    }

    /// Every change since the start that is still kept, newest first.
    pub fn revisions(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter().rev()
    }

    /// Returns the providers, targets and routes.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn emit(
        &mut self,
        kind: EventKind,
        bad: bool,
        provider: Option<ProviderIdx>,
        text: String,
        now: UnixTime,
    ) -> Effect {
        let provider = provider.map(|provider| Arc::clone(&self.providers[provider].name));
        let event = Event {
            id: self.next_event,
            at: now,
            kind,
            bad,
            provider,
            text,
        };
        self.next_event += 1;
        push_bounded(&mut self.events, event.clone(), MAX_EVENTS);
        Effect::Emit(event)
    }
}

/// Appends, and lets the oldest go once there are `most`.
fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}
