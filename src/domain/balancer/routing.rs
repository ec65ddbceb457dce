//! Builds the routing table from the statistics.

use super::latency_estimator::{LatencyEstimator, Speed};
use super::target_state::MIN_SAMPLES;
use super::{BalancerState, OUTPUT_PRIOR, REMOVED_REASON};
use crate::domain::capability::Capabilities;
use crate::domain::circuit_breaker::BreakerState;
use crate::domain::index::TargetIdx;
use crate::domain::model_type::ModelTypes;
use crate::domain::score::Estimate;
use crate::domain::snapshot::{Candidate, RoutingState, RoutingTable};
use crate::domain::units::UnixTime;
use std::sync::Arc;

/// Minimum number of observations of a target, and of such targets, for the median of the peers.
/// With fewer such targets the median includes every measured one.
const PEER_MIN_SAMPLES: f64 = 2.0;
const MIN_PEERS: usize = 2;
/// Seconds after which a half-open breaker waits for a request: with traffic a trial comes at once.
const AWAITS_TRIAL_S: f64 = 10.0;

impl BalancerState {
    /// Builds the current routing table; cheap enough to do after every batch of observations.
    pub fn routing_table(&self, now: UnixTime) -> RoutingTable {
        let usual = self.usual_speed(now);
        let estimates = self.estimates_against(usual, now);
        let candidates = TargetIdx::all(self.targets.len())
            .map(|at| self.candidate(at, estimates[at], now))
            .collect();
        RoutingTable {
            catalogue: Arc::clone(&self.catalogue),
            strategy: self.strategy,
            tuning: self.tuning,
            weights: self.weights,
            revision: self.revision,
            candidates,
            expected_output: self.expected_output(now),
            outputs: self.outputs.all(now),
            peers_first_token: usual.first_token,
            request_rate: self.request_rate.per_second(now),
            pinned: self.pinned_at(now).map(|(provider, _)| provider),
            retries: Arc::clone(&self.retries),
            hedges: Arc::clone(&self.hedges),
            budgets: Arc::clone(&self.budgets),
            client_limits: Arc::clone(&self.client_limits),
            crowd: Arc::clone(&self.in_flight_limiter),
            max_in_flight: self.max_in_flight,
        }
    }

    fn candidate(&self, at: TargetIdx, estimate: Estimate, now: UnixTime) -> Candidate {
        let spec = &self.catalogue.targets[at];
        let record = &self.targets[at];
        let provider = &self.providers[spec.provider];
        let is_retired = self.catalogue.retired.targets.contains(&at);
        Candidate {
            id: spec.id.clone(),
            provider: spec.provider,
            types: if is_retired {
                ModelTypes::default()
            } else {
                spec.types
            },
            capabilities: Capabilities {
                // What is configured counts more than what the provider states.
                context_window: spec.capabilities.context_window.or(record.listed_window),
                ..spec.capabilities
            },
            price: spec.price,
            standing: self.routing_state(at),
            awaits_trial: record.breaker.is_unused(AWAITS_TRIAL_S, now),
            max_trials: record.breaker.max_probes(),
            blocked_until: record.cooldown.latest().map(|(until, _)| until),
            blocked_by: record.cooldown.latest().map(|(_, failure)| failure),
            block_binds: record.is_cooldown_binding(),
            estimate,
            hedge_factor: self
                .tuning
                .hedge
                .and_then(|policy| record.spread.factor(policy.point.deviations())),
            window: self.window.estimate(at),
            quota: record.quota,
            keys: record
                .keys
                .candidates(&self.catalogue.providers[spec.provider].keys),
            slow_from: record.slow_from,
            slow_start_s: record.breaker.slow_start_s(),
            succeeded_at: record.succeeded_at,
            priority: f64::from(provider.priority) / 100.0,
            weights: self.weights.with_override(&provider.weights),
            own_weights: provider.weights,
            max_concurrent: provider.max_concurrent,
            own_max_concurrent: spec.max_concurrent,
            rates: provider.rates,
            load_counters: Arc::clone(&record.load_counters),
            provider_load_counters: Arc::clone(&provider.load_counters),
        }
    }

    fn routing_state(&self, target: TargetIdx) -> RoutingState {
        if self.catalogue.retired.targets.contains(&target) {
            return RoutingState::Off(REMOVED_REASON.into());
        }
        let provider = &self.providers[self.catalogue.targets[target].provider];
        if let Some(why) = provider.off_reason() {
            return RoutingState::Off(why);
        }
        if provider.draining {
            return RoutingState::Draining;
        }
        if provider.down {
            return RoutingState::Down;
        }
        match self.breaker_state(target) {
            BreakerState::Closed => RoutingState::Usable,
            BreakerState::Open(until) => RoutingState::Open(until),
            BreakerState::HalfOpen => RoutingState::HalfOpen,
        }
    }

    /// Returns the output tokens of a typical response.
    pub(super) fn expected_output(&self, now: UnixTime) -> f64 {
        let (tokens, strength) = OUTPUT_PRIOR;
        self.output.shrunk(tokens, strength, now).max(1.0)
    }

    /// Returns the prompt and output tokens of a typical request.
    pub(super) fn usual_request(&self, now: UnixTime) -> (f64, f64) {
        (self.prompt.mean(), self.expected_output(now))
    }

    /// Returns the estimate of each target: its decayed means shrunk towards the median of all
    /// measured targets, so that a cold target starts in the middle.
    pub(super) fn estimates(&self, now: UnixTime) -> Vec<Estimate> {
        self.estimates_against(self.usual_speed(now), now)
    }

    fn estimates_against(&self, usual: Speed, now: UnixTime) -> Vec<Estimate> {
        self.targets
            .iter()
            .map(|record| record.estimate(usual, now))
            .collect()
    }

    /// Returns the median speed of the enabled targets.
    pub(super) fn usual_speed(&self, now: UnixTime) -> Speed {
        let usual = |samples: f64| {
            (
                self.median(|target| target.slow_first_token(samples, now)),
                self.median(|target| target.slow_per_token(samples, now)),
            )
        };
        let (first_token, per_token) = usual(PEER_MIN_SAMPLES);
        let (few_first_token, few_per_token) = if first_token.is_some() && per_token.is_some() {
            (None, None)
        } else {
            usual(MIN_SAMPLES)
        };
        Speed {
            first_token: first_token
                .or(few_first_token)
                .unwrap_or(Speed::PRIOR.first_token),
            per_token: per_token
                .or(few_per_token)
                .unwrap_or(Speed::PRIOR.per_token),
            per_prompt: self
                .median(LatencyEstimator::per_prompt)
                .unwrap_or(Speed::PRIOR.per_prompt),
        }
    }

    fn median(&self, of: impl Fn(&LatencyEstimator) -> Option<f64>) -> Option<f64> {
        let mut means: Vec<f64> = self
            .enabled_targets()
            .filter_map(|at| of(&self.targets[at].latency))
            .collect();
        if means.len() < MIN_PEERS {
            return None;
        }
        means.sort_by(f64::total_cmp);
        means.get(means.len() / 2).copied()
    }
}
