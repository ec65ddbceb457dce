//! Strategy, budgets and breakers that an operator changes.

use super::apply_config::{apply_update, next};
use super::{BalancerState, at, attempt, fleet};
use crate::domain::{
    BreakerSettings, Command, CommandError, CommandReply, Effect, Failure, GlobalSetting,
    GlobalSettings, Money, NewBudget, Outcome, OverBudgetPolicy, Role, RoutingState, SettingsPatch,
    Strategy, TokenDefinition,
};
use std::time::Duration;

fn change(fleet: &mut BalancerState, patch: SettingsPatch, second: u64) -> Vec<Effect> {
    let command = Command::ChangeSettings(patch);
    fleet.execute(command, at(second)).unwrap().1
}

fn persisted(effects: &[Effect]) -> Option<GlobalSettings> {
    effects.iter().find_map(|effect| match effect {
        Effect::PersistSettings(settings) => Some(*settings),
        _ => None,
    })
}

fn strategy(strategy: Strategy) -> SettingsPatch {
    SettingsPatch {
        strategy: Some(strategy),
        who: "alice".to_owned(),
        ..SettingsPatch::default()
    }
}

fn on_trial(patch: SettingsPatch) -> SettingsPatch {
    SettingsPatch {
        revert_after: Some(Duration::from_mins(2)),
        ..patch
    }
}

#[test]
fn a_change_holds_from_the_next_request_and_is_persisted() {
    let mut fleet = fleet();
    let patch = SettingsPatch {
        strategy: Some(Strategy::LowestCost),
        per_day: Some(NewBudget(Some(Money::from_usd(5.0)))),
        on_limit: Some(OverBudgetPolicy::Cheapest),
        breaker_max_open_s: Some(60),
        who: "alice".to_owned(),
        ..SettingsPatch::default()
    };
    let effects = change(&mut fleet, patch, 1);

    let settings = persisted(&effects).unwrap();
    assert_eq!(settings, fleet.global_settings());
    let table = fleet.routing_table(at(1));
    assert_eq!(table.strategy, Strategy::LowestCost);
    assert_eq!(table.budgets.shared(), settings.budget);
    assert_eq!(settings.budget.per_day, Some(Money::from_usd(5.0)));
    let revision = fleet.revisions().last().unwrap();
    assert_eq!(
        (revision.number, &*revision.what),
        (
            2,
            "strategy adaptive→lowest-cost, budget per day none→$5.00, over budget refuse→cheapest, \
             breaker open at most 30 s→60 s"
        )
    );
    let none = SettingsPatch {
        per_day: Some(NewBudget(None)),
        ..SettingsPatch::default()
    };
    change(&mut fleet, none, 2);
    assert_eq!(fleet.global_settings().budget.per_day, None);
}

#[test]
fn tokens_of_the_store_keep_a_budget_that_changed_at_run_time() {
    let mut fleet = fleet();
    let budget = SettingsPatch {
        per_day: Some(NewBudget(Some(Money::from_usd(5.0)))),
        on_limit: Some(OverBudgetPolicy::Cheapest),
        ..SettingsPatch::default()
    };
    change(&mut fleet, budget, 1);
    let before = fleet.global_settings();
    let token = TokenDefinition::new("app", Role::Client).terms;
    let command = Command::SetStoredTokens(vec![token]);
    fleet.execute(command, at(2)).unwrap();

    assert_eq!(fleet.global_settings(), before);
    let budgets = &fleet.routing_table(at(2)).budgets;
    assert_eq!(budgets.shared(), before.budget);
    assert_eq!(budgets.snapshot(at(2)).callers().count(), 1);
}

#[test]
fn wrong_values_and_stale_drafts_change_nothing() {
    let mut fleet = fleet();
    let before = fleet.global_settings();
    let patch = |failures, drafted_on| SettingsPatch {
        strategy: Some(Strategy::Best),
        breaker_failures: Some(failures),
        drafted_on: Some(drafted_on),
        ..SettingsPatch::default()
    };
    for (failures, drafted_on) in [(0, 1), (21, 1), (4, 7)] {
        let command = Command::ChangeSettings(patch(failures, drafted_on));
        let error = fleet.execute(command, at(1)).unwrap_err();
        let is_right = match drafted_on {
            7 => matches!(error, CommandError::Stale { .. }),
            _ => matches!(error, CommandError::Field { .. }),
        };
        assert!(is_right, "{error}");
    }
    assert_eq!(fleet.global_settings(), before);
}

#[test]
fn a_trial_reverts_unless_it_is_kept_and_a_permanent_change_stays() {
    let mut fleet = fleet();
    let effects = change(&mut fleet, on_trial(strategy(Strategy::RoundRobin)), 1);
    assert_eq!(persisted(&effects), None);
    // A permanent change of another setting meanwhile.
    let budget = SettingsPatch {
        per_month: Some(NewBudget(Some(Money::from_usd(9.0)))),
        ..SettingsPatch::default()
    };
    let effects = change(&mut fleet, budget, 2);
    let file = persisted(&effects).unwrap();
    assert_eq!(file.strategy, Strategy::Adaptive, "the trial is not saved");
    assert_eq!(file.budget.per_month, Some(Money::from_usd(9.0)));

    fleet.tick(at(130));
    assert_eq!(fleet.global_settings(), file);

    change(&mut fleet, on_trial(strategy(Strategy::RoundRobin)), 140);
    let who = "bob".to_owned();
    let command = Command::ConfirmWeights { who };
    let (_, effects) = fleet.execute(command, at(150)).unwrap();
    assert_eq!(persisted(&effects).unwrap().strategy, Strategy::RoundRobin);
    fleet.tick(at(300));
    assert_eq!(fleet.global_settings().strategy, Strategy::RoundRobin);
}

#[test]
fn a_permanent_change_of_the_same_setting_ends_its_trial() {
    let mut fleet = fleet();
    change(&mut fleet, on_trial(strategy(Strategy::RoundRobin)), 1);
    change(&mut fleet, strategy(Strategy::Best), 2);
    let CommandReply::Settings { reverts_at, .. } = fleet.settings() else {
        panic!("{:?}", fleet.settings())
    };
    assert_eq!(reverts_at, None);
    fleet.tick(at(300));
    assert_eq!(fleet.global_settings().strategy, Strategy::Best);
}

#[test]
fn a_reload_changes_only_what_the_file_changed() {
    let mut fleet = fleet();
    change(&mut fleet, on_trial(strategy(Strategy::RoundRobin)), 1);
    let mut other = next(&fleet, &["a", "b"]);
    other.strategy = Strategy::Adaptive;
    other.allowances.breaker.failures = 9;
    apply_update(&mut fleet, other.clone(), 2);
    assert_eq!(fleet.global_settings().strategy, Strategy::RoundRobin);
    assert_eq!(fleet.global_settings().breaker.failures, 4);

    other.global_settings = vec![GlobalSetting::Strategy, GlobalSetting::BreakerFailures];
    other.strategy = Strategy::LeastBusy;
    apply_update(&mut fleet, other, 3);
    assert_eq!(fleet.global_settings().breaker.failures, 9);
    fleet.tick(at(300));
    assert_eq!(
        fleet.global_settings().strategy,
        Strategy::LeastBusy,
        "the trial ended with the file's own change"
    );
}

#[test]
fn a_trial_outlives_a_restart() {
    let mut before = fleet();
    change(&mut before, on_trial(strategy(Strategy::RoundRobin)), 1);
    let held = before.held_changes();

    let mut after = fleet();
    after.restore_changes(Vec::new(), Some(&held), at(20));
    assert_eq!(after.global_settings().strategy, Strategy::RoundRobin);
    after.tick(at(130));
    assert_eq!(after.global_settings().strategy, Strategy::Adaptive);
}

#[test]
fn failures_and_longest_open_time_are_those_of_the_settings() {
    // Failures in a row until the breaker opens.
    let until_open = |breaker: BreakerSettings| {
        let mut fleet = fleet();
        let patch = SettingsPatch {
            breaker_failures: Some(breaker.failures.into()),
            breaker_max_open_s: Some(breaker.max_open_s.into()),
            ..SettingsPatch::default()
        };
        change(&mut fleet, patch, 0);
        (1..=30).find(|_| {
            fleet.observe(&attempt(0, 1, Outcome::Failed(Failure::Server)), at(2));
            let candidate = &fleet.routing_table(at(2)).candidates[0];
            matches!(candidate.standing, RoutingState::Open(_))
        })
    };
    let settings = |failures| BreakerSettings {
        failures,
        max_open_s: 30,
    };
    assert_eq!(until_open(settings(1)), Some(1));
    assert_eq!(until_open(settings(4)), Some(4));
    assert!(until_open(settings(8)).is_some_and(|count| count >= 8));
}
