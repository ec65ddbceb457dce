//! A new process that observes the attempts of the old one again knows what the old one knew.

use super::{BAD, BalancerState, at, attempt, fleet};
use crate::domain::{
    AttemptEnd, AttemptStart, Failure, FirstToken, ModelType, Observation, Outcome, RequestClass,
    RoutingState, RoutingTable,
};
use std::time::Duration;

/// An attempt that starts every two seconds, streamed or whole, at alternating targets.
fn end(second: u64, outcome: Outcome) -> AttemptEnd {
    let target = usize::from(second.is_multiple_of(4));
    let Observation::Attempt(end) = attempt(target, second, outcome) else {
        unreachable!("an attempt")
    };
    let streamed = !second.is_multiple_of(3);
    let prompt = 400.0 + (second % 50) as f64 * 20.0;
    AttemptEnd {
        streamed,
        first_token: streamed.then_some(0.2 + prompt / 4e3),
        ticket: AttemptStart {
            started: at(second),
            load: f64::from(u32::try_from(second % 7).unwrap()).ln_1p(),
            class: RequestClass::new(ModelType::Chat, streamed),
            prompt,
            ..AttemptStart::default()
        },
        ..end
    }
}

fn observe_live(state: &mut BalancerState, ends: &[AttemptEnd], until: u64) {
    for second in 0..=until {
        for end in ends.iter().filter(|end| end.started == at(second)) {
            if let Some(seconds) = end.first_token {
                let first = FirstToken {
                    target: end.target,
                    ticket: end.ticket,
                    seconds,
                    trial: false,
                    limits: end.limits,
                };
                let came = at(second).plus(Duration::from_secs_f64(seconds));
                state.observe(&Observation::FirstToken(first), came);
            }
        }
        for end in ends.iter().filter(|end| end.ended == at(second)) {
            state.observe(&Observation::Attempt(end.clone()), at(second));
        }
        state.tick(at(second));
    }
}

fn assert_same(live: &RoutingTable, warm: &RoutingTable) {
    for (left, right) in live.candidates.iter().zip(&warm.candidates) {
        let (a, b) = (left.estimate, right.estimate);
        for (name, a, b) in [
            ("first token", a.first_token, b.first_token),
            ("per token", a.per_token, b.per_token),
            ("failure", a.failure, b.failure),
            ("limited", a.limited, b.limited),
            ("samples", a.samples, b.samples),
        ] {
            assert!(
                (a - b).abs() <= 0.02 * a.abs() + 1e-9,
                "{name} of {}: {a} and {b}",
                left.id
            );
        }
        assert_eq!(left.standing, right.standing);
        assert_eq!(left.blocked_until.is_some(), right.blocked_until.is_some());
    }
    assert!((live.expected_output - warm.expected_output).abs() < 1.0);
}

#[test]
fn estimates_breakers_and_cooldowns_are_what_they_would_be_faded_by_the_time_since() {
    let mut ends: Vec<AttemptEnd> = (0..300)
        .step_by(2)
        .map(|second| end(second, Outcome::Success))
        .collect();
    // At the end one target fails, and the other asks for a pause.
    for second in 308..316 {
        let failed = end(second, BAD);
        ends.push(AttemptEnd {
            target: 1.into(),
            streamed: false,
            first_token: None,
            ..failed
        });
    }
    let pause = Failure::RateLimit(Some(Duration::from_secs(90)));
    ends.push(AttemptEnd {
        target: 0.into(),
        ..end(310, Outcome::Failed(pause))
    });
    let mut live = fleet();
    observe_live(&mut live, &ends, 314);

    let mut warm = fleet();
    warm.warm_start(&ends, at(314));

    assert_same(&live.routing_table(at(314)), &warm.routing_table(at(314)));
    let standing = warm.routing_table(at(314)).candidates[1].standing.clone();
    assert!(matches!(standing, RoutingState::Open(_)), "{standing:?}");
    // An hour later all is nearly forgotten, in both in the same way.
    live.tick(at(4_000));
    let mut late = fleet();
    late.warm_start(&ends, at(4_000));
    let table = late.routing_table(at(4_000));
    assert!(table.candidates[0].estimate.samples < 1.0);
    assert_eq!(
        table.candidates[0]
            .blocked_until
            .filter(|until| *until > at(4_000)),
        None
    );
}

#[test]
fn nothing_is_counted_or_told_twice() {
    let mut state = fleet();
    let ends: Vec<AttemptEnd> = (0..40).step_by(2).map(|second| end(second, BAD)).collect();
    state.warm_start(&ends, at(50));

    let picture = state.snapshot(900, at(50));
    assert_eq!((picture.totals.attempts, picture.events.len()), (0, 0));
    let unknown = AttemptEnd {
        target: 9.into(),
        ..end(60, BAD)
    };
    state.warm_start(&[unknown], at(70));
}

#[test]
fn classes_are_found_by_their_index() {
    for index in 0..RequestClass::COUNT {
        assert_eq!(
            RequestClass::from_index(index).map(RequestClass::index),
            Some(index)
        );
    }
    assert_eq!(RequestClass::from_index(RequestClass::COUNT), None);
}
