//! Temporary changes revert together, and no other setting does.

use super::apply_config::{apply_update, next};
use super::{BalancerState, at, fleet};
use crate::domain::{
    Command, CommandError, CommandReply, Effect, ProviderPatch, ProviderSetting, WeightOverride,
    Weights, WeightsPatch,
};
use std::time::Duration;

const REVERT_AFTER: Option<Duration> = Some(Duration::from_mins(2));

fn change(
    fleet: &mut BalancerState,
    patch: ProviderPatch,
    second: u64,
) -> (CommandReply, Vec<Effect>) {
    let command = Command::ChangeProvider {
        name: "a".to_owned(),
        patch,
        who: "bob".to_owned(),
    };
    fleet.execute(command, at(second)).unwrap()
}

fn priority(points: f64, revert_after: Option<Duration>) -> ProviderPatch {
    ProviderPatch {
        priority: Some(points),
        revert_after,
        ..ProviderPatch::default()
    }
}

fn weights(cost: f64, revert_after: Option<Duration>) -> Command {
    Command::SetWeights(WeightsPatch {
        cost: Some(cost),
        latency: Some(70.0 - cost),
        revert_after,
        who: "bob".to_owned(),
        ..WeightsPatch::default()
    })
}

fn keep(fleet: &mut BalancerState, second: u64) -> Vec<Effect> {
    let who = "bob".to_owned();
    let kept = fleet.execute(Command::ConfirmWeights { who }, at(second));
    saved(kept.unwrap().1)
}

/// The effects that persist settings.
fn saved(effects: Vec<Effect>) -> Vec<Effect> {
    let is_saved = |effect: &Effect| !matches!(effect, Effect::Emit(_));
    effects.into_iter().filter(is_saved).collect()
}

fn own() -> WeightOverride {
    WeightOverride {
        cost: Some(80.0),
        ..WeightOverride::default()
    }
}

/// Priority and draining of the provider.
fn settings(fleet: &mut BalancerState, second: u64) -> (u8, bool) {
    let provider = fleet.snapshot(900, at(second)).providers.swap_remove(0);
    (provider.priority, provider.draining)
}

#[test]
fn temporary_settings_of_a_provider_revert_with_the_weights() {
    let mut fleet = fleet();
    let (before, _) = settings(&mut fleet, 0);
    fleet.execute(weights(60.0, REVERT_AFTER), at(0)).unwrap();
    let patch = ProviderPatch {
        weights: Some(own()),
        ..priority(80.0, REVERT_AFTER)
    };
    let (answer, effects) = change(&mut fleet, patch, 1);
    assert_eq!(saved(effects), [], "a temporary change is not persisted");
    let until = Some(at(121));
    assert!(matches!(answer, CommandReply::Provider { reverts_at, .. } if reverts_at == until));
    assert_eq!(fleet.snapshot(900, at(2)).reverts_at, until);

    fleet.tick(at(120));
    assert_eq!(settings(&mut fleet, 120), (80, false));
    assert_eq!(saved(fleet.tick(at(121))), []);
    assert_eq!(settings(&mut fleet, 121), (before, false));
    assert_eq!(fleet.routing_table(at(121)).weights, Weights::default());
    let provider = fleet.snapshot(900, at(121)).providers.swap_remove(0);
    assert!(provider.weights.is_empty());
    let last = fleet.revisions().next().unwrap();
    assert_eq!(
        last.what,
        format!("cost 60→30, latency 10→40; a: priority 80→{before}, own weights")
    );
    assert_eq!(fleet.snapshot(900, at(122)).reverts_at, None);
}

#[test]
fn a_confirmed_change_is_persisted_and_stays() {
    let mut fleet = fleet();
    change(&mut fleet, priority(80.0, REVERT_AFTER), 0);
    assert_eq!(keep(&mut fleet, 1), [Effect::PersistProvider(0.into())]);
    fleet.tick(at(500));
    assert_eq!(settings(&mut fleet, 500).0, 80);

    fleet.execute(weights(60.0, REVERT_AFTER), at(501)).unwrap();
    change(&mut fleet, priority(10.0, REVERT_AFTER), 501);
    let both = keep(&mut fleet, 502);
    assert!(matches!(
        both.as_slice(),
        [Effect::PersistWeights(_), Effect::PersistProvider(at)] if at.get() == 0
    ));
    let who = "bob".to_owned();
    assert_eq!(
        fleet.execute(Command::ConfirmWeights { who }, at(503)),
        Err(CommandError::NothingToConfirm)
    );
}

#[test]
fn a_permanent_change_meanwhile_does_not_revert_and_is_persisted_after_the_revert() {
    let mut fleet = fleet();
    let (before, _) = settings(&mut fleet, 0);
    change(&mut fleet, priority(80.0, REVERT_AFTER), 0);
    let drain = ProviderPatch {
        draining: Some(true),
        ..ProviderPatch::default()
    };
    // The pending priority must not reach the file.
    assert_eq!(saved(change(&mut fleet, drain, 1).1), []);
    let ended = saved(fleet.tick(at(120)));
    assert_eq!(ended, [Effect::PersistProvider(0.into())]);
    assert_eq!(settings(&mut fleet, 120), (before, true));
}

#[test]
fn a_permanent_change_cancels_the_pending_revert_of_a_setting() {
    for points in [80.0, 20.0] {
        let mut fleet = fleet();
        change(&mut fleet, priority(80.0, REVERT_AFTER), 0);
        let (_, effects) = change(&mut fleet, priority(points, None), 1);
        assert_eq!(
            saved(effects),
            [Effect::PersistProvider(0.into())],
            "{points}"
        );
        assert_eq!(fleet.snapshot(900, at(2)).reverts_at, None);
        fleet.tick(at(500));
        assert_eq!(f64::from(settings(&mut fleet, 500).0), points);
    }
    let mut fleet = fleet();
    fleet.execute(weights(60.0, REVERT_AFTER), at(0)).unwrap();
    change(&mut fleet, priority(80.0, REVERT_AFTER), 0);
    fleet.execute(weights(50.0, None), at(1)).unwrap();
    fleet.tick(at(500));
    assert_eq!(fleet.routing_table(at(500)).weights.cost, 50.0);
    assert_ne!(settings(&mut fleet, 500).0, 80, "it was still on trial");
}

#[test]
fn a_change_of_a_provider_on_a_stale_revision_is_refused() {
    let mut fleet = fleet();
    let on = |revision| ProviderPatch {
        drafted_on: Some(revision),
        ..priority(80.0, None)
    };
    let (answer, _) = change(&mut fleet, on(1), 0);
    assert!(matches!(answer, CommandReply::Provider { revision: 2, .. }));
    let command = Command::ChangeProvider {
        name: "a".to_owned(),
        patch: on(1),
        who: "carol".to_owned(),
    };
    let refused = fleet.execute(command, at(1)).unwrap_err().to_string();
    assert!(refused.contains("bob changed a: priority"), "{refused}");
}

#[test]
fn a_pending_setting_stays_pending_unless_the_configuration_changes_it() {
    let mut fleet = fleet();
    let patch = ProviderPatch {
        weights: Some(own()),
        ..priority(80.0, REVERT_AFTER)
    };
    change(&mut fleet, patch, 0);
    let mut spoken = next(&fleet, &["a", "b"]);
    spoken.catalogue.providers[0].priority = 33;
    spoken.settings = vec![(0.into(), ProviderSetting::Priority)];
    apply_update(&mut fleet, spoken, 1);
    assert_eq!(fleet.snapshot(900, at(2)).reverts_at, Some(at(120)));
    fleet.tick(at(120));
    let provider = fleet.snapshot(900, at(120)).providers.swap_remove(0);
    assert_eq!(provider.priority, 33);
    assert!(provider.weights.is_empty());
}

#[test]
fn removing_a_provider_cancels_its_pending_reverts() {
    let mut fleet = fleet();
    change(&mut fleet, priority(80.0, REVERT_AFTER), 0);
    let removed = next(&fleet, &["b"]);
    apply_update(&mut fleet, removed, 1);
    assert_eq!(fleet.snapshot(900, at(2)).reverts_at, None);
    let back = next(&fleet, &["a", "b"]);
    apply_update(&mut fleet, back, 3);
    let (before, _) = settings(&mut fleet, 4);
    fleet.tick(at(500));
    assert_eq!(settings(&mut fleet, 500).0, before);
}
