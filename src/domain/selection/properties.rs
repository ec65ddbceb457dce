//! Properties of the selection for arbitrary numbers.

use super::tests::{NOW, ask, candidate, table, three, weigh};
use super::{CandidateSet, Eligibility, RankedTarget, select_target, shares};
use crate::domain::{
    Candidate, RandomDraw, RoutingState, RoutingTable, SplitMix64, Strategy, UnixTime, Weights,
};
use proptest::prelude::{Just, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

/// USD per million tokens, seconds to the first token, failure rate, state.
type Part = (f64, f64, f64, u8);

fn any_part() -> impl proptest::strategy::Strategy<Value = Part> {
    (0.0..20.0_f64, 0.01..20.0_f64, 0.0..1.0_f64, 0_u8..5)
}

fn any_table(parts: &[Part]) -> RoutingTable {
    let of = |(at, &(usd, seconds, failure, standing)): (usize, &Part)| {
        let mut candidate = candidate(at, "m", usd, seconds, failure);
        candidate.standing = match standing {
            0 => RoutingState::Down,
            1 => RoutingState::Open(UnixTime::from_seconds(1_010)),
            _ => RoutingState::Usable,
        };
        candidate
    };
    table(parts.iter().enumerate().map(of).collect())
}

fn ranked_targets(table: &RoutingTable) -> Vec<RankedTarget> {
    shares(table, &ask(), NOW)
}

/// Returns the share of the first of two.
fn of_first(table: &RoutingTable) -> f64 {
    ranked_targets(table)[0].share
}

/// Returns two targets that differ in one factor only, in which the first is better by `more`.
fn twins(factor: usize, more: f64) -> RoutingTable {
    let mut pair = [
        candidate(0, "m", 1.0, 2.0, 0.05),
        candidate(1, "m", 1.0, 2.0, 0.05),
    ];
    let second = &mut pair[1];
    match factor {
        0 => second.price = candidate(1, "m", 1.0 + more, 2.0, 0.05).price,
        1 => second.estimate.first_token += more,
        2 => second.estimate.failure += more / 20.0,
        3 => (0..40).for_each(|_| {
            second.provider_load_counters.try_acquire(None);
        }),
        _ => second.priority -= more / 10.0,
    }
    table(pair.into())
}

/// Returns weights with `points` for one factor; the rest goes to the other objectives.
fn weights(factor: usize, points: f64) -> Weights {
    let rest = (100.0 - points) / 2.0;
    let objective = |at| if factor == at { points } else { rest };
    let beside = |at| if factor == at { points } else { 10.0 };
    match factor {
        0..=2 => Weights {
            cost: objective(0),
            latency: objective(1),
            reliability: objective(2),
            load: 10.0,
            priority: 10.0,
        },
        _ => Weights {
            load: beside(3),
            priority: beside(4),
            ..Weights::default()
        },
    }
}

proptest! {
    #[test]
    fn a_higher_weight_of_a_factor_never_lowers_the_share_of_the_better_target(
        factor in 0_usize..5, more in 0.1..3.0_f64, low in 0.0..50.0_f64, step in 0.0..50.0_f64,
    ) {
        let share = |points| {
            let mut table = twins(factor, more);
            for candidate in &mut table.candidates {
                candidate.weights = weights(factor, points);
            }
            of_first(&table)
        };
        prop_assert!(share(low + step) >= share(low) - 1e-9);
        prop_assert!((share(0.0) - 0.5).abs() < 1e-9, "weight 0 removes the factor");
    }

    #[test]
    fn each_objective_alone_ranks_by_itself(
        parts in prop::collection::vec((0.0..20.0_f64, 0.01..15.0_f64, 0.0..0.2_f64, Just(4)), 2..10),
        objective in 0_usize..3,
    ) {
        let mut table = any_table(&parts);
        let alone = |at| if objective == at { 100.0 } else { 0.0 };
        weigh(&mut table, alone(0), alone(1), alone(2));
        let bad = |part: &Part| [part.0, part.1, part.2][objective];

        let ranked = ranked_targets(&table);
        for pair in ranked.iter().zip(&ranked[1..]) {
            let (a, b) = (&parts[pair.0.target.get()], &parts[pair.1.target.get()]);
            let better = if bad(a) <= bad(b) { pair } else { (pair.1, pair.0) };
            prop_assert!(better.0.share >= better.1.share - 1e-12);
            prop_assert!(better.0.score >= better.1.score - 1e-9);
        }
    }

    #[test]
    fn no_excluded_target_is_selected_and_shares_sum_to_one(
        parts in prop::collection::vec(any_part(), 1..12), draw in 0.0..1.0_f64, gate in 0.0..1.0_f64,
    ) {
        let table = any_table(&parts);
        let mut field = CandidateSet::default();
        let choice = select_target(&table, &ask(), NOW, RandomDraw { gate, draw }, &mut field).unwrap();
        let sum: f64 = field.rows().iter().map(|row| row.odds).sum();
        let row = &field.rows()[choice.target.get()];

        prop_assert!((0.0..=1.0).contains(&choice.score));
        if field.rows().iter().any(|row| row.entry == Eligibility::Eligible) {
            prop_assert_eq!(&row.entry, &Eligibility::Eligible);
            prop_assert!((sum - 1.0).abs() < 1e-9);
        } else {
            prop_assert_eq!(sum, 0.0);
        }
    }

    #[test]
    fn permuting_targets_permutes_shares(parts in prop::collection::vec(any_part(), 2..8)) {
        let forwards = any_table(&parts);
        let mut backwards = any_table(&parts);
        backwards.candidates.reverse();
        let last = parts.len() - 1;
        let mirrored = ranked_targets(&backwards);
        for ranked in ranked_targets(&forwards) {
            let twin = mirrored.iter().find(|twin| twin.target.get() == last - ranked.target.get()).unwrap();
            prop_assert!((twin.share - ranked.share).abs() < 1e-9);
        }
    }

    #[test]
    fn scaling_all_prices_changes_nothing(
        parts in prop::collection::vec(any_part(), 1..8), factor in 2.0..1_000.0_f64,
    ) {
        // Prices are whole pico-dollars per token, so a tiny one is rounded.
        let whole: Vec<Part> = parts.iter().map(|&(usd, s, f, st)| (usd.round(), s, f, st)).collect();
        let scaled: Vec<Part> = whole.iter().map(|&(usd, s, f, st)| (usd * factor.round(), s, f, st)).collect();
        for (a, b) in ranked_targets(&any_table(&whole)).iter().zip(ranked_targets(&any_table(&scaled))) {
            prop_assert!((a.share - b.share).abs() < 1e-9);
        }
    }

    #[test]
    fn a_target_without_a_chance_does_not_change_other_shares(
        parts in prop::collection::vec(any_part(), 1..8),
    ) {
        let plain = any_table(&parts);
        let mut more = any_table(&parts);
        let highest_price = parts.iter().map(|part| part.0).fold(0.0, f64::max);
        more.candidates.push(candidate(parts.len(), "m", highest_price, 1e6, 1.0));
        for (a, b) in ranked_targets(&plain).iter().zip(ranked_targets(&more)) {
            let gets_traffic = ranked_targets(&more).last().is_some_and(|last| last.share > 0.0);
            prop_assert!(gets_traffic || (a.share - b.share).abs() < 1e-9);
        }
    }

    #[test]
    fn shares_are_finite_for_any_input(
        numbers in prop::collection::vec(any_number(), 12), draw in 0.0..1.0_f64,
        strategy in 0_usize..Strategy::ALL.len(),
    ) {
        let mut table = three();
        table.strategy = Strategy::ALL[strategy];
        table.peers_first_token = numbers[0];
        table.outputs = [numbers[1]; crate::domain::RequestClass::COUNT];
        for (candidate, numbers) in table.candidates.iter_mut().zip(numbers.chunks(4)) {
            set_estimates(candidate, numbers);
        }
        let mut field = CandidateSet::default();
        let asked = super::RequestProfile { remaining: Some(numbers[2]), max_tokens: Some(numbers[3]), ..ask() };
        if let Ok(choice) = select_target(&table, &asked, NOW, RandomDraw::without_exploration(draw), &mut field) {
            prop_assert!((0.0..=1.0).contains(&choice.score), "{:?}", choice);
        }
        let sum: f64 = field.rows().iter().map(|row| row.odds).sum();
        prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
    }
}

/// A fixed temperature fails this: the gaps that cost and latency make shrink below it, and the less
/// reliable targets get more.
#[test]
fn a_higher_weight_of_reliability_never_spreads_traffic_over_less_reliable_targets() {
    let parts = [(1.0, 0.50, 0.001), (2.0, 0.55, 0.002), (3.0, 0.60, 0.003)];
    let mut table = any_table(&parts.map(|(usd, seconds, failure)| (usd, seconds, failure, 4)));
    let mut expected_failure = |points: f64| -> f64 {
        let of = weights(2, points);
        weigh(&mut table, of.cost, of.latency, of.reliability);
        let ranked = ranked_targets(&table);
        ranked
            .iter()
            .map(|target| target.share * parts[target.target.get()].2)
            .sum()
    };
    let failures: Vec<f64> = (0..=18)
        .map(|step| expected_failure(f64::from(step) * 5.0))
        .collect();
    for pair in failures.windows(2) {
        assert!(pair[1] <= pair[0] * 1.001, "{failures:?}");
    }
}

fn any_number() -> impl proptest::strategy::Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::ANY,
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-1.0)
    ]
}

fn set_estimates(candidate: &mut Candidate, numbers: &[f64]) {
    let estimate = &mut candidate.estimate;
    estimate.first_token = numbers[0];
    estimate.per_token = numbers[1];
    estimate.failure = numbers[2];
    estimate.limited = numbers[3];
    estimate.curve.slope = numbers[0];
    candidate.window = *estimate;
}

#[test]
fn the_reported_shares_are_the_measured_ones() {
    for strategy in Strategy::ALL {
        let mut table = three();
        table.strategy = strategy;
        let (mut random, mut field) = (SplitMix64::new(11), CandidateSet::default());
        let mut drawn = [0.0; 3];
        for step in 0..100_000 {
            let now = UnixTime::from_micros(NOW.micros() + step);
            let draw = RandomDraw::of(&mut random);
            let choice = select_target(&table, &ask(), now, draw, &mut field).unwrap();
            drop(choice.acquire_lease(&table, now));
            drawn[choice.target.get()] += 1.0 / 100_000.0;
        }
        for ranked in ranked_targets(&table) {
            assert!(
                (ranked.share - drawn[ranked.target.get()]).abs() < 0.01,
                "{strategy:?} {ranked:?} {drawn:?}"
            );
        }
    }
}
