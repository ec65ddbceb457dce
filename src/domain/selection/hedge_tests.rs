//! Selection of second attempts beside late ones.

use super::tests::{NOW, ask, three};
use super::{CandidateSet, RequestProfile, SelectionReason, TargetSelection, select_target};
use crate::domain::{ModelType, RandomDraw, RequestClass, RoutingState, RoutingTable};

#[test]
fn a_hedge_goes_to_another_target_and_never_to_a_last_resort() {
    let mut table = three();
    let tried = [0.into()];
    let hedge = RequestProfile {
        tried: &tried,
        is_hedge: true,
        ..ask()
    };
    let selected = |table: &RoutingTable| {
        let mut field = CandidateSet::default();
        select_target(table, &hedge, NOW, RandomDraw::default(), &mut field)
    };

    let second = selected(&table).unwrap();
    assert_eq!(second.reason, SelectionReason::Hedge);
    assert_ne!(second.target.get(), 0);
    for candidate in &mut table.candidates[1..] {
        candidate.standing = RoutingState::Open(NOW);
    }
    assert!(selected(&table).is_err());
}

#[test]
fn a_stream_is_late_beyond_the_usual_times_of_its_target() {
    let mut table = three();
    let class = RequestClass::new(ModelType::Chat, true);
    let selection = |table: &RoutingTable| {
        let (profile, mut field) = (RequestProfile { class, ..ask() }, CandidateSet::default());
        select_target(table, &profile, NOW, RandomDraw::default(), &mut field).unwrap()
    };
    let first = selection(&table);
    assert_eq!(first.hedge_delay(&table), None, "nothing is known of it");

    table.candidates[first.target.get()].hedge_factor = Some(3.0);
    let delay = first.hedge_delay(&table).unwrap();
    assert_eq!(delay.as_secs_f64(), 3.0 * first.expected_first_token);
    let whole = TargetSelection {
        class: RequestClass::new(ModelType::Chat, false),
        ..first
    };
    assert_eq!(whole.hedge_delay(&table), None, "it is no stream");
    table.pinned = Some(0.into());
    assert_eq!(
        first.hedge_delay(&table),
        None,
        "an operator pinned a provider"
    );
}
