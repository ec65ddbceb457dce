//! What a change did is measured before and after it, and kept with its revision.

use super::{BalancerState, at, attempt, fleet, request};
use crate::domain::{
    ChangeEffect, Command, Failure, Outcome, RequestOutcome, Revision, WeightsPatch,
};

fn change(state: &mut BalancerState, cost: f64, second: u64) {
    let patch = WeightsPatch {
        cost: Some(cost),
        latency: Some(70.0 - cost),
        who: "bob".to_owned(),
        ..WeightsPatch::default()
    };
    state
        .execute(Command::SetWeights(patch), at(second))
        .unwrap();
}

/// One request a second that ends in each of the seconds, at the target.
fn serve(
    state: &mut BalancerState,
    seconds: std::ops::Range<u64>,
    target: usize,
    outcome: Outcome,
) {
    for second in seconds {
        state.observe(&attempt(target, second - 1, outcome), at(second));
        state.observe(&request(second - 1, RequestOutcome::Ok, 1), at(second));
    }
}

fn effect(state: &BalancerState, number: u64) -> ChangeEffect {
    let mut revisions = state.revisions();
    let found = revisions.find(|it: &&Revision| it.number == number);
    found.and_then(|it| it.effect.clone()).expect("an effect")
}

#[test]
fn a_change_has_the_two_minutes_before_and_after_it() {
    let mut state = fleet();
    serve(&mut state, 10..200, 0, Outcome::Success);
    change(&mut state, 50.0, 200);
    serve(&mut state, 201..351, 1, Outcome::Failed(Failure::Timeout));
    state.tick(at(320));
    assert_eq!(effect(&state, 2).after, None, "not over yet");
    let measured = state.effect_changes();
    state.tick(at(321));

    let effect = effect(&state, 2);
    let after = effect.after.expect("it is over");
    assert_eq!((effect.before.seconds, after.seconds), (120, 120));
    assert_eq!(state.effect_changes(), measured + 1);
    let [(name, before)] = &effect.before.providers[..] else {
        panic!("{:?}", effect.before);
    };
    assert_eq!((&**name, before.count, before.share), ("a", 120, 1.0));
    assert_eq!(before.success_rate, Some(1.0));
    assert!((before.p95_ms.unwrap() - 1_000.0).abs() < 100.0);
    let usd = before.usd_per_hour(120).unwrap();
    assert!((before.usd_per_1k().unwrap() * 3.6 - usd).abs() < 1e-9);
    let [(name, later)] = &after.providers[..] else {
        panic!("{after:?}");
    };
    assert_eq!((&**name, later.count), ("b", 120));
    assert_eq!((later.success_rate, later.p95_ms), (Some(0.0), None));
    assert_eq!(after.requests.count, 120);
}

#[test]
fn too_few_requests_are_counted_and_not_judged() {
    let mut state = fleet();
    serve(&mut state, 10..15, 0, Outcome::Success);
    change(&mut state, 50.0, 250);
    let before = effect(&state, 2).before;

    assert_eq!(before.seconds, 300);
    assert_eq!(before.requests.count, 5, "five minutes were looked at");
    assert_eq!(
        (before.requests.success_rate, before.requests.p95_ms),
        (None, None)
    );
    assert_eq!(before.requests.usd_per_1k(), None);
}

#[test]
fn another_change_ends_the_time_of_the_one_before() {
    let mut state = fleet();
    serve(&mut state, 10..100, 0, Outcome::Success);
    change(&mut state, 50.0, 100);
    serve(&mut state, 101..140, 0, Outcome::Success);
    change(&mut state, 40.0, 140);

    let first = effect(&state, 2).after.expect("ended");
    assert_eq!((first.seconds, first.requests.count), (39, 39));
    assert_eq!(effect(&state, 3).after, None);
    state.tick(at(261));
    assert_eq!(effect(&state, 2).after, Some(first), "kept for good");
    assert_eq!(effect(&state, 3).after.map(|it| it.requests.count), Some(0));
}
