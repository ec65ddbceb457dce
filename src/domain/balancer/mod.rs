//! State of the balancer: settings and statistics of all providers and targets.
//! `execute`, `observe` and `tick` change it and return effects; `routing_table`, `snapshot` and
//! `performance` read it.

mod alert_details;
mod alerting;
mod apply_config;
mod auto_revert;
mod brownout;
mod clients;
mod commands;
mod cooldown;
mod drain;
mod effects;
mod first_token_spread;
mod forecast_cache;
mod forecasting;
mod fork;
mod global_limits;
mod health;
mod held_changes;
mod history;
mod key_state;
mod latency_estimator;
mod latency_mean;
mod models;
mod observe;
mod observe_latency;
mod patch;
mod pending_revert;
mod pin;
mod recent;
mod reset;
mod routing;
mod settings;
mod sliding_window;
mod slowness;
mod snapshot;
mod target_state;
#[cfg(test)]
mod tests;
mod troubles;
mod warm_start;
mod warning;
mod warnings;

use super::alerts::{AlertBoard, LossCounts};
use super::budget::{BudgetConfig, Budgets};
use super::circuit_breaker::{BreakerSettings, BreakerState};
use super::client_limits::ClientLimits;
use super::client_terms::{ClientTerms, TokenTerms};
use super::clients::ClientTable;
use super::counters::Counters;
use super::decay::{DecayedCount, DecayedMean};
use super::decision_log::DecisionLog;
use super::event::{Effect, Event, EventKind, Revision};
use super::expected_output::OutputStatistics;
use super::hedging::HedgeBudget;
use super::in_flight::InFlightLimiter;
use super::random::SplitMix64;
use super::retry::AttemptBudget;
use super::strategy::Strategy;
use super::target::Catalogue;
use super::timeline::{BucketCounts, Timeline};
use super::traffic_recording::TrafficRecording;
use super::tuning::Tuning;
use super::units::UnixTime;
use super::weights::Weights;
use crate::domain::index::{ProviderIdx, TargetIdx};
use forecast_cache::ForecastCache;
use latency_estimator::Speed;
use pending_revert::PendingRevert;
use sliding_window::SlidingWindow;
use std::collections::VecDeque;
use std::sync::Arc;
use target_state::{ProviderState, RATE_MEMORY_S, TargetState};
use warning::Warning;

pub(in crate::domain) use fork::KnownTarget;
pub use global_limits::GlobalLimits;

/// Memory of response lengths, in seconds, and their prior: tokens and weight.
const OUTPUT_MEMORY_S: f64 = 600.0;
const OUTPUT_PRIOR: (f64, f64) = (300.0, 2.0);
/// Number of kept events and revisions.
const MAX_EVENTS: usize = 100;
const MAX_REVISIONS: usize = 200;
/// Seconds after which a half-open breaker without requests closes.
const IDLE_BREAKER_S: f64 = 300.0;
/// Reason shown for removed targets.
const REMOVED_REASON: &str = "removed from the configuration";

/// State of the balancer; owned by the engine, never shared.
#[derive(Debug)]
pub struct BalancerState {
    catalogue: Arc<Catalogue>,
    strategy: Strategy,
    tuning: Tuning,
    breaker: BreakerSettings,
    weights: Weights,
    pending_revert: Option<PendingRevert>,
    revision: u64,
    revisions: VecDeque<Revision>,
    /// Number of effects of revisions that were measured to their end.
    effects_measured: u64,
    providers: Vec<ProviderState>,
    targets: Vec<TargetState>,
    /// Client requests.
    requests: Timeline<BucketCounts>,
    /// Attempts of earlier processes at targets that are not configured any more.
    removed: Timeline<BucketCounts>,
    clients: ClientTable,
    counters: Counters,
    request_rate: DecayedCount,
    /// Output tokens of all responses, and by class.
    output: DecayedMean,
    outputs: Box<OutputStatistics>,
    /// Estimated prompt tokens of all responses.
    prompt: DecayedMean,
    /// Median speed of the targets at the last tick; the reference of observations.
    peers: Speed,
    window: SlidingWindow,
    retries: Arc<AttemptBudget>,
    hedges: Arc<HedgeBudget>,
    budgets: Arc<Budgets>,
    /// Budgets in force: those of the configuration, with what an operator changed since.
    budget_config: BudgetConfig,
    /// Configured limits of clients.
    client_terms: ClientTerms,
    /// Tokens that the store holds.
    stored_tokens: Vec<TokenTerms>,
    client_limits: Arc<ClientLimits>,
    in_flight_limiter: Arc<InFlightLimiter>,
    max_in_flight: Option<u32>,
    events: VecDeque<Event>,
    next_event: u64,
    decisions: DecisionLog,
    recording: TrafficRecording,
    /// True for a copy in which a forecast runs: it counts and records nothing.
    is_fork: bool,
    request_events: RequestEventThrottle,
    /// Pinned provider, and the end of the pin.
    pin: Option<(ProviderIdx, UnixTime)>,
    /// Active warnings that were emitted.
    warned: Vec<Warning>,
    alerts: Box<AlertBoard>,
    forecasts: Box<ForecastCache>,
    /// Time of the last evaluation of the alerts, and the losses to look at.
    alerts_at: UnixTime,
    /// Time of the last look for brownouts.
    brownouts_at: UnixTime,
    lost: LossCounts,
    random: SplitMix64,
    started: UnixTime,
    ticked: UnixTime,
}

/// Limits request events to one in two seconds and counts the suppressed ones.
#[derive(Debug, Default)]
struct RequestEventThrottle {
    last: UnixTime,
    suppressed: u32,
    /// Time of the latest event about rejected requests, and those counted since.
    rejected_at: UnixTime,
    rejected: u64,
}

impl BalancerState {
    /// Creates the state of a configuration; the weights must be validated.
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
            .map(|spec| TargetState::new(&catalogue.providers[spec.provider].keys))
            .collect();
        let mut counters = Counters::default();
        counters.add_labels(&catalogue);
        Self {
            window: SlidingWindow::new(catalogue.targets.len()),
            catalogue: Arc::new(catalogue),
            strategy,
            tuning: Tuning::default(),
            breaker: BreakerSettings::default(),
            weights,
            pending_revert: None,
            revision: 1,
            revisions: VecDeque::new(),
            effects_measured: 0,
            providers,
            targets,
            requests: Timeline::default(),
            removed: Timeline::default(),
            clients: ClientTable::new(now),
            counters,
            request_rate: DecayedCount::new(RATE_MEMORY_S),
            output: DecayedMean::new(OUTPUT_MEMORY_S),
            outputs: Box::default(),
            prompt: DecayedMean::new(OUTPUT_MEMORY_S),
            peers: Speed::PRIOR,
            retries: Arc::new(AttemptBudget::retries(now)),
            hedges: Arc::new(HedgeBudget::new(now)),
            budgets: Arc::new(Budgets::new(&BudgetConfig::default(), now)),
            budget_config: BudgetConfig::default(),
            client_terms: ClientTerms::default(),
            stored_tokens: Vec::new(),
            client_limits: Arc::default(),
            in_flight_limiter: Arc::default(),
            max_in_flight: None,
            events: VecDeque::new(),
            next_event: 1,
            decisions: DecisionLog::default(),
            recording: TrafficRecording::default(),
            is_fork: false,
            request_events: RequestEventThrottle::default(),
            pin: None,
            warned: Vec::new(),
            alerts: Box::default(),
            forecasts: Box::default(),
            alerts_at: UnixTime::default(),
            brownouts_at: UnixTime::default(),
            lost: LossCounts::default(),
            random: SplitMix64::new(seed),
            started: now,
            ticked: now,
        }
    }

    /// Replaces the built-in tuning constants.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Advances the time: half-opens breakers, reverts expired changes, updates states and uptimes.
    pub fn tick(&mut self, now: UnixTime) -> Vec<Effect> {
        let mut effects = Vec::new();
        for target in TargetIdx::all(self.targets.len()) {
            self.targets[target].refresh_quotas(now);
        }
        self.half_open_breakers(now, &mut effects);
        self.peers = self.usual_speed(now);
        self.expire_external_load(now);
        self.decisions.expire(now);
        self.revert_expired(now, &mut effects);
        if !self.is_fork {
            self.check_brownouts(now);
        }
        self.refresh_states(now);
        if !self.is_fork {
            self.follow_troubles(now, &mut effects);
        }
        self.end_pin(now, &mut effects);
        self.end_drains(now, &mut effects);
        self.warn(now, &mut effects);
        self.emit_limit_events(now, &mut effects);
        if !self.is_fork {
            self.check_alerts(now, &mut effects);
            self.measure_effects(now);
        }
        let passed = u64::try_from(now.since(self.ticked).as_micros()).unwrap_or(u64::MAX);
        for provider in &mut self.providers {
            provider.record_uptime(passed, now);
        }
        self.ticked = now;
        effects
    }

    /// Half-opens the breakers whose time has come, and closes those that have been half-open for
    /// long without a request.
    fn half_open_breakers(&mut self, now: UnixTime, effects: &mut Vec<Effect>) {
        for target in TargetIdx::all(self.targets.len()) {
            let breaker = &mut self.targets[target].breaker;
            let transition = match breaker.state() {
                BreakerState::Open(until) if now >= until => {
                    let peers = self.peers(target, now);
                    self.targets[target].breaker.tick(peers, now)
                }
                BreakerState::HalfOpen => breaker.close_unused(IDLE_BREAKER_S, now),
                BreakerState::Open(_) | BreakerState::Closed => None,
            };
            self.apply_transition(target, transition, now, effects);
        }
    }

    /// Emits an event about the whole instance.
    pub fn emit_info(&mut self, text: String, bad: bool, now: UnixTime) -> Vec<Effect> {
        vec![self.emit(EventKind::Info, bad, None, text, now)]
    }

    /// Returns the counts since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the latest decisions.
    pub fn decisions(&self) -> &DecisionLog {
        &self.decisions
    }

    /// Returns the kept revisions, newest first.
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
        let event = self.new_event(kind, bad, provider, text, now);
        self.publish(event)
    }

    /// Emits an event that the latest events leave out, because the one of a trouble tells the same.
    fn emit_part(
        &mut self,
        kind: EventKind,
        bad: bool,
        provider: ProviderIdx,
        text: String,
        now: UnixTime,
    ) -> Effect {
        let event = self.new_event(kind, bad, Some(provider), text, now);
        self.next_event += 1;
        Effect::Emit(event)
    }

    fn new_event(
        &self,
        kind: EventKind,
        bad: bool,
        provider: Option<ProviderIdx>,
        text: String,
        now: UnixTime,
    ) -> Event {
        let provider = provider.map(|provider| Arc::clone(&self.providers[provider].name));
        Event {
            id: self.next_event,
            at: now,
            kind,
            bad,
            provider,
            text,
            alert: None,
            trouble: None,
        }
    }

    fn publish(&mut self, event: Event) -> Effect {
        self.next_event += 1;
        self.keep(event.clone());
        Effect::Emit(event)
    }

    /// Adds an event to the latest ones; a new version of one takes its place.
    fn keep(&mut self, event: Event) {
        let place = self.events.partition_point(|kept| kept.id < event.id);
        match self.events.get_mut(place) {
            Some(kept) if kept.id == event.id => *kept = event,
            _ => push_bounded(&mut self.events, event, MAX_EVENTS),
        }
    }
}

/// Appends an item and drops the oldest if there are `most`.
fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}
