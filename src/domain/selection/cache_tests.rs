//! Prompt caches of targets in the selection.

use super::tests::{NOW, candidate, table};
use super::{CandidateSet, ExclusionReason, RequestProfile};
use crate::domain::model_type::ModelType;
use crate::domain::pricing::Price;
use crate::domain::prompt_cache::CachedPrompt;
use crate::domain::prompt_sensitivity::PromptCurve;
use crate::domain::snapshot::{RoutingState, RoutingTable};
use crate::domain::strategy::Strategy;
use crate::domain::units::Money;
use crate::domain::weights::Weights;
use std::time::Duration;

/// Two targets alike, the second a little cheaper, both with a price for cached tokens.
fn pair() -> RoutingTable {
    let target = |(at, price): (usize, f64)| {
        let mut target = candidate(at, "m", price, 0.5, 0.01);
        target.price = Some(Price {
            cached: Some(Money::per_token(price / 10.0)),
            ..Price::flat(price, price)
        });
        target
    };
    table([2.0, 1.9].into_iter().enumerate().map(target).collect())
}

fn shares(table: &RoutingTable, cached: &[CachedPrompt]) -> Vec<f64> {
    let ask = RequestProfile {
        input: 30_000.0,
        cached,
        ..RequestProfile::usual(ModelType::Chat)
    };
    let mut set = CandidateSet::default();
    set.evaluate(table, &ask, NOW);
    set.rows().iter().map(|row| row.odds).collect()
}

/// The first target holds most of the prompt.
fn first_holds() -> [CachedPrompt; 1] {
    [CachedPrompt {
        target: 0.into(),
        tokens: 28_000.0,
    }]
}

#[test]
fn a_cached_prompt_is_worth_its_price() {
    let table = pair();
    assert!(shares(&table, &[])[1] > 0.6);
    assert!(shares(&table, &first_holds())[0] > 0.99);
}

#[test]
fn what_a_cache_takes_off_the_penalties_is_known() {
    let mut table = pair();
    table.candidates[0].estimate.prompt = PromptCurve {
        per_token: 1e-4,
        ..PromptCurve::default()
    };
    let rows = |cached: &[CachedPrompt]| {
        let ask = RequestProfile {
            input: 30_000.0,
            cached,
            ..RequestProfile::usual(ModelType::Chat)
        };
        let mut set = CandidateSet::default();
        set.evaluate(&table, &ask, NOW);
        set.rows().to_vec()
    };
    let (without, with) = (rows(&[]), rows(&first_holds()));
    let avoided = with[0].cache.avoided;
    assert!(avoided.cost > 0.5 && avoided.latency > 0.1, "{avoided:?}");
    let difference = with[0].bads.plus(&avoided).minus(&without[0].bads);
    assert!(difference.cost.abs() + difference.latency.abs() < 1e-9);
    assert_eq!(with[1].cache, without[1].cache);
}

#[test]
fn without_a_price_of_cached_tokens_nothing_is_saved() {
    let mut table = pair();
    for target in &mut table.candidates {
        target.price = target.price.map(|price| Price {
            cached: None,
            ..price
        });
    }
    assert_eq!(shares(&table, &first_holds()), shares(&table, &[]));
}

#[test]
fn with_the_cost_weight_at_0_a_cached_prompt_moves_only_latency() {
    let mut table = pair();
    let weights = Weights {
        cost: 0.0,
        latency: 60.0,
        reliability: 40.0,
        ..Weights::default()
    };
    table.weights = weights;
    for target in &mut table.candidates {
        target.weights = weights;
    }
    assert_eq!(shares(&table, &first_holds()), shares(&table, &[]));

    for target in &mut table.candidates {
        target.estimate.prompt = PromptCurve {
            per_token: 5e-5,
            waiting: 0.0,
        };
    }
    assert!(shares(&table, &first_holds())[0] > shares(&table, &[])[0] + 0.2);
}

#[test]
fn a_drained_or_broken_target_loses_its_conversations_at_once() {
    for standing in [
        RoutingState::Draining,
        RoutingState::Open(NOW.plus(Duration::from_mins(1))),
    ] {
        let mut table = pair();
        table.candidates[0].standing = standing;
        for strategy in Strategy::ALL {
            table.strategy = strategy;
            assert_eq!(shares(&table, &first_holds()), [0.0, 1.0], "{strategy:?}");
        }
    }
    let mut table = pair();
    table.candidates[0].standing = RoutingState::Draining;
    let held = first_holds();
    let ask = RequestProfile {
        cached: &held,
        ..RequestProfile::usual(ModelType::Chat)
    };
    let mut set = CandidateSet::default();
    set.evaluate(&table, &ask, NOW);
    assert!(matches!(
        set.rejected().as_slice(),
        [(_, ExclusionReason::Draining)]
    ));
}
