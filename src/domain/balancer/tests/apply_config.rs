//! Reloaded configurations: what they change and what they keep.

use super::{BAD, at, attempt, chosen, fleet};
use crate::domain::balancer::BalancerState;
use crate::domain::circuit_breaker::BreakerState;
use crate::domain::{
    Capabilities, Catalogue, Command, CommandError, CommandReply, ConfigUpdate, Effect,
    EndpointChange, Failure, GlobalLimits, ModelResolution, ModelTypes, Objective, Observation,
    Outcome, Provider, ProviderPatch, ProviderSetting, RateLimits, Route, RouteOrder, RoutingState,
    Target, TargetId, Weights, WeightsPatch, model_names, resolve,
};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use std::time::Duration;

/// Providers with one model each, all of the same name.
fn catalogue(names: &[&str]) -> Catalogue {
    let provider = |name: &&str| Provider::new(name, "word");
    let target = |(place, name): (usize, &&str)| Target {
        id: TargetId::new(name, "m"),
        provider: place.into(),
        types: ModelTypes::CHAT,
        capabilities: Capabilities::default(),
        price: None,
        max_concurrent: None,
    };
    Catalogue {
        providers: names.iter().map(provider).collect(),
        targets: names.iter().enumerate().map(target).collect(),
        ..Catalogue::default()
    }
}

/// The update of a configuration with these providers.
pub(super) fn next(fleet: &BalancerState, names: &[&str]) -> ConfigUpdate {
    let table = fleet.routing_table(at(0));
    ConfigUpdate {
        catalogue: fleet.catalogue().merged_with(catalogue(names)).catalogue,
        strategy: table.strategy,
        tuning: table.tuning,
        weights: Weights::default(),
        allowances: GlobalLimits::default(),
        global_settings: Vec::new(),
        objectives: Vec::new(),
        settings: Vec::new(),
        renewals: Vec::new(),
        changes: vec!["something else".to_owned()],
        who: "ops".to_owned(),
        reason: None,
    }
}

pub(super) fn apply_update(
    fleet: &mut BalancerState,
    next: ConfigUpdate,
    second: u64,
) -> Vec<Effect> {
    let command = Command::Reconfigure(Box::new(next));
    fleet.execute(command, at(second)).unwrap().1
}

fn shown(fleet: &BalancerState) -> Vec<String> {
    let providers = fleet.snapshot(900, at(60)).providers;
    providers.iter().map(|it| it.name.to_string()).collect()
}

#[test]
fn global_and_per_minute_limits_follow_the_configuration() {
    let mut fleet = fleet();
    let names = ["a", "b"];
    let mut next = next(&fleet, &names);
    next.allowances.max_in_flight = Some(7);
    next.catalogue.providers[0].rates = RateLimits {
        requests: Some(30),
        tokens: None,
    };

    apply_update(&mut fleet, next, 1);

    let table = fleet.routing_table(at(1));
    assert_eq!(table.max_in_flight, Some(7));
    assert_eq!(table.candidates[0].rates.requests, Some(30));
}

#[test]
fn a_removed_provider_is_neither_selected_nor_listed_and_returns_with_its_statistics() {
    let mut fleet = fleet();
    for second in 0..6 {
        fleet.observe(&attempt(0, second, Outcome::Success), at(second + 1));
    }
    let before = fleet.routing_table(at(6)).candidates[0].estimate;
    let removal = next(&fleet, &["b", "c"]);
    apply_update(&mut fleet, removal, 6);

    let table = fleet.routing_table(at(6));
    let places = table.catalogue.active_targets().map(|it| it.0.get());
    let places: Vec<usize> = places.collect();
    assert_eq!(places, [1, 2], "b kept its place, and c came at the end");
    assert_eq!(shown(&fleet), ["b", "c"]);
    assert_eq!(fleet.snapshot(900, at(7)).totals.attempts, 6);
    assert!(matches!(table.candidates[0].standing, RoutingState::Off(_)));
    for draw in 0..100 {
        assert_ne!(
            chosen(&table, at(7), f64::from(draw) / 100.0).target.get(),
            0
        );
    }
    assert!(!model_names(&table.catalogue).contains(&"a/m".to_owned()));
    let named = resolve(&table.catalogue, "m").unwrap();
    let both = ModelResolution::Targets {
        places: vec![1.into(), 2.into()],
        pinned: false,
        order: RouteOrder::Balanced,
    };
    assert_eq!(named, both);

    let back = next(&fleet, &["a", "b"]);
    apply_update(&mut fleet, back, 8);

    let table = fleet.routing_table(at(6));
    assert_eq!(table.catalogue.target("a", "m"), Some(0.into()));
    assert_eq!(table.candidates[0].estimate, before);
    assert_eq!(table.candidates[0].standing, RoutingState::Usable);
    assert_eq!(shown(&fleet), ["a", "b"]);
}

#[test]
fn an_attempt_at_a_removed_target_still_ends_and_counts() {
    let mut fleet = fleet();
    let table = fleet.routing_table(at(0));
    let choice = chosen(&table, at(0), 0.0);
    let lease = choice.acquire_lease(&table, at(0)).unwrap();
    let removal = next(&fleet, &[["b", "a"][choice.target.get()]]);
    apply_update(&mut fleet, removal, 1);
    let in_flight = |fleet: &BalancerState| {
        let table = fleet.routing_table(at(2));
        table.candidates[choice.target].load_counters.in_flight()
    };
    assert_eq!(in_flight(&fleet), 1);

    drop(lease);
    fleet.observe(&attempt(choice.target.get(), 0, Outcome::Success), at(2));

    assert_eq!(in_flight(&fleet), 0);
    assert_eq!(fleet.snapshot(900, at(2)).totals.attempts, 1);
}

#[test]
fn a_setting_that_the_configuration_does_not_change_stays_as_the_operator_left_it() {
    let mut fleet = fleet();
    let patch = ProviderPatch {
        draining: Some(true),
        priority: Some(90.0),
        pin: Some(Duration::from_mins(5)),
        ..ProviderPatch::default()
    };
    let change = Command::ChangeProvider {
        name: "a".to_owned(),
        patch,
        who: "ops".to_owned(),
    };
    fleet.execute(change, at(1)).unwrap();
    let other = next(&fleet, &["a", "b", "c"]);
    apply_update(&mut fleet, other, 2);

    let a = fleet.snapshot(900, at(3)).providers.swap_remove(0);
    assert_eq!((a.draining, a.priority), (true, 90));
    assert!(a.pinned_until.is_some());

    let mut own = next(&fleet, &["a", "b", "c"]);
    own.catalogue.providers[0].priority = 20;
    own.settings = vec![(0.into(), ProviderSetting::Priority)];
    apply_update(&mut fleet, own, 4);

    let a = fleet.snapshot(900, at(5)).providers.swap_remove(0);
    assert_eq!((a.draining, a.priority), (true, 20));
}

fn temporary_weights(cost: f64) -> Command {
    Command::SetWeights(WeightsPatch {
        cost: Some(cost),
        latency: Some(70.0 - cost),
        revert_after: Some(Duration::from_mins(1)),
        ..WeightsPatch::default()
    })
}

#[test]
fn pending_weights_stay_pending_unless_the_configuration_changes_weights() {
    let mut fleet = fleet();
    fleet.execute(temporary_weights(60.0), at(1)).unwrap();
    let other = next(&fleet, &["a", "b"]);
    apply_update(&mut fleet, other, 2);
    assert_eq!(fleet.routing_table(at(3)).weights.cost, 60.0);

    let mut own = next(&fleet, &["a", "b"]);
    own.weights = Weights {
        cost: 10.0,
        latency: 40.0,
        reliability: 50.0,
        load: 77.0,
        ..Weights::default()
    };
    own.objectives = vec![Objective::Cost];
    apply_update(&mut fleet, own, 4);
    fleet.tick(at(200));

    let weights = fleet.routing_table(at(200)).weights;
    assert_eq!(
        (weights.cost, weights.latency, weights.reliability),
        (10.0, 40.0, 50.0),
        "the three that share 100 points come together"
    );
    assert_eq!(weights.load, 10.0, "which was not changed");
}

#[test]
fn weights_that_would_not_sum_up_are_refused_and_nothing_changes() {
    let mut fleet = fleet();
    let mut wrong = next(&fleet, &["b"]);
    wrong.weights.cost = 99.0;
    wrong.objectives = vec![Objective::Cost];

    let refused = fleet.execute(Command::Reconfigure(Box::new(wrong)), at(1));

    assert!(matches!(refused, Err(CommandError::Weights(_))));
    assert_eq!(shown(&fleet), ["a", "b"]);
    assert_eq!(fleet.routing_table(at(1)).revision, 1);
}

#[test]
fn a_configuration_for_other_indices_is_refused() {
    let mut fleet = fleet();
    let stale = next(&fleet, &["a", "x"]);
    let newer = next(&fleet, &["a", "y"]);
    apply_update(&mut fleet, newer, 1);

    let refused = fleet.execute(Command::Reconfigure(Box::new(stale)), at(2));

    assert_eq!(refused.unwrap_err(), CommandError::ConfigOutdated);
}

#[test]
fn a_new_address_starts_with_fresh_statistics_and_ignores_the_old_one_s_attempts() {
    let mut fleet = fleet();
    for second in 0..4 {
        fleet.observe(&attempt(0, second, BAD), at(second));
    }
    assert!(matches!(
        fleet.breaker_state(0.into()),
        BreakerState::Open(_)
    ));
    let mut moved = next(&fleet, &["a", "b"]);
    moved.renewals = vec![(0.into(), EndpointChange::Address)];
    apply_update(&mut fleet, moved, 5);
    assert_eq!(fleet.breaker_state(0.into()), BreakerState::Closed);
    let fresh = fleet.routing_table(at(5)).candidates[0].estimate;
    assert!(!fresh.measured);

    // These attempts began before the change.
    for second in 1..5 {
        fleet.observe(&attempt(0, second, BAD), at(6));
    }

    assert_eq!(fleet.breaker_state(0.into()), BreakerState::Closed);
    let table = fleet.routing_table(at(5));
    assert_eq!(table.candidates[0].estimate, fresh);
    assert_eq!(table.candidates[1].standing, RoutingState::Usable);
    assert_eq!(
        fleet.snapshot(900, at(6)).providers[0].requests,
        8,
        "the history is kept"
    );
    for second in 6..10 {
        fleet.observe(&attempt(0, second, BAD), at(second));
    }
    assert!(matches!(
        fleet.breaker_state(0.into()),
        BreakerState::Open(_)
    ));
}

#[test]
fn a_new_key_ends_the_cooldown_and_keeps_the_statistics() {
    let mut fleet = fleet();
    for second in 0..4 {
        fleet.observe(&attempt(0, second, Outcome::Success), at(second));
    }
    let refused = Outcome::Failed(Failure::Auth);
    fleet.observe(&attempt(0, 4, refused), at(5));
    assert!(
        fleet.routing_table(at(5)).candidates[0]
            .blocked_until
            .is_some()
    );
    let mut rekeyed = next(&fleet, &["a", "b"]);
    rekeyed.renewals = vec![(0.into(), EndpointChange::Key)];
    apply_update(&mut fleet, rekeyed, 6);

    // An attempt with the old key.
    fleet.observe(&attempt(0, 5, refused), at(7));

    let candidate = &fleet.routing_table(at(7)).candidates[0];
    assert_eq!(candidate.blocked_until, None);
    assert!(candidate.estimate.measured);
}

#[test]
fn a_reload_is_one_revision_and_one_event_and_no_change_is_none() {
    let mut fleet = fleet();
    let mut many = next(&fleet, &["a", "b", "c"]);
    many.changes = (0..15).map(|at| format!("key{at} 1→2")).collect();
    many.reason = Some("why not".to_owned());
    let effects = apply_update(&mut fleet, many, 1);

    let [Effect::Emit(event)] = effects.as_slice() else {
        panic!("one event: {effects:?}");
    };
    assert!(
        event.text.starts_with("rev 1→2 ops: key0 1→2, "),
        "{}",
        event.text
    );
    assert!(
        event.text.ends_with("and 3 more \"why not\""),
        "{}",
        event.text
    );
    assert_eq!(fleet.revisions().count(), 1);

    let mut none = next(&fleet, &["a", "b", "c"]);
    none.changes.clear();
    let command = Command::Reconfigure(Box::new(none));
    let (answer, effects) = fleet.execute(command, at(2)).unwrap();

    assert_eq!(answer, CommandReply::Reconfigured(2));
    assert_eq!(effects, []);
}

#[test]
fn a_removed_model_stays_in_its_provider_s_history() {
    let mut fleet = fleet();
    fleet.observe(&attempt(0, 0, Outcome::Success), at(1));
    let mut other = catalogue(&["a", "b"]);
    other.targets[0].id = TargetId::new("a", "newer");
    let mut newer = next(&fleet, &["a", "b"]);
    newer.catalogue = fleet.catalogue().merged_with(other).catalogue;
    apply_update(&mut fleet, newer, 2);

    let a = fleet.snapshot(900, at(3)).providers.swap_remove(0);
    assert_eq!(a.requests, 1);
    let models: Vec<&str> = a.models.iter().map(|model| &*model.model).collect();
    assert_eq!(models, ["newer"]);
}

#[test]
fn observations_of_unknown_targets_are_ignored() {
    let mut fleet = fleet();

    let effects = fleet.observe(&attempt(7, 0, Outcome::Success), at(1));

    assert_eq!(effects, []);
    assert_eq!(fleet.snapshot(900, at(2)).totals.attempts, 0);
    assert!(!matches!(attempt(0, 0, BAD), Observation::Probe(_)));
}

proptest! {
    #[test]
    fn an_index_always_belongs_to_one_name(
        configurations in prop::collection::vec(
            prop::collection::btree_set(0_u8..8, 0..8), 1..12
        )
    ) {
        let mut catalogue = Catalogue::default();
        for names in configurations {
            let names: Vec<String> = names.iter().rev().map(|name| format!("p{name}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut wished = self::catalogue(&names);
            wished.routes = names.first().map(|name| Route {
                model: (*name).into(),
                targets: vec![0.into()],
                order: RouteOrder::Balanced,
            }).into_iter().collect();
            let next = catalogue.merged_with(wished);

            prop_assert!(next.catalogue.continues(&catalogue));
            let active = next.catalogue.active_providers().count();
            prop_assert_eq!(active, names.len());
            for (at, name) in names.iter().enumerate() {
                prop_assert_eq!(next.catalogue.provider(name), Some(next.providers[at]));
                prop_assert_eq!(next.catalogue.target(name, "m"), Some(next.targets[at]));
                let target = &next.catalogue.targets[next.targets[at]];
                prop_assert_eq!(target.provider, next.providers[at]);
            }
            for route in &next.catalogue.routes {
                let target = &next.catalogue.targets[route.targets[0]];
                prop_assert_eq!(&target.id.provider, &route.model);
            }
            catalogue = next.catalogue;
        }
        prop_assert!(catalogue.providers.len() <= 8);
    }
}
