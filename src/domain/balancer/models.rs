//! Models and routes for users: state and figures of each model of a provider, and where the next
//! request for a name would go.

use super::BalancerState;
use super::snapshot::{QUANTILES, TrafficView, merged_all};
use crate::domain::health_state::HealthState;
use crate::domain::index::TargetIdx;
use crate::domain::route_snapshot::RouteSnapshot;
use crate::domain::snapshot::ModelSnapshot;
use crate::domain::target::Route;
use crate::domain::timeline::BucketCounts;
use crate::domain::traffic_forecast::odds_among;
use crate::domain::units::UnixTime;
use std::sync::Arc;

impl BalancerState {
    pub(super) fn model_snapshot(
        &self,
        target: TargetIdx,
        view: &TrafficView,
        columns: &[BucketCounts],
        now: UnixTime,
    ) -> ModelSnapshot {
        let sum = merged_all(columns);
        let provider = self.catalogue.targets[target].provider;
        let is_idle = self.is_idle(target, now);
        let mut health = self.assess_health(provider, &[target], &view.estimates, view.usual, now);
        if is_idle && health.state == HealthState::Unknown {
            health.state = HealthState::HalfOpen;
        }
        let tokens = sum.tokens as f64;
        let cost = sum.known_cost();
        ModelSnapshot {
            model: Arc::clone(&self.catalogue.targets[target].id.model),
            types: self.catalogue.targets[target].types,
            requests: sum.all(),
            mean_latency_ms: sum.mean_latency_ms(),
            latency_ms: QUANTILES.map(|q| sum.latency.quantile(q)),
            success_rate: sum.success_rate(),
            cost,
            usd_per_token: cost
                .filter(|_| sum.tokens > 0)
                .map(|cost| cost.usd() / tokens),
            share: view.shares[target.get()],
            odds: view.odds[target.get()],
            breaker: self.breaker_state(target),
            is_idle: is_idle && health.state == HealthState::HalfOpen,
            state: health.state,
            why: health.why,
        }
    }

    /// Returns the configured routes, with the odds of their targets.
    pub(super) fn route_snapshots(&self, now: UnixTime) -> Vec<RouteSnapshot> {
        let routes = &self.catalogue.routes;
        if routes.is_empty() {
            return Vec::new();
        }
        let table = self.routing_table(now);
        let snapshot = |route: &Route| {
            let odds = odds_among(&table, &route.targets, &route.order, now);
            let ids = route.targets.iter();
            let ids = ids.map(|&target| self.catalogue.targets[target].id.clone());
            RouteSnapshot {
                model: Arc::clone(&route.model),
                targets: ids.zip(odds).collect(),
            }
        };
        routes.iter().map(snapshot).collect()
    }
}
