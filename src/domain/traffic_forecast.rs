//! Forecast of the traffic shares of the providers, under the current or other settings. It uses the
//! code that selects the target of each request.

use super::index::{PerProvider, TargetIdx};
use super::model_type::ModelType;
use super::replay::WhatIfSettings;
use super::score::Factors;
use super::selection::{RequestProfile, TargetScope, score_all, shares};
use super::snapshot::{RoutingState, RoutingTable};
use super::target::RouteOrder;
use super::units::UnixTime;
use std::collections::BTreeMap;

/// Share and score of a provider for a typical chat request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TrafficForecast {
    /// Selection probability, 0..1; all sum to 1, or to 0 if no target is eligible.
    pub share: f64,
    /// Factors and score of its best target that is not off; `None` if there is none.
    pub best: Option<(Factors, f64)>,
}

impl PerProvider for TrafficForecast {}

/// Returns the forecasts for all providers, by index.
pub fn traffic_forecasts(table: &RoutingTable, now: UnixTime) -> Vec<TrafficForecast> {
    let mut all = vec![TrafficForecast::default(); table.catalogue.providers.len()];
    let paid = RequestProfile {
        means: table.budgets.scope_of(None).headroom(now),
        ..RequestProfile::usual(ModelType::Chat)
    };
    for ranked in shares(table, &paid, now) {
        all[table.candidates[ranked.target].provider].share += ranked.share;
    }
    let scores = score_all(table, &RequestProfile::usual(ModelType::Chat), now);
    for (candidate, (factors, score)) in table.candidates.iter().zip(scores) {
        if matches!(candidate.standing, RoutingState::Off(_)) {
            continue;
        }
        let best = &mut all[candidate.provider].best;
        if best.is_none_or(|(_, known)| known.total_cmp(&score).is_le()) {
            *best = Some((factors, score));
        }
    }
    all
}

/// Returns the probability of each of some targets that the next usual request for a name that means
/// these targets goes there. All sum to 1, or to 0 if none is eligible.
pub fn odds_among(
    table: &RoutingTable,
    targets: &[TargetIdx],
    order: &RouteOrder,
    now: UnixTime,
) -> Vec<f64> {
    let kind = targets.first().and_then(|&first| {
        let types = table.candidates.get(first.get())?.types;
        ModelType::ALL
            .into_iter()
            .find(|kind| types.contains(*kind))
    });
    let usual = RequestProfile {
        scope: TargetScope::Only(targets),
        order,
        ..RequestProfile::usual(kind.unwrap_or_default())
    };
    let ranked = shares(table, &usual, now);
    let first = ranked.first().map(|ranked| ranked.target);
    let odds = |&target: &TargetIdx| match order {
        RouteOrder::Strict => f64::from(u8::from(first == Some(target))),
        RouteOrder::Balanced | RouteOrder::Weighted(_) => {
            let found = ranked.iter().find(|ranked| ranked.target == target);
            found.map_or(0.0, |ranked| ranked.share)
        }
    };
    targets.iter().map(odds).collect()
}

/// Returns the odds of each target among all that serve the same model, by index.
pub fn model_odds(table: &RoutingTable, now: UnixTime) -> Vec<f64> {
    let mut same: BTreeMap<&str, Vec<TargetIdx>> = BTreeMap::new();
    for (target, spec) in table.catalogue.active_targets() {
        same.entry(&spec.id.model).or_default().push(target);
    }
    let mut odds = vec![0.0; table.candidates.len()];
    for targets in same.values() {
        let own = odds_among(table, targets, &RouteOrder::Balanced, now);
        for (target, odds_of_it) in targets.iter().zip(own) {
            odds[target.get()] = odds_of_it;
        }
    }
    odds
}

impl RoutingTable {
    /// Returns the table under other settings.
    #[must_use]
    pub fn with_settings(&self, supposed: &WhatIfSettings) -> Self {
        let mut table = self.clone();
        table.weights = supposed.weights;
        for candidate in &mut table.candidates {
            let patch = supposed.providers.get(&candidate.provider);
            let patch = patch.copied().unwrap_or_default();
            candidate.own_weights = patch.weights.unwrap_or(candidate.own_weights);
            candidate.weights = supposed.weights.with_override(&candidate.own_weights);
            candidate.priority = patch.priority.unwrap_or(candidate.priority);
        }
        table
    }
}
