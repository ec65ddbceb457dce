//! Providers with several keys.

use super::apply_config::next;
use super::*;
use crate::domain::{Command, EndpointChange, KeyIdx, ProviderKey, ProviderKeys, UpstreamLimit};

fn keys(count: usize, shares_quota: bool) -> ProviderKeys {
    let key = |at: usize| ProviderKey {
        name: format!("env:KEY_{at}").into(),
        weight: if at == 0 { 2.0 } else { 1.0 },
    };
    ProviderKeys {
        keys: (0..count).map(key).collect(),
        shares_quota,
    }
}

/// `a` with two models and these keys.
fn pool(keys: ProviderKeys) -> BalancerState {
    let mut first = Provider::new("a", "openai-compatible");
    first.keys = keys;
    let price = Some(Price::flat(1.0, 2.0));
    let catalogue = Catalogue {
        providers: vec![first],
        targets: vec![target(0, "a", "m", price), target(0, "a", "n", price)],
        ..Catalogue::default()
    };
    BalancerState::new(catalogue, Strategy::Adaptive, Weights::default(), 1, at(0))
}

fn with_key(target: usize, key: u16, second: u64, outcome: Outcome) -> AttemptEnd {
    let Observation::Attempt(end) = attempt(target, second, outcome) else {
        unreachable!()
    };
    AttemptEnd {
        ticket: AttemptStart {
            key: Some(KeyIdx::new(key)),
            started: at(second),
            ..AttemptStart::default()
        },
        ..end
    }
}

fn fail(fleet: &mut BalancerState, key: u16, second: u64, failure: Failure) -> Vec<Effect> {
    let end = with_key(0, key, second, Outcome::Failed(failure));
    fleet.observe(&Observation::Attempt(end), at(second))
}

/// The key that the next request for the first model uses.
fn key_for(fleet: &BalancerState, second: u64) -> Result<usize, String> {
    let table = fleet.routing_table(at(second));
    let only = [0.into()];
    let ask = RequestProfile {
        scope: crate::domain::TargetScope::Only(&only),
        ..RequestProfile::usual(ModelType::Chat)
    };
    let (draw, mut rows) = (RandomDraw::default(), CandidateSet::default());
    match select_target(&table, &ask, at(second), draw, &mut rows) {
        Ok(selection) => {
            selection
                .acquire_lease(&table, at(second))
                .expect("a lease");
            Ok(selection.key.expect("a key").get())
        }
        Err(none) => Err(none.rejected[0].1.text(at(second))),
    }
}

#[test]
fn keys_get_attempts_in_proportion_to_their_weights() {
    let fleet = pool(keys(3, false));
    let mut counts = [0_u32; 3];
    for _ in 0..400 {
        counts[key_for(&fleet, 1).unwrap()] += 1;
    }
    assert!(counts[0].abs_diff(200) < 5, "{counts:?}");
    assert!(counts[1].abs_diff(100) < 5, "{counts:?}");
}

#[test]
fn a_refusal_is_of_one_key_at_all_models_and_a_429_at_one_model() {
    let mut fleet = pool(keys(2, false));
    let effects = fail(&mut fleet, 0, 1, Failure::Auth);
    let Effect::Emit(event) = &effects[0] else {
        panic!("an event: {effects:?}");
    };
    let text = &event.text;
    assert!(
        text.starts_with("key env:KEY_0: auth, no requests for 3"),
        "{text}"
    );
    for _ in 0..20 {
        assert_eq!(key_for(&fleet, 2), Ok(1));
    }
    let shown = &fleet.snapshot(900, at(2)).providers[0].keys;
    assert_eq!(shown[0].blocked.unwrap().1, Failure::Auth);
    assert_eq!(shown[1].blocked, None);
    let table = fleet.routing_table(at(2));
    assert!(table.candidates[1].keys.keys[0].blocked.is_some());

    let delay = Some(Duration::from_secs(5));
    fail(&mut fleet, 1, 3, Failure::RateLimit(delay));
    let table = fleet.routing_table(at(3));
    assert!(table.candidates[1].keys.keys[1].blocked.is_none());
    assert_eq!(
        table.candidates[0].blocked_until, None,
        "the target itself waits for nothing"
    );
    let why = key_for(&fleet, 4).unwrap_err();
    assert_eq!(why, "asked to wait 5 s more", "the key that recovers first");
    assert_eq!(key_for(&fleet, 10), Ok(1));
    assert_eq!(
        fleet.snapshot(900, at(4)).providers[0].keys[1].blocked,
        None,
        "the other model may still use it"
    );
}

#[test]
fn a_429_of_a_shared_quota_is_of_all_keys_and_a_refusal_of_one() {
    let mut fleet = pool(keys(2, true));
    fail(
        &mut fleet,
        0,
        1,
        Failure::RateLimit(Some(Duration::from_secs(20))),
    );
    assert!(key_for(&fleet, 2).is_err());
    assert!(
        fleet.routing_table(at(2)).candidates[0]
            .blocked_until
            .is_some()
    );

    fail(&mut fleet, 0, 30, Failure::Quota);
    assert_eq!(key_for(&fleet, 31), Ok(1));
}

#[test]
fn a_full_target_waits_for_the_quota_of_its_first_free_key() {
    let mut fleet = pool(keys(2, false));
    for (key, remaining) in [(0, 0.0), (1, 1.0)] {
        let mut end = with_key(0, key, 1, Outcome::Success);
        end.limits.requests = Some(UpstreamLimit {
            limit: 60.0,
            remaining,
            reset: Some(60.0),
        });
        fleet.observe(&Observation::Attempt(end), at(1));
    }
    assert_eq!(key_for(&fleet, 1), Ok(1), "one is left to the second key");
    let table = fleet.routing_table(at(1));
    let ask = RequestProfile::usual(ModelType::Chat);
    let waits = crate::domain::soonest_recovery(
        &table,
        &RequestProfile {
            scope: crate::domain::TargetScope::Only(&[crate::domain::TargetIdx::from(0)]),
            ..ask
        },
        at(1),
    );
    assert!(
        waits.is_some_and(|wait| wait <= Duration::from_secs(2)),
        "{waits:?}"
    );
    let shown = &fleet.snapshot(900, at(1)).providers[0].keys;
    assert_eq!(shown[0].left[0], Some(0.0));
}

#[test]
fn a_reload_with_other_keys_starts_them_anew() {
    let mut fleet = pool(keys(2, false));
    fail(&mut fleet, 1, 1, Failure::Auth);
    let mut catalogue = Catalogue::clone(fleet.catalogue());
    catalogue.providers[0].keys = keys(3, false);
    let mut update = next(&fleet, &["a"]);
    update.catalogue = fleet.catalogue().merged_with(catalogue).catalogue;
    update.renewals = vec![(0.into(), EndpointChange::Key)];
    let command = Command::Reconfigure(Box::new(update));
    fleet.execute(command, at(2)).unwrap();

    let keys = &fleet.routing_table(at(2)).candidates[0].keys.keys;
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| key.blocked.is_none()));
    // An attempt with an old key that no longer exists.
    let late = with_key(0, 9, 1, Outcome::Failed(Failure::Auth));
    fleet.observe(&Observation::Attempt(late), at(3));
}

#[test]
fn a_forecast_has_the_keys_with_their_quotas_and_refusals() {
    let mut fleet = pool(keys(2, false));
    for key in [0, 1] {
        let mut end = with_key(0, key, 1, Outcome::Success);
        end.limits.requests = Some(UpstreamLimit {
            limit: 60.0,
            remaining: 10.0,
            reset: Some(50.0),
        });
        fleet.observe(&Observation::Attempt(end), at(1));
    }
    fail(&mut fleet, 1, 1, Failure::Auth);
    let fork = fleet.fork(at(1));

    let known = &fork.known_targets(at(3))[0];
    assert_eq!(known.denials, [None, Some(Failure::Auth)]);
    let left = known.quotas.iter().map(|quota| quota.terms()[0].unwrap());
    let left: Vec<(f64, f64)> = left.map(|terms| (terms.refill, terms.level)).collect();
    assert_eq!(left, [(1.0, 12.0), (1.0, 12.0)]);
    assert_eq!(key_for(&fork, 2), Ok(0));
    let sent = |fleet: &BalancerState| {
        let table = fleet.routing_table(at(2));
        table.candidates[0].keys.keys[0].sent.totals().requests
    };
    assert_eq!((sent(&fork), sent(&fleet)), (1, 0));
}

#[test]
fn after_a_restart_a_refused_key_is_left_out_and_no_target_with_it() {
    let refused = |key: Option<KeyIdx>| {
        let mut end = with_key(0, 0, 1, Outcome::Failed(Failure::Auth));
        end.ticket.key = key;
        let mut fleet = pool(keys(2, false));
        fleet.warm_start(&[end], at(2));
        let used: Vec<_> = (0..20).map(|_| key_for(&fleet, 3)).collect();
        used
    };
    let known = refused(Some(KeyIdx::new(0)));
    assert!(known.iter().all(|key| *key == Ok(1)), "{known:?}");
    let unknown = refused(None);
    assert!(
        unknown.contains(&Ok(0)) && unknown.contains(&Ok(1)),
        "{unknown:?}"
    );
}
