//! Changes that no file holds survive the process, and revert at their time.

use super::{BalancerState, at, fleet};
use crate::domain::{Command, Effect, HeldChanges, ProviderPatch, Revision, Weights, WeightsPatch};
use std::time::Duration;

fn set_weights(state: &mut BalancerState, cost: f64, revert_s: u64) {
    let patch = WeightsPatch {
        cost: Some(cost),
        latency: Some(70.0 - cost),
        revert_after: Some(Duration::from_secs(revert_s)),
        who: "bob".to_owned(),
        ..WeightsPatch::default()
    };
    state.execute(Command::SetWeights(patch), at(0)).unwrap();
}

fn change(state: &mut BalancerState, name: &str, patch: ProviderPatch) {
    let command = Command::ChangeProvider {
        name: name.to_owned(),
        patch,
        who: "bob".to_owned(),
    };
    state.execute(command, at(0)).unwrap();
}

fn texts(effects: &[Effect]) -> Vec<&str> {
    let text = |effect: &'_ Effect| match effect {
        Effect::Emit(event) => Some(event.text.clone()),
        _ => None,
    };
    let texts = effects.iter().filter_map(text);
    texts.map(|text| &*text.leak()).collect()
}

/// The state of a new process that takes over from `old` at a time.
fn restarted(old: &BalancerState, second: u64) -> (BalancerState, Vec<Effect>) {
    let mut next = fleet();
    let effects = next.restore_held_changes(&old.held_changes(), at(second));
    (next, effects)
}

fn cost_weight(state: &BalancerState, second: u64) -> f64 {
    state.snapshot(60, at(second)).weights.cost
}

#[test]
fn drains_pins_and_temporary_changes_survive_a_restart_and_revert_at_their_time() {
    let mut old = fleet();
    set_weights(&mut old, 60.0, 120);
    let patch = ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    };
    change(&mut old, "a", patch);
    let patch = ProviderPatch {
        pin: Some(Duration::from_mins(5)),
        ..ProviderPatch::default()
    };
    change(&mut old, "b", patch);

    let (mut next, effects) = restarted(&old, 60);

    assert_eq!(texts(&effects), [""; 0]);
    assert_eq!(
        next.held_changes(),
        old.held_changes(),
        "and the next restart knows them too"
    );
    let picture = next.snapshot(60, at(60));
    assert!(picture.providers[0].draining);
    assert_eq!(picture.providers[1].pinned_until, Some(at(300)));
    assert_eq!(
        (picture.weights.cost, picture.reverts_at),
        (60.0, Some(at(120)))
    );
    let effects = next.tick(at(121));
    assert_eq!(cost_weight(&next, 121), Weights::default().cost);
    assert!(
        texts(&effects)
            .iter()
            .any(|text| text.contains("not confirmed in time"))
    );
}

#[test]
fn what_passed_while_no_process_ran_is_told() {
    let mut old = fleet();
    set_weights(&mut old, 60.0, 120);
    let patch = ProviderPatch {
        draining: Some(true),
        revert_after: Some(Duration::from_mins(2)),
        ..ProviderPatch::default()
    };
    change(&mut old, "a", patch);
    let patch = ProviderPatch {
        pin: Some(Duration::from_secs(100)),
        ..ProviderPatch::default()
    };
    change(&mut old, "b", patch);

    let (next, effects) = restarted(&old, 500);

    assert_eq!(cost_weight(&next, 500), Weights::default().cost);
    let picture = next.snapshot(60, at(500));
    assert!(!picture.providers[0].draining);
    assert_eq!(
        (picture.providers[1].pinned_until, picture.reverts_at),
        (None, None)
    );
    let told = texts(&effects);
    assert_eq!(told[0], "no longer pinned: the pin expired while stopped");
    assert!(
        told[1].contains("cost 60→30, latency 10→40; a: settings"),
        "{told:?}"
    );
    assert!(
        told[1].contains("its time passed while stopped"),
        "{told:?}"
    );
}

#[test]
fn a_value_that_the_configuration_changed_meanwhile_stays() {
    let mut old = fleet();
    set_weights(&mut old, 60.0, 120);
    let patch = ProviderPatch {
        priority: Some(80.0),
        max_concurrent: Some(3),
        revert_after: Some(Duration::from_mins(2)),
        ..ProviderPatch::default()
    };
    change(&mut old, "a", patch);
    let mut next = fleet();
    next.weights.cost = 40.0;
    next.weights.latency = 30.0;
    next.providers[0].priority = 10;

    let effects = next.restore_held_changes(&old.held_changes(), at(60));

    assert_eq!(cost_weight(&next, 60), 40.0);
    assert_eq!(
        texts(&effects),
        ["the configuration changed weights that were to revert; it holds"]
    );
    let picture = next.snapshot(60, at(60));
    assert_eq!(
        (
            picture.providers[0].priority,
            picture.providers[0].max_concurrent
        ),
        (10, Some(3))
    );
    next.tick(at(121));
    let picture = next.snapshot(60, at(121));
    assert_eq!(
        (
            picture.providers[0].priority,
            picture.providers[0].max_concurrent
        ),
        (10, None)
    );
}

#[test]
fn a_provider_that_is_gone_is_passed_over() {
    let mut old = fleet();
    let patch = ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    };
    change(&mut old, "a", patch);
    let mut held = old.held_changes();
    held.draining[0] = "gone".into();
    held.pin = Some(("gone".into(), at(900)));
    let mut next = fleet();

    next.restore_held_changes(&held, at(1));

    assert_eq!(next.held_changes(), HeldChanges::default());
}

fn revisions(state: &BalancerState) -> Vec<Revision> {
    let newest_first: Vec<Revision> = state.revisions().cloned().collect();
    newest_first.into_iter().rev().collect()
}

#[test]
fn revisions_go_on_where_they_ended() {
    let mut old = fleet();
    set_weights(&mut old, 60.0, 120);
    old.tick(at(121));
    assert_eq!(old.snapshot(60, at(121)).revision, 3);

    // Nothing changed: no new revision.
    let mut next = fleet();
    next.restore_changes(revisions(&old), Some(&old.held_changes()), at(200));
    assert_eq!(revisions(&next), revisions(&old));
    assert_eq!(next.snapshot(60, at(200)).revision, 3);

    // The file has other weights than the last revision.
    let mut edited = fleet();
    edited.weights.cost = 40.0;
    edited.weights.latency = 30.0;
    edited.restore_changes(revisions(&old), Some(&old.held_changes()), at(200));
    let last = revisions(&edited).pop().unwrap();
    assert_eq!(
        (last.number, &*last.who, &*last.what),
        (4, "configuration", "cost 30→40, latency 40→30")
    );

    // The history came after a change of this process.
    let mut late = fleet();
    set_weights(&mut late, 50.0, 900);
    late.restore_changes(revisions(&old), None, at(200));
    let numbers: Vec<u64> = revisions(&late).iter().map(|it| it.number).collect();
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(late.snapshot(60, at(200)).revision, 4);

    let mut first = fleet();
    assert_eq!(first.restore_changes(Vec::new(), None, at(1)), []);
    assert_eq!(first.snapshot(60, at(1)).revision, 1);
}
