//! Commands and the changes they make.

use super::{BalancerState, at, attempt, fleet, state};
use crate::domain::{
    Command, CommandError, CommandReply, Effect, ExternalLoadAction, Failure, HealthState, Outcome,
    ProviderPatch, RoutingState, Weights, WeightsPatch,
};
use std::time::Duration;

#[test]
fn weights_apply_to_the_next_selection_and_a_stale_draft_is_refused() {
    let mut fleet = fleet();
    let patch = |cost, drafted_on| WeightsPatch {
        cost: Some(cost),
        latency: Some(100.0 - cost),
        reliability: Some(0.0),
        drafted_on: Some(drafted_on),
        who: "alice".to_owned(),
        ..WeightsPatch::default()
    };
    let (answer, effects) = fleet
        .execute(Command::SetWeights(patch(70.0, 1)), at(1))
        .unwrap();

    assert!(matches!(answer, CommandReply::Weights { revision: 2, .. }));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::PersistWeights(_)))
    );
    assert_eq!(fleet.routing_table(at(1)).candidates[0].weights.cost, 70.0);
    let refusal = fleet
        .execute(Command::SetWeights(patch(10.0, 1)), at(2))
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "revision is 1, but 2 is the newest: alice changed cost 30→70, latency 40→30, reliability 30→0; read it and try again"
    );
    let wrong = WeightsPatch {
        cost: Some(50.0),
        ..WeightsPatch::default()
    };
    assert!(matches!(
        fleet.execute(Command::SetWeights(wrong), at(2)),
        Err(CommandError::Weights(_))
    ));
    assert_eq!(
        fleet.routing_table(at(2)).weights.cost,
        70.0,
        "a refused command changes nothing"
    );
}

#[test]
fn temporary_weights_revert_unless_they_are_confirmed() {
    let trial = || {
        Command::SetWeights(WeightsPatch {
            cost: Some(60.0),
            latency: Some(10.0),
            revert_after: Some(Duration::from_mins(2)),
            who: "bob".to_owned(),
            ..WeightsPatch::default()
        })
    };
    let mut fleet = fleet();
    let (_, effects) = fleet.execute(trial(), at(0)).unwrap();
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::PersistWeights(_))),
        "a temporary change is not persisted"
    );
    fleet.tick(at(119));
    assert_eq!(fleet.routing_table(at(119)).weights.cost, 60.0);
    fleet.tick(at(120));
    assert_eq!(fleet.routing_table(at(120)).weights, Weights::default());

    fleet.execute(trial(), at(200)).unwrap();
    fleet
        .execute(
            Command::ConfirmWeights {
                who: "bob".to_owned(),
            },
            at(210),
        )
        .unwrap();
    fleet.tick(at(1_000));
    assert_eq!(fleet.routing_table(at(1_000)).weights.cost, 60.0);
    assert!(
        fleet
            .execute(
                Command::ConfirmWeights {
                    who: "bob".to_owned()
                },
                at(1_001)
            )
            .is_err()
    );
}

#[test]
fn a_provider_is_drained_and_disabled_and_bad_values_change_nothing() {
    let mut fleet = fleet();
    let mut change = |patch| {
        let command = Command::ChangeProvider {
            name: "a".to_owned(),
            patch,
            who: "op".to_owned(),
        };
        fleet.execute(command, at(1)).map(|_| ())
    };
    change(ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    })
    .unwrap();
    for bad in [
        ProviderPatch {
            priority: Some(101.0),
            ..ProviderPatch::default()
        },
        ProviderPatch {
            priority: Some(1.5),
            enabled: Some(false),
            ..ProviderPatch::default()
        },
        ProviderPatch {
            max_concurrent: Some(-1),
            ..ProviderPatch::default()
        },
    ] {
        assert!(change(bad).is_err());
    }
    assert_eq!(
        fleet.routing_table(at(1)).candidates[0].standing,
        RoutingState::Draining
    );
    assert_eq!(state(&mut fleet, 2), HealthState::Draining);
    let unknown = Command::ChangeProvider {
        name: "z".to_owned(),
        patch: ProviderPatch::default(),
        who: String::new(),
    };
    assert_eq!(
        fleet.execute(unknown, at(2)).unwrap_err().to_string(),
        "provider \"z\" is unknown; there are a, b"
    );
}

#[test]
fn external_load_expires_and_never_falls_below_zero() {
    let mut fleet = fleet();
    let mut count = |action, second| {
        let command = Command::AdjustExternalLoad {
            provider: "a".to_owned(),
            model: None,
            action,
            holder: "ops".into(),
            is_capped: false,
        };
        fleet.tick(at(second));
        fleet.execute(command, at(second)).unwrap().0
    };
    assert_eq!(
        count(ExternalLoadAction::Decrement, 0),
        CommandReply::InFlight(0)
    );
    assert_eq!(
        count(ExternalLoadAction::Increment, 0),
        CommandReply::InFlight(1)
    );
    assert_eq!(
        count(ExternalLoadAction::Increment, 1),
        CommandReply::InFlight(2)
    );
    assert_eq!(
        count(ExternalLoadAction::Decrement, 2),
        CommandReply::InFlight(1)
    );
    assert_eq!(
        count(ExternalLoadAction::Decrement, 602),
        CommandReply::InFlight(0)
    );
}

#[test]
fn a_client_token_counts_a_part_of_a_provider_and_ends_only_what_it_counted() {
    let mut fleet = fleet();
    let patch = ProviderPatch {
        max_concurrent: Some(8),
        ..ProviderPatch::default()
    };
    let change = Command::ChangeProvider {
        name: "a".to_owned(),
        patch,
        who: "ops".to_owned(),
    };
    fleet.execute(change, at(0)).unwrap();
    let mut count = |holder: &str, action| {
        let command = Command::AdjustExternalLoad {
            provider: "a".to_owned(),
            model: None,
            action,
            holder: holder.into(),
            is_capped: true,
        };
        fleet.execute(command, at(1)).map(|(reply, _)| reply)
    };
    for one in 1..=4 {
        let counted = count("app", ExternalLoadAction::Increment);
        assert_eq!(counted, Ok(CommandReply::InFlight(one)));
    }
    let error = count("app", ExternalLoadAction::Increment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"app\" counts 4 requests at a already, and may count no more"
    );
    let other = count("other", ExternalLoadAction::Decrement);
    assert_eq!(other, Ok(CommandReply::InFlight(4)), "nothing is its own");
    let own = count("app", ExternalLoadAction::Decrement);
    assert_eq!(own, Ok(CommandReply::InFlight(3)));
}

#[test]
fn external_load_that_is_never_decremented_has_a_bound() {
    let mut fleet = fleet();
    let mut count = |second| {
        let command = Command::AdjustExternalLoad {
            provider: "a".to_owned(),
            model: None,
            action: ExternalLoadAction::Increment,
            holder: "ops".into(),
            is_capped: false,
        };
        fleet.execute(command, at(second)).unwrap().0
    };
    for _ in 0..10_000 {
        count(0);
    }
    assert_eq!(count(1), CommandReply::InFlight(10_000));
}

#[test]
fn a_rollback_restores_the_weights_of_a_revision() {
    let mut fleet = fleet();
    for cost in [40.0, 50.0] {
        let patch = WeightsPatch {
            cost: Some(cost),
            latency: Some(30.0),
            reliability: Some(70.0 - cost),
            who: "alice".to_owned(),
            ..WeightsPatch::default()
        };
        fleet.execute(Command::SetWeights(patch), at(1)).unwrap();
    }
    let mut back = |number| {
        let who = "bob".to_owned();
        let command = Command::Rollback { number, who };
        fleet
            .execute(command, at(2))
            .map(|(answer, _)| match answer {
                CommandReply::Weights {
                    weights, revision, ..
                } => (weights.cost, revision),
                _ => unreachable!(),
            })
    };

    assert_eq!(back(2), Ok((40.0, 4)));
    assert_eq!(back(1), Ok((30.0, 5)), "the one it started with");
    assert!(matches!(
        back(77),
        Err(CommandError::UnknownRevision { number: 77, .. })
    ));
}

#[test]
fn risky_weights_cause_one_warning() {
    let mut fleet = fleet();
    let patch = |cost: f64| {
        Command::SetWeights(WeightsPatch {
            cost: Some(cost),
            latency: Some(100.0 - cost),
            reliability: Some(0.0),
            who: "alice".to_owned(),
            ..WeightsPatch::default()
        })
    };
    let (answer, effects) = fleet.execute(patch(80.0), at(1)).unwrap();
    let warned = |effects: &[Effect]| {
        let warned = |effect: &&Effect| matches!(effect, Effect::Emit(event) if event.bad);
        effects.iter().filter(warned).count()
    };

    assert_eq!(warned(&effects), 1);
    let CommandReply::Weights { warnings, .. } = answer else {
        unreachable!()
    };
    assert!(warnings[0].contains("above 70"), "{warnings:?}");
    assert_eq!(
        warned(&fleet.tick(at(2))),
        0,
        "the warning was emitted before"
    );
    fleet.execute(patch(60.0), at(3)).unwrap();
    assert_eq!(warned(&fleet.execute(patch(90.0), at(4)).unwrap().1), 1);
}

#[test]
fn a_pin_expires_and_can_be_ended() {
    let mut fleet = fleet();
    let pin = |fleet: &mut BalancerState, seconds, now| {
        let command = Command::ChangeProvider {
            name: "b".to_owned(),
            patch: ProviderPatch {
                pin: Some(Duration::from_secs(seconds)),
                ..ProviderPatch::default()
            },
            who: "op".to_owned(),
        };
        fleet.execute(command, at(now)).unwrap().1.len()
    };

    pin(&mut fleet, 30, 0);
    assert_eq!(fleet.routing_table(at(29)).pinned, Some(1.into()));
    assert_eq!(
        fleet.snapshot(900, at(29)).providers[1].pinned_until,
        Some(at(30))
    );
    assert_eq!(fleet.routing_table(at(30)).pinned, None);
    assert_eq!(fleet.tick(at(30)).len(), 1, "one event");
    pin(&mut fleet, 60, 40);
    pin(&mut fleet, 0, 41);
    assert_eq!(fleet.routing_table(at(42)).pinned, None);
    assert_eq!(pin(&mut fleet, 0, 43), 0, "nothing was pinned");
}

#[test]
fn an_operator_can_reset_a_breaker_and_a_cooldown() {
    let mut fleet = fleet();
    let reset = |fleet: &mut BalancerState, second: u64| {
        let command = Command::ChangeProvider {
            name: "a".to_owned(),
            patch: ProviderPatch {
                reset: true,
                ..ProviderPatch::default()
            },
            who: "op".to_owned(),
        };
        fleet.execute(command, at(second)).unwrap().1
    };
    assert_eq!(reset(&mut fleet, 1), [], "there is nothing to reset");

    for second in 2..7 {
        let failed = Outcome::Failed(Failure::Server);
        fleet.observe(&attempt(0, second, failed), at(second));
    }
    assert_eq!(state(&mut fleet, 7), HealthState::Open);
    let effects = reset(&mut fleet, 7);
    assert_eq!(
        fleet.routing_table(at(7)).candidates[0].standing,
        RoutingState::Usable
    );
    let Some(Effect::Emit(event)) = effects.first() else {
        panic!("{effects:?}")
    };
    assert!(
        event.text.contains("op: a: breakers reset"),
        "{}",
        event.text
    );

    let wait = Failure::RateLimit(Some(Duration::from_mins(1)));
    fleet.observe(&attempt(0, 8, Outcome::Failed(wait)), at(8));
    assert_eq!(state(&mut fleet, 9), HealthState::Limited);
    reset(&mut fleet, 9);
    assert_ne!(state(&mut fleet, 9), HealthState::Limited);
}
