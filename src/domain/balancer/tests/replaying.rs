//! Replay of recorded decisions.

use super::{at, fleet};
use crate::domain::{
    CandidateSet, DecisionId, DecisionRecord, Failure, MeasuredUsage, ModelType, Money, Objective,
    Observation, ProviderOverride, RandomDraw, Replay, RequestEnd, RequestOutcome, RequestProfile,
    RoutingTable, SelectionContext, SelectionRound, SplitMix64, Usage, WeightOverride, Weights,
    WhatIfSettings, select_target, simulate, what_if,
};
use std::sync::Arc;
use std::time::Duration;

/// The first of the two targets is cheap and slow, the second expensive and fast.
fn table() -> RoutingTable {
    let mut table = fleet().routing_table(at(0));
    let dear = crate::domain::Price::flat(10.0, 20.0);
    table.candidates[1].price = Some(dear);
    table.candidates[0].estimate.first_token = 2.0;
    table.candidates[1].estimate.first_token = 0.5;
    for candidate in &mut table.candidates {
        candidate.estimate.measured = true;
    }
    table
}

fn under(table: &mut RoutingTable, cost: f64) -> Weights {
    let weights = Weights::default().with_points(Objective::Cost, cost);
    table.weights = weights;
    for candidate in &mut table.candidates {
        candidate.weights = weights;
    }
    weights
}

fn round(table: &RoutingTable, number: u64, draw: RandomDraw) -> SelectionRound {
    let (ask, mut field) = (
        RequestProfile::usual(ModelType::Chat),
        CandidateSet::default(),
    );
    let choice = select_target(table, &ask, at(number), draw, &mut field).unwrap();
    let occasion = SelectionContext {
        decision: DecisionId(number),
        is_dry_run: false,
        attempt: 1,
        class: ask.class,
        input: ask.input,
        luck: draw,
        at: at(number),
    };
    SelectionRound::of(table, &field, Some(&choice), occasion)
}

/// `count` recorded decisions; the first target takes five seconds, the second one.
fn recorded(table: &RoutingTable, count: u64) -> Vec<Arc<DecisionRecord>> {
    let mut random = SplitMix64::new(3);
    let mut fleet = fleet();
    for number in 0..count {
        let draw = RandomDraw {
            gate: 1.0,
            draw: random.next_f64(),
        };
        let round = round(table, number, draw);
        let chosen = round.chosen;
        let seconds = if chosen == Some(0.into()) { 5 } else { 1 };
        fleet.observe(&Observation::Selection(Box::new(round)), at(number));
        let end = RequestEnd {
            decision: DecisionId(number),
            identity: Arc::default(),
            request_id: String::new(),
            started: at(number),
            ended: at(number).plus(Duration::from_secs(seconds)),
            outcome: RequestOutcome::Ok,
            target: chosen,
            score: None,
            reason: String::new(),
            attempts: 1,
            fallbacks: 0,
            hedge: None,
            first_content: None,
            gateway_seconds: None,
            status: None,
            message: None,
            dropped_fields: Vec::new(),
            usage: Some(MeasuredUsage::exact(Usage {
                input: 500,
                output: 300,
                ..Usage::default()
            })),
            cost: Some(Money::per_token(if chosen == Some(0.into()) {
                1_000.0
            } else {
                11_000.0
            })),
        };
        fleet.observe(&Observation::Request(end), at(number + 5));
    }
    fleet.decisions().iter().cloned().collect()
}

#[test]
fn an_unchanged_draft_reproduces_what_happened() {
    let mut table = table();
    let weights = (0..=100).map(f64::from).find_map(|cost| {
        let weights = under(&mut table, cost);
        let share =
            crate::domain::shares(&table, &RequestProfile::usual(ModelType::Chat), at(0))[0].share;
        (0.2..0.8).contains(&share).then_some(weights)
    });
    let decisions = recorded(&table, 500);

    let answer = what_if(&decisions, &weights.unwrap());
    assert_eq!((answer.decisions, answer.extrapolated), (500, 0));
    assert_eq!(answer.now, answer.then);
    for target in &answer.targets {
        assert!((target.now.share - target.then.share).abs() < 0.02);
        assert!(target.now.requests > 20, "{answer:?}");
    }
}

#[test]
fn other_weights_move_traffic_cost_and_latency() {
    let mut table = table();
    let before = (0..=100).map(f64::from).find_map(|cost| {
        let weights = under(&mut table, cost);
        let share =
            crate::domain::shares(&table, &RequestProfile::usual(ModelType::Chat), at(0))[0].share;
        (0.2..0.8).contains(&share).then_some(weights)
    });
    let decisions = recorded(&table, 500);
    let cheap = before.unwrap().with_points(Objective::Cost, 100.0);

    let answer = what_if(&decisions, &cheap);
    assert_eq!(answer.targets[0].then.share, 1.0);
    assert!(answer.then.usd_per_1k < answer.now.usd_per_1k);
    assert!(answer.then.mean_latency_ms > answer.now.mean_latency_ms);
    assert_eq!(answer.then.success_rate, Some(1.0));
}

#[test]
fn a_priority_and_own_weights_move_replayed_traffic() {
    let mut table = table();
    let between = (0..=100).map(f64::from).find(|&cost| {
        under(&mut table, cost);
        let share =
            crate::domain::shares(&table, &RequestProfile::usual(ModelType::Chat), at(0))[0].share;
        (0.2..0.8).contains(&share)
    });
    assert!(between.is_some());
    let decisions = recorded(&table, 200);
    let supposing = |provider: ProviderOverride| {
        let mut supposed = WhatIfSettings::from(table.weights);
        supposed.providers.insert(0.into(), provider);
        simulate(&decisions, &supposed)
    };
    let share = |answer: &crate::domain::WhatIf| answer.targets[0].then.share;

    let same = supposing(ProviderOverride::default());
    assert_eq!(same.now, same.then);
    let wished = supposing(ProviderOverride {
        priority: Some(1.0),
        ..ProviderOverride::default()
    });
    let unwished = supposing(ProviderOverride {
        priority: Some(0.0),
        ..ProviderOverride::default()
    });
    assert!(share(&wished) > share(&unwished), "{wished:?} {unwished:?}");
    // Judged by its latency alone, the slow one loses; by its cost alone, it wins.
    let own = |latency: f64, cost: f64| ProviderOverride {
        weights: Some(WeightOverride {
            cost: Some(cost),
            latency: Some(latency),
            reliability: Some(0.0),
        }),
        ..ProviderOverride::default()
    };
    let (by_latency, by_cost) = (supposing(own(100.0, 0.0)), supposing(own(0.0, 100.0)));
    assert!(
        share(&by_cost) > share(&by_latency),
        "{by_cost:?} {by_latency:?}"
    );
}

#[test]
fn cost_and_latency_of_an_unused_target_are_estimates() {
    let mut table = table();
    under(&mut table, 0.0);
    let decisions = recorded(&table, 100);

    let answer = what_if(
        &decisions,
        &Weights::default().with_points(Objective::Cost, 100.0),
    );
    assert_eq!(answer.extrapolated, 100);
    assert!(answer.targets.iter().any(|target| target.extrapolated));
}

#[test]
fn a_refused_attempt_s_usage_does_not_stand_for_another_target() {
    let mut table = table();
    under(&mut table, 0.0);
    let refused = |decision: &Arc<DecisionRecord>| {
        let mut decision = DecisionRecord::clone(decision);
        if let Some(end) = &mut decision.end {
            end.outcome = RequestOutcome::Error(Failure::Server);
            end.usage = Some(MeasuredUsage::ZERO);
            end.cost = Some(Money::ZERO);
        }
        Arc::new(decision)
    };
    let decisions: Vec<_> = recorded(&table, 100).iter().map(refused).collect();

    let answer = what_if(
        &decisions,
        &Weights::default().with_points(Objective::Cost, 100.0),
    );
    assert_eq!(answer.now.usd_per_1k, Some(0.0));
    assert!(answer.then.usd_per_1k > Some(0.0), "{answer:?}");
}

#[test]
fn the_smallest_weight_change_that_selects_another_target_does_so() {
    let mut table = table();
    under(&mut table, 0.0);
    let round = round(&table, 1, RandomDraw::without_exploration(0.5));
    let mut replay = Replay::default();

    assert_eq!(replay.choose(&round, &round.weights), Some(1.into()));
    let flip = replay.counterfactual(&round).unwrap();
    assert_eq!(flip.target.get(), 0);
    let moved = |to| round.weights.with_points(flip.objective, to);
    assert_eq!(replay.choose(&round, &moved(flip.to)), Some(0.into()));
    let step = (flip.to - flip.from).signum();
    assert_eq!(
        replay.choose(&round, &moved(flip.to - step)),
        Some(1.into())
    );
}

#[test]
fn only_the_latest_decisions_are_kept() {
    let table = table();
    let mut fleet = fleet();
    for number in 0..10_050 {
        let mut round = round(&table, 1, RandomDraw::without_exploration(0.5));
        round.decision = DecisionId(number);
        fleet.observe(&Observation::Selection(Box::new(round)), at(1));
    }

    assert_eq!(fleet.decisions().iter().count(), 10_000);
    assert_eq!(
        fleet.decisions().iter().next().unwrap().id,
        DecisionId(10_049)
    );
    assert!(fleet.decisions().get(DecisionId(49)).is_none());
}
