//! Forecasts of a draft match the traffic once it is applied.

use super::{at, attempt, fleet};
use crate::domain::{
    BalancerState, Command, Failure, Outcome, ProviderOverride, ProviderPatch, Strategy,
    WeightOverride, Weights, WeightsPatch, WhatIfSettings, traffic_forecasts,
};

/// The second of the two providers fails now and then, and is busier.
fn busy(strategy: Strategy) -> BalancerState {
    let mut fleet = fleet();
    fleet.strategy = strategy;
    for second in 0..60 {
        let outcome = if second % 4 == 0 {
            Outcome::Failed(Failure::Server)
        } else {
            Outcome::Success
        };
        fleet.observe(&attempt(0, second, Outcome::Success), at(second + 1));
        fleet.observe(&attempt(1, second, outcome), at(second + 1));
    }
    fleet
}

fn seen(fleet: &BalancerState) -> Vec<(f64, Option<f64>)> {
    let providers = fleet.snapshot(900, at(70)).providers;
    providers.iter().map(|it| (it.odds, it.score)).collect()
}

fn forecast(fleet: &BalancerState, supposed: &WhatIfSettings) -> Vec<(f64, Option<f64>)> {
    let table = fleet.routing_table(at(70)).with_settings(supposed);
    let all = traffic_forecasts(&table, at(70));
    all.iter()
        .map(|it| (it.share, it.best.map(|(_, score)| score)))
        .collect()
}

#[test]
fn an_unchanged_draft_forecasts_the_current_traffic() {
    for strategy in Strategy::ALL {
        let fleet = busy(strategy);
        let unchanged = WhatIfSettings::from(Weights::default());
        assert_eq!(forecast(&fleet, &unchanged), seen(&fleet), "{strategy:?}");
    }
}

#[test]
fn a_draft_s_forecast_matches_the_traffic_once_it_is_applied() {
    let own = WeightOverride {
        reliability: Some(80.0),
        ..WeightOverride::default()
    };
    for strategy in Strategy::ALL {
        for cost in [0.0, 35.0, 100.0] {
            let mut fleet = busy(strategy);
            let before = seen(&fleet);
            let mut supposed = WhatIfSettings::from(Weights {
                cost,
                latency: 100.0 - cost,
                reliability: 0.0,
                ..Weights::default()
            });
            let wished = ProviderOverride {
                priority: Some(0.9),
                weights: Some(own),
            };
            supposed.providers.insert(1.into(), wished);
            let then = forecast(&fleet, &supposed);

            let weights = WeightsPatch {
                cost: Some(cost),
                latency: Some(100.0 - cost),
                reliability: Some(0.0),
                ..WeightsPatch::default()
            };
            let provider = Command::ChangeProvider {
                name: "b".to_owned(),
                patch: ProviderPatch {
                    priority: Some(90.0),
                    weights: Some(own),
                    ..ProviderPatch::default()
                },
                who: "alice".to_owned(),
            };
            for command in [Command::SetWeights(weights), provider] {
                fleet.execute(command, at(70)).unwrap();
            }
            assert_eq!(then, seen(&fleet), "{strategy:?}, cost {cost}");
            if !strategy.uses_weights() {
                let shares = |all: &[(f64, _)]| all.iter().map(|it| it.0).collect::<Vec<_>>();
                assert_eq!(shares(&then), shares(&before), "{strategy:?}");
            }
        }
    }
}

#[test]
fn a_snapshot_names_the_author_and_time_of_the_revision() {
    let mut fleet = fleet();
    assert_eq!(fleet.snapshot(900, at(1)).revised, None);
    let patch = WeightsPatch {
        load: Some(20.0),
        who: "alice".to_owned(),
        ..WeightsPatch::default()
    };
    fleet.execute(Command::SetWeights(patch), at(5)).unwrap();
    let picture = fleet.snapshot(900, at(9));
    assert_eq!(
        (picture.revision, picture.revised),
        (2, Some((at(5), "alice".to_owned())))
    );
}

#[test]
fn the_providers_of_a_model_have_odds_and_shares_of_their_own() {
    for strategy in Strategy::ALL {
        let fleet = busy(strategy);
        let snapshot = fleet.snapshot(900, at(70));
        let models = snapshot.providers.iter().map(|it| &it.models[0]);
        let odds: Vec<f64> = models.clone().map(|it| it.odds).collect();
        // They serve the same model, so it is as for any request.
        let usual: Vec<f64> = snapshot.providers.iter().map(|it| it.odds).collect();
        for (odds, usual) in odds.iter().zip(usual) {
            assert!((odds - usual).abs() < 1e-9, "{strategy:?} {odds} {usual}");
        }
        let shares: f64 = models.clone().map(|it| it.share).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{strategy:?} {shares}");
        let p95: Vec<Option<f64>> = models.map(|it| it.latency_ms[1]).collect();
        assert_eq!(p95[0], snapshot.providers[0].latency_ms[1]);
    }
}
