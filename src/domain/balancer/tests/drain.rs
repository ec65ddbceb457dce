//! Drains that end by themselves.

use super::{BalancerState, at, fleet};
use crate::domain::{Command, Effect, ProviderPatch};
use std::time::Duration;

fn change(state: &mut BalancerState, patch: ProviderPatch, second: u64) {
    let command = Command::ChangeProvider {
        name: "a".to_owned(),
        patch,
        who: "bob".to_owned(),
    };
    state.execute(command, at(second)).unwrap();
}

fn for_seconds(seconds: u64) -> ProviderPatch {
    ProviderPatch {
        drain_for: Some(Duration::from_secs(seconds)),
        ..ProviderPatch::default()
    }
}

fn drains(state: &BalancerState, second: u64) -> (bool, bool) {
    let provider = &state.snapshot(60, at(second)).providers[0];
    (provider.draining, provider.drains_until.is_some())
}

#[test]
fn a_drain_with_an_end_ends_and_is_a_revision() {
    let mut fleet = fleet();
    change(&mut fleet, for_seconds(1_800), 0);
    assert_eq!(drains(&fleet, 1), (true, true));
    assert_eq!(fleet.tick(at(1_799)).len(), 0);

    let effects = fleet.tick(at(1_800));

    let [Effect::Emit(event)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(
        event.text.contains("a: no longer draining"),
        "{}",
        event.text
    );
    assert_eq!(drains(&fleet, 1_801), (false, false));
}

#[test]
fn another_drain_replaces_the_end() {
    let mut fleet = fleet();
    let switch = |draining| ProviderPatch {
        draining: Some(draining),
        ..ProviderPatch::default()
    };
    change(&mut fleet, for_seconds(60), 0);
    change(&mut fleet, for_seconds(600), 10);
    fleet.tick(at(61));
    assert_eq!(drains(&fleet, 61), (true, true), "the later end holds");
    change(&mut fleet, switch(true), 70);
    fleet.tick(at(700));
    assert_eq!(drains(&fleet, 700), (true, false), "without an end");
    change(&mut fleet, switch(false), 710);
    assert_eq!(drains(&fleet, 710), (false, false));
}

#[test]
fn keeping_a_trial_does_not_make_a_drain_endless() {
    let mut fleet = fleet();
    change(&mut fleet, for_seconds(60), 0);
    let trial = ProviderPatch {
        priority: Some(10.0),
        revert_after: Some(Duration::from_secs(30)),
        ..ProviderPatch::default()
    };
    change(&mut fleet, trial, 1);
    let keep = Command::ConfirmWeights {
        who: "bob".to_owned(),
    };
    fleet.execute(keep, at(2)).unwrap();
    fleet.tick(at(60));
    assert_eq!(drains(&fleet, 60), (false, false));
}

#[test]
fn the_end_of_a_drain_survives_a_restart() {
    let mut old = fleet();
    change(&mut old, for_seconds(60), 0);
    let mut next = fleet();
    next.restore_held_changes(&old.held_changes(), at(20));
    assert_eq!(drains(&next, 20), (true, true));
    next.tick(at(60));
    assert_eq!(drains(&next, 60), (false, false));

    let mut late = fleet();
    let effects = late.restore_held_changes(&old.held_changes(), at(100));
    assert_eq!(drains(&late, 100), (false, false), "it ended while stopped");
    assert_eq!(effects.len(), 1, "and an event says so");
}
