//! The model: all that is known of providers and targets, and the only place where it changes.
//! `command`, `observe` and `tick` take the time and return effects; `routing_table`, `snapshot`
//! and `performance` are pictures of it.

mod allowances;
mod commands;
mod learning;
mod members;
mod patch;
mod pin;
mod reconfiguring;
mod reports;
mod reset;
mod routing;
#[cfg(test)]
mod tests;
mod trial;
mod warnings;
mod window;

use super::breaker::BreakerState;
use super::budget::{BudgetTerms, Budgets};
use super::chance::Chance;
use super::crowd::Crowd;
use super::decay::{DecayedCount, DecayedMean};
use super::decision::Decisions;
use super::event::{Effect, Event, EventKind, Revision};
use super::retry::RetryBudget;
use super::snapshot::Strategy;
use super::target::{Catalogue, Class};
use super::timeline::{Tally, Timeline};
use super::tuning::Tuning;
use super::units::Moment;
use super::weights::Weights;
use members::{ProviderRecord, TargetRecord};
use std::collections::VecDeque;
use std::sync::Arc;
use trial::Trial;
use warnings::Warning;
use window::Window;

pub use allowances::Allowances;

/// Memory of rates shown as "now", in seconds.
const RATE_MEMORY: f64 = 10.0;
/// Memory of how long answers are, in seconds; and what is assumed as if seen twice.
const OUTPUT_MEMORY: f64 = 600.0;
const OUTPUT_PRIOR: (f64, f64) = (300.0, 2.0);
/// How many of each are kept for readers.
const EVENTS_KEPT: usize = 100;
const REVISIONS_KEPT: usize = 200;
/// Why nothing is sent to whoever is configured no more.
const REMOVED: &str = "removed from the configuration";

/// Everything; owned by the engine, never shared.
#[derive(Debug)]
pub struct Fleet {
    catalogue: Arc<Catalogue>,
    strategy: Strategy,
    tuning: Tuning,
    weights: Weights,
    on_trial: Option<Trial>,
    revision: u64,
    revisions: VecDeque<Revision>,
    providers: Vec<ProviderRecord>,
    targets: Vec<TargetRecord>,
    /// Client requests.
    requests: Timeline<Tally>,
    request_rate: DecayedCount,
    /// Output tokens, of all and by class.
    output: DecayedMean,
    outputs: [DecayedMean; Class::COUNT],
    window: Window,
    retries: Arc<RetryBudget>,
    budgets: Arc<Budgets>,
    crowd: Arc<Crowd>,
    max_in_flight: Option<u32>,
    events: VecDeque<Event>,
    next_event: u64,
    decisions: Decisions,
    requests_news: RequestNews,
    /// The provider that everything goes to, and until when.
    pin: Option<(usize, Moment)>,
    /// What has been warned of and still holds.
    warned: Vec<Warning>,
    chance: Chance,
    started: Moment,
    ticked: Moment,
}

/// Failed and rescued requests are told at most once in two seconds, with the number of the rest.
#[derive(Debug, Default)]
struct RequestNews {
    last: Moment,
    untold: u32,
    /// Requests that found no room, the same way.
    crowded: Moment,
    turned_away: u64,
}

impl Fleet {
    /// A fresh model of what is configured; the weights must have been checked.
    pub fn new(
        catalogue: Catalogue,
        strategy: Strategy,
        weights: Weights,
        seed: u64,
        now: Moment,
    ) -> Self {
        let providers = catalogue
            .providers
            .iter()
            .map(|spec| ProviderRecord::new(spec, now))
            .collect();
        let targets = catalogue
            .targets
            .iter()
            .map(|_| TargetRecord::new())
            .collect();
        Self {
            window: Window::new(catalogue.targets.len()),
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
            request_rate: DecayedCount::new(RATE_MEMORY),
            output: DecayedMean::new(OUTPUT_MEMORY),
            outputs: [DecayedMean::new(OUTPUT_MEMORY); Class::COUNT],
            retries: Arc::new(RetryBudget::new(now)),
            budgets: Arc::new(Budgets::new(&BudgetTerms::default(), now)),
            crowd: Arc::default(),
            max_in_flight: None,
            events: VecDeque::new(),
            next_event: 1,
            decisions: Decisions::default(),
            requests_news: RequestNews::default(),
            pin: None,
            warned: Vec::new(),
            chance: Chance::new(seed),
            started: now,
            ticked: now,
        }
    }

    /// With other constants than the built-in ones.
    #[must_use]
    pub fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Time passes: breakers half-open, trials of changes end, states and uptimes move on.
    pub fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        for target in 0..self.targets.len() {
            let record = &mut self.targets[target];
            record.quota.refresh(record.gauge.ledger(), now);
            if matches!(record.breaker.state(), BreakerState::Open(until) if now >= until) {
                let peers = self.peers(target, now);
                let transition = self.targets[target].breaker.tick(peers, now);
                self.follow(target, transition, now, &mut effects);
            }
        }
        self.expire_gauges(now);
        self.end_trial(now, &mut effects);
        self.refresh_states(now);
        self.end_pin(now, &mut effects);
        self.warn(now, &mut effects);
        self.watch_allowances(now, &mut effects);
        let passed = u64::try_from(now.since(self.ticked).as_micros()).unwrap_or(u64::MAX);
        for provider in &mut self.providers {
            provider.watch(passed, now);
        }
        self.ticked = now;
        effects
    }

    /// Tells of something about the instance as a whole.
    pub fn inform(&mut self, text: String, bad: bool, now: Moment) -> Vec<Effect> {
        vec![self.announce(EventKind::Info, bad, None, text, now)]
    }

    /// The latest decisions.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Every change since the start that is still kept, newest first.
    pub fn revisions(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter().rev()
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn announce(
        &mut self,
        kind: EventKind,
        bad: bool,
        provider: Option<usize>,
        text: String,
        now: Moment,
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
        keep(&mut self.events, event.clone(), EVENTS_KEPT);
        Effect::Announce(event)
    }
}

/// Appends, and lets the oldest go once there are `most`.
fn keep<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}
