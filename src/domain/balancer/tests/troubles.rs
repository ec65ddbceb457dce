//! Troubles: one event for each, updated in place.

use super::*;
use crate::domain::{Event, EventKind, TroubleSummary};

/// An attempt of a decision.
fn try_of(decision: u64, target: usize, second: u64, outcome: Outcome) -> Observation {
    let Observation::Attempt(end) = attempt(target, second, outcome) else {
        unreachable!()
    };
    Observation::Attempt(AttemptEnd {
        decision: DecisionId(decision),
        ..end
    })
}

/// A selection of a decision, so that its attempts are recorded.
fn selection(fleet: &BalancerState, decision: u64, second: u64) -> Observation {
    let table = fleet.routing_table(at(second));
    let context = crate::domain::SelectionContext {
        decision: DecisionId(decision),
        is_dry_run: false,
        attempt: 1,
        class: crate::domain::RequestClass::new(ModelType::Chat, false),
        input: 1.0,
        luck: RandomDraw::default(),
        at: at(second),
    };
    let round = crate::domain::SelectionRound::of(&table, &CandidateSet::default(), None, context);
    Observation::Selection(Box::new(round))
}

/// A request that fails at `a`, and is saved by `b` or not.
fn fail(fleet: &mut BalancerState, second: u64, is_saved: bool) -> Vec<Effect> {
    let chosen = selection(fleet, second, second);
    fleet.observe(&chosen, at(second));
    let mut effects = fleet.observe(&try_of(second, 0, second, BAD), at(second + 1));
    let (outcome, attempts) = if is_saved {
        fleet.observe(&try_of(second, 1, second, Outcome::Success), at(second + 1));
        (RequestOutcome::Ok, 2)
    } else {
        (RequestOutcome::Error(Failure::Server), 1)
    };
    effects.extend(fleet.observe(&request(second, outcome, attempts), at(second + 1)));
    effects.extend(fleet.tick(at(second + 1)));
    effects
}

fn told(effects: &[Effect]) -> Vec<String> {
    let text = |effect: &Effect| match effect {
        Effect::Emit(event) if event.kind == EventKind::Trouble => Some(event.text.clone()),
        _ => None,
    };
    effects.iter().filter_map(text).collect()
}

fn events(fleet: &BalancerState, second: u64) -> Vec<Event> {
    fleet.snapshot(900, at(second)).events
}

#[test]
fn an_outage_is_one_event_that_is_updated_in_place() {
    let mut fleet = fleet();
    let mut effects = Vec::new();
    for second in 0..12 {
        effects.extend(fail(&mut fleet, second, second % 4 != 3));
    }
    let list = events(&fleet, 12);
    assert_eq!(list.len(), 1, "{list:?}");
    let running = &list[0];
    assert_eq!(running.kind, EventKind::Trouble);
    assert!(running.bad);
    assert_eq!(running.text, "HALF-OPEN: server; 9 saved, 3 lost");
    assert_eq!(running.at, at(1));
    assert_eq!(told(&effects).len(), 1, "its begin: {effects:?}");

    probe(&mut fleet, 13, ProbeVerdict::Good);
    for second in 60..64 {
        let Observation::Attempt(end) = attempt(0, second, Outcome::Success) else {
            unreachable!()
        };
        let end = AttemptEnd { trial: true, ..end };
        fleet.tick(at(second));
        fleet.observe(&Observation::Attempt(end), at(second + 1));
    }
    let effects = fleet.tick(at(65));
    assert_eq!(told(&effects), ["OK after 64 s, OPEN; 9 saved, 3 lost"]);
    let list = events(&fleet, 65);
    assert_eq!((list.len(), list[0].id), (1, running.id));
    let expected = TroubleSummary {
        since: at(1),
        until: Some(at(65)),
        worst: Some(HealthState::Open),
        saved: 9,
        lost: 3,
    };
    assert_eq!(list[0].trouble, Some(expected));
    assert!(!list[0].bad);
}

#[test]
fn single_failures_are_one_event_until_a_minute_passes_without_one() {
    let mut fleet = fleet();
    for second in [0, 20, 40] {
        fail(&mut fleet, second, true);
        for good in 0..64 {
            let second = second + 2 + good / 4;
            fleet.observe(&attempt(0, second, Outcome::Success), at(second + 1));
        }
    }
    let list = events(&fleet, 60);
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].text, "3 requests saved by a fallback, 0 lost");
    assert!(!list[0].bad);
    fleet.tick(at(102));
    assert_eq!(events(&fleet, 102)[0].trouble.unwrap().until, Some(at(41)));

    fail(&mut fleet, 150, true);
    assert_eq!(events(&fleet, 151).len(), 2, "a new one");
}

#[test]
fn a_worse_state_is_told_and_a_milder_one_is_not() {
    let mut fleet = fleet();
    let mut effects = Vec::new();
    for second in 0..8 {
        effects.extend(fail(&mut fleet, second, true));
    }
    for second in 8..11 {
        effects.extend(probe(&mut fleet, second, ProbeVerdict::Bad));
    }
    effects.extend(fleet.tick(at(11)));
    let texts = told(&effects);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[1], "DOWN: 503; 8 saved, 0 lost");

    effects = probe(&mut fleet, 12, ProbeVerdict::Good);
    effects.extend(fleet.tick(at(12)));
    assert!(told(&effects).is_empty(), "half-open");
    assert_eq!(events(&fleet, 12).len(), 1);
}

#[test]
fn a_brownout_is_told_at_both_edges() {
    let mut fleet = fleet();
    let mut effects = Vec::new();
    for second in 0..520 {
        let seconds = if (400..440).contains(&second) { 6 } else { 1 };
        for (target, seconds) in [(0, seconds), (1, 1)] {
            let Observation::Attempt(end) = attempt(target, second, Outcome::Success) else {
                unreachable!()
            };
            let end = AttemptEnd {
                started: at(second).minus(Duration::from_secs(seconds)),
                ended: at(second),
                ..end
            };
            fleet.observe(&Observation::Attempt(end), at(second));
        }
        effects.extend(fleet.tick(at(second)));
    }

    let texts = told(&effects);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with("SLOW: p95 6"), "{texts:?}");
    assert!(
        texts[1].starts_with("OK after ") && texts[1].contains("SLOW"),
        "{texts:?}"
    );
}

#[test]
fn a_refused_key_has_a_kind_of_its_own() {
    for (failure, kind) in [
        (Failure::Auth, EventKind::Key),
        (Failure::Quota, EventKind::Key),
        (Failure::RateLimit(None), EventKind::Limit),
    ] {
        let mut fleet = fleet();
        fleet.observe(&attempt(0, 0, Outcome::Failed(failure)), at(1));
        assert_eq!(events(&fleet, 1)[0].kind, kind, "{failure:?}");
    }
}

#[test]
fn a_restored_event_replaces_its_earlier_version() {
    let mut first = fleet();
    for second in 0..8 {
        fail(&mut first, second, true);
    }
    let begin = events(&first, 8)[0].clone();
    let end = Event {
        text: "over".to_owned(),
        ..begin.clone()
    };
    let mut second = fleet();
    second.restore_events(vec![begin, end]);

    let list = events(&second, 9);
    assert_eq!((list.len(), &*list[0].text), (1, "over"));
}
