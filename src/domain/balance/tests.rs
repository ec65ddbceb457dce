use super::{Ask, Exclusion, Reason, Scope, choose, shares};
use crate::domain::{
    Candidate, Capabilities, Catalogue, Chance, Estimate, Gauge, Lease, ModelType, ModelTypes,
    Moment, Price, RoutingTable, Standing, Strategy, TargetId, Weights,
};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use std::sync::Arc;

const NOW: Moment = Moment::from_seconds(1_000);

pub(super) fn candidate(
    provider: usize,
    model: &str,
    usd: f64,
    seconds: f64,
    failure: f64,
) -> Candidate {
    Candidate {
        id: TargetId::new(&format!("p{provider}"), model),
        provider,
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: Some(Price::flat(usd, usd * 5.0)),
        standing: Standing::Usable,
        blocked_until: None,
        estimate: Estimate {
            first_token: seconds,
            per_token: 0.01,
            failure,
            measured: true,
        },
        succeeded_at: None,
        priority: 0.5,
        weights: Weights::default(),
        max_concurrent: None,
        gauge: Arc::default(),
        provider_gauge: Arc::default(),
    }
}

pub(super) fn table(candidates: Vec<Candidate>) -> RoutingTable {
    RoutingTable {
        catalogue: Arc::new(Catalogue::default()),
        strategy: Strategy::Weighted,
        weights: Weights::default(),
        revision: 1,
        candidates,
        expected_output: 300.0,
    }
}

/// Cheap and slow, middling, dear and quick.
fn three() -> RoutingTable {
    table(vec![
        candidate(0, "m", 0.5, 1.5, 0.02),
        candidate(1, "m", 1.5, 0.8, 0.02),
        candidate(2, "m", 3.0, 0.3, 0.02),
    ])
}

fn ask() -> Ask<'static> {
    Ask::usual(ModelType::Chat)
}

fn weigh(table: &mut RoutingTable, cost: f64, latency: f64, reliability: f64) {
    for candidate in &mut table.candidates {
        candidate.weights = Weights {
            cost,
            latency,
            reliability,
            load: 0.0,
            priority: 0.0,
        };
    }
}

#[test]
fn each_objective_alone_ranks_by_itself() {
    let mut table = three();
    table.strategy = Strategy::Best;

    weigh(&mut table, 100.0, 0.0, 0.0);
    assert_eq!(choose(&table, &ask(), NOW, 0.5).unwrap().target, 0);
    weigh(&mut table, 0.0, 100.0, 0.0);
    assert_eq!(choose(&table, &ask(), NOW, 0.5).unwrap().target, 2);
    weigh(&mut table, 0.0, 0.0, 100.0);
    table.candidates[1].estimate.failure = 0.001;
    assert_eq!(choose(&table, &ask(), NOW, 0.5).unwrap().target, 1);
}

#[test]
fn the_share_shown_is_the_share_drawn() {
    let table = three();
    let mut chance = Chance::new(11);
    let mut drawn = [0.0; 3];
    for _ in 0..100_000 {
        drawn[choose(&table, &ask(), NOW, chance.draw()).unwrap().target] += 1.0 / 100_000.0;
    }

    for ranked in shares(&table, &ask(), NOW) {
        assert!(
            (ranked.share - drawn[ranked.target]).abs() < 0.01,
            "{ranked:?} {drawn:?}"
        );
    }
}

#[test]
fn constraints_remove_and_say_so() {
    let mut table = three();
    table.candidates[1].price = None;
    table.candidates[0].estimate.measured = false;
    let cheap = Ask {
        max_cost: Some(5e-6),
        ..ask()
    };
    let none = choose(
        &table,
        &Ask {
            max_cost: Some(1e-6),
            ..ask()
        },
        NOW,
        0.0,
    )
    .unwrap_err();

    let choice = choose(&table, &cheap, NOW, 0.9).unwrap();
    assert_eq!(choice.target, 0);
    assert_eq!(
        choice.rejected,
        [(1, Exclusion::UnknownPrice), (2, Exclusion::TooDear)]
    );
    assert_eq!((none.rejected.len(), none.retry_after), (3, None));

    let quick = Ask {
        max_latency: Some(3.5),
        ..ask()
    };
    let choice = choose(&table, &quick, NOW, 0.0).unwrap();
    assert_eq!(
        choice.rejected,
        [(1, Exclusion::TooSlow)],
        "who was never measured passes"
    );
}

#[test]
fn what_time_brings_back_is_told() {
    let mut table = three();
    table.candidates[0].standing = Standing::Open(Moment::from_seconds(1_012));
    table.candidates[1].blocked_until = Some(Moment::from_seconds(1_008));
    table.candidates[2].standing = Standing::Off("no key".into());

    let none = choose(&table, &ask(), NOW, 0.0).unwrap_err();

    assert_eq!(none.retry_after.unwrap().as_secs(), 8);
    let told: Vec<String> = none.rejected.iter().map(|(_, why)| why.text(NOW)).collect();
    assert_eq!(
        told,
        [
            "breaker open for 12 s more",
            "asked to wait 8 s more",
            "no key"
        ]
    );
}

#[test]
fn a_half_open_target_gets_one_trial_and_no_fallbacks_while_others_are_well() {
    let mut table = three();
    table.candidates[1].standing = Standing::HalfOpen;

    let choice = choose(&table, &ask(), NOW, 0.0).unwrap();
    assert_eq!(
        (choice.target, choice.reason, choice.trial),
        (1, Reason::Trial, true)
    );
    let gauge = (
        &table.candidates[1].gauge,
        &table.candidates[1].provider_gauge,
    );
    let trial = Lease::take(gauge.0, gauge.1, None, true).unwrap();
    assert!(!choose(&table, &ask(), NOW, 0.0).unwrap().trial);
    drop(trial);
    let fallback = choose(
        &table,
        &Ask {
            tried: &[0],
            ..ask()
        },
        NOW,
        0.0,
    )
    .unwrap();
    assert_eq!((fallback.target, fallback.trial), (2, false));
    let last = choose(
        &table,
        &Ask {
            tried: &[0, 2],
            ..ask()
        },
        NOW,
        0.0,
    )
    .unwrap();
    assert_eq!((last.target, last.trial), (1, true));
}

#[test]
fn a_fallback_goes_to_another_provider_before_another_model() {
    let table = table(vec![
        candidate(0, "a", 0.1, 0.1, 0.01),
        candidate(0, "b", 0.1, 0.1, 0.01),
        candidate(1, "a", 3.0, 3.0, 0.01),
    ]);

    let next = choose(
        &table,
        &Ask {
            tried: &[0],
            ..ask()
        },
        NOW,
        0.0,
    )
    .unwrap();
    assert_eq!((next.target, next.reason), (2, Reason::Fallback));
    let then = choose(
        &table,
        &Ask {
            tried: &[0, 2],
            ..ask()
        },
        NOW,
        0.0,
    )
    .unwrap();
    assert_eq!(then.target, 1);
}

#[test]
fn a_wish_is_granted_unless_it_is_likelier_to_fail() {
    let mut table = three();
    let wish = Ask {
        preferred: Some(2),
        ..ask()
    };

    assert_eq!(
        choose(&table, &wish, NOW, 0.0).unwrap().reason,
        Reason::Preferred
    );
    table.candidates[2].estimate.failure = 0.6;
    assert_ne!(
        choose(&table, &wish, NOW, 0.0).unwrap().reason,
        Reason::Preferred
    );
}

#[test]
fn a_full_provider_is_passed_over() {
    let mut table = three();
    table.candidates[2].max_concurrent = Some(1);
    let (target, provider) = (
        Arc::<Gauge>::default(),
        Arc::clone(&table.candidates[2].provider_gauge),
    );
    let _place = Lease::take(&target, &provider, Some(1), false).unwrap();

    let choice = choose(&table, &ask(), NOW, 0.999).unwrap();
    assert_ne!(choice.target, 2);
    assert_eq!(choice.rejected, [(2, Exclusion::Full(1))]);
}

fn any_candidate() -> impl proptest::strategy::Strategy<Value = (f64, f64, f64, u8)> {
    (0.0..20.0_f64, 0.01..20.0_f64, 0.0..1.0_f64, 0_u8..5)
}

fn any_table(parts: &[(f64, f64, f64, u8)]) -> RoutingTable {
    let candidates = parts
        .iter()
        .enumerate()
        .map(|(at, &(usd, seconds, failure, standing))| {
            let mut candidate = candidate(at, "m", usd, seconds, failure);
            candidate.standing = match standing {
                0 => Standing::Down,
                1 => Standing::Open(Moment::from_seconds(1_010)),
                _ => Standing::Usable,
            };
            candidate
        });
    table(candidates.collect())
}

proptest! {
    #[test]
    fn nobody_who_is_out_is_chosen_and_shares_sum_to_one(
        parts in prop::collection::vec(any_candidate(), 1..12), draw in 0.0..1.0_f64,
    ) {
        let table = any_table(&parts);
        let sum: f64 = shares(&table, &ask(), NOW).iter().map(|ranked| ranked.share).sum();
        match choose(&table, &ask(), NOW, draw) {
            Ok(choice) => {
                prop_assert_eq!(&table.candidates[choice.target].standing, &Standing::Usable);
                prop_assert!((0.0..=1.0 + 1e-9).contains(&choice.score));
                prop_assert!((sum - 1.0).abs() < 1e-9);
            }
            Err(none) => {
                prop_assert_eq!(none.rejected.len(), parts.len());
                prop_assert_eq!(sum, 0.0);
            }
        }
    }

    #[test]
    fn permuting_targets_permutes_shares(
        parts in prop::collection::vec(any_candidate(), 2..8),
    ) {
        let forwards = any_table(&parts);
        let mut backwards = any_table(&parts);
        backwards.candidates.reverse();
        let last = parts.len() - 1;
        let mirrored = shares(&backwards, &ask(), NOW);
        for ranked in shares(&forwards, &ask(), NOW) {
            let twin = mirrored.iter().find(|twin| twin.target == last - ranked.target).unwrap();
            prop_assert!((twin.share - ranked.share).abs() < 1e-9);
        }
    }

    #[test]
    fn scaling_all_prices_changes_nothing(
        parts in prop::collection::vec(any_candidate(), 1..8), factor in 2.0..1_000.0_f64,
    ) {
        let plain = any_table(&parts);
        let scaled: Vec<_> = parts.iter().map(|&(usd, s, f, st)| (usd * factor, s, f, st)).collect();
        let dear = shares(&any_table(&scaled), &ask(), NOW);
        for (a, b) in shares(&plain, &ask(), NOW).iter().zip(dear) {
            prop_assert!((a.share - b.share).abs() < 1e-3);
        }
    }

    #[test]
    fn the_cheaper_of_two_equals_never_loses_as_cost_weighs_more(
        cheap in 0.0..5.0_f64, more in 0.1..5.0_f64, seconds in 0.1..5.0_f64, low in 0.0..50.0_f64, step in 0.0..50.0_f64,
    ) {
        let share = |cost: f64| {
            let mut table = table(vec![
                candidate(0, "m", cheap, seconds, 0.05),
                candidate(1, "m", cheap + more, seconds, 0.05),
            ]);
            weigh(&mut table, cost, (100.0 - cost) / 2.0, (100.0 - cost) / 2.0);
            shares(&table, &ask(), NOW)[0].share
        };
        prop_assert!(share(low + step) >= share(low) - 1e-9);
        prop_assert!((share(0.0) - 0.5).abs() < 1e-9, "weight 0 removes the factor");
    }
}

#[test]
fn a_scope_of_names_is_kept() {
    let choice = choose(
        &three(),
        &Ask {
            scope: Scope::Only(&[1]),
            ..ask()
        },
        NOW,
        0.99,
    )
    .unwrap();

    assert_eq!((choice.target, choice.reason), (1, Reason::Only));
    assert!(choice.fallbacks.is_empty());
}
