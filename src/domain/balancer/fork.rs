//! An independent copy of the state, in which a forecast runs.

use super::target_state::{ProviderState, TargetState};
use super::{BalancerState, RequestEventThrottle};
use crate::domain::alerts::LossCounts;
use crate::domain::clients::ClientTable;
use crate::domain::counters::Counters;
use crate::domain::decision_log::DecisionLog;
use crate::domain::failure::Failure;
use crate::domain::hedging::HedgeBudget;
use crate::domain::in_flight::InFlightLimiter;
use crate::domain::index::TargetIdx;
use crate::domain::score::Estimate;
use crate::domain::timeline::Timeline;
use crate::domain::traffic_recording::TrafficRecording;
use crate::domain::units::UnixTime;
use crate::domain::upstream_quota::UpstreamQuota;
use crate::domain::weights::Weights;
use std::collections::VecDeque;
use std::sync::Arc;

impl BalancerState {
    /// Returns a copy that decides as this one does and shares no counter, gauge or budget with it.
    /// Nothing is in flight in it, and it keeps no events, decisions, counts or timelines.
    #[must_use]
    pub fn fork(&self, now: UnixTime) -> Self {
        Self {
            catalogue: Arc::clone(&self.catalogue),
            strategy: self.strategy,
            breaker: self.breaker,
            tuning: self.tuning,
            weights: self.weights,
            pending_revert: None,
            revision: self.revision,
            revisions: VecDeque::new(),
            effects_measured: 0,
            providers: self.providers.iter().map(ProviderState::fork).collect(),
            targets: self.targets.iter().map(TargetState::fork).collect(),
            requests: Timeline::default(),
            removed: Timeline::default(),
            clients: ClientTable::new(now),
            counters: Counters::default(),
            request_rate: self.request_rate,
            output: self.output,
            outputs: self.outputs.clone(),
            prompt: self.prompt,
            peers: self.peers,
            window: self.window.clone(),
            retries: Arc::new(self.retries.fork()),
            hedges: Arc::new(HedgeBudget::new(now)),
            budgets: Arc::new(self.budgets.fork(now)),
            budget_config: self.budget_config.clone(),
            client_terms: self.client_terms.clone(),
            stored_tokens: self.stored_tokens.clone(),
            client_limits: Arc::clone(&self.client_limits),
            in_flight_limiter: Arc::new(InFlightLimiter::default()),
            max_in_flight: self.max_in_flight,
            events: VecDeque::new(),
            next_event: self.next_event,
            decisions: DecisionLog::default(),
            recording: TrafficRecording::default(),
            is_fork: true,
            alerts: Box::default(),
            forecasts: Box::default(),
            alerts_at: self.alerts_at,
            brownouts_at: self.brownouts_at,
            lost: LossCounts::default(),
            request_events: RequestEventThrottle::default(),
            pin: self.pin,
            warned: self.warned.clone(),
            random: self.random.clone(),
            started: self.started,
            ticked: self.ticked,
        }
    }

    /// Counts a finished client request of a forecast.
    pub(in crate::domain) fn note_request(&mut self, now: UnixTime) {
        self.request_rate.add(now);
    }

    /// Returns the weights in force.
    pub(in crate::domain) fn global_weights(&self) -> Weights {
        self.weights
    }

    /// Returns the record of the latest traffic.
    pub fn recording(&self) -> &TrafficRecording {
        &self.recording
    }

    /// Returns the estimate and the stated rate limits of every target.
    pub(in crate::domain) fn known_targets(&self, now: UnixTime) -> Vec<KnownTarget> {
        let estimates = self.estimates(now);
        let all = TargetIdx::all(self.targets.len()).zip(estimates);
        all.map(|(at, estimate)| {
            let spec = &self.catalogue.targets[at];
            let record = &self.targets[at];
            let mut quotas = record.keys.quotas(now);
            if quotas.is_empty() {
                let mut quota = record.quota;
                quota.refresh(record.load_counters.sent_totals(), now);
                quotas.push(quota);
            }
            let limits = [
                self.providers[spec.provider].max_concurrent,
                spec.max_concurrent,
            ];
            KnownTarget {
                estimate,
                quotas,
                denials: record.keys.denials(now),
                is_breaker_closed: record.breaker.state() == super::BreakerState::Closed,
                max_concurrent: limits.into_iter().flatten().min(),
            }
        })
        .collect()
    }
}

/// What the state knows of a target, apart from the recorded attempts.
#[derive(Debug, Clone)]
pub(in crate::domain) struct KnownTarget {
    pub estimate: Estimate,
    /// Of each key with rate limits of its own, or the only one.
    pub quotas: Vec<UpstreamQuota>,
    /// Why each of several keys is not accepted, if it is not.
    pub denials: Vec<Option<Failure>>,
    pub is_breaker_closed: bool,
    /// Limit on concurrent attempts.
    pub max_concurrent: Option<u32>,
}
