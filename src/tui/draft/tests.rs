use super::provider::*;
use super::*;
use crate::contract::WeightOverride;
use crate::tui::fixture;
use proptest::prelude::*;

fn founding() -> Draft {
    let weights = WeightPoints {
        cost: 30.0,
        latency: 40.0,
        reliability: 30.0,
        load: 10.0,
        priority: 10.0,
    };
    Draft::new(&weights, 7)
}

#[test]
fn the_other_objectives_change_in_proportion() {
    let mut draft = founding();
    draft.nudge(30, CurrentSettings::default());
    assert_eq!(draft.points(), [60, 23, 17, 10, 10]);
    draft.nudge(100, CurrentSettings::default());
    assert_eq!(draft.points(), [100, 0, 0, 10, 10]);
    draft.nudge(-20, CurrentSettings::default());
    assert_eq!(draft.points(), [80, 10, 10, 10, 10]);
}

#[test]
fn digits_type_a_value() {
    let mut draft = founding();
    for digit in "100".chars() {
        draft.digit(digit, CurrentSettings::default());
    }
    assert_eq!(draft.points()[0], 100);
    draft.digit('7', CurrentSettings::default());
    assert_eq!(draft.points()[0], 7);
}

#[test]
fn a_change_has_its_revision_and_only_changed_values() {
    let mut draft = founding();
    draft.select(3, &[]);
    draft.nudge(5, CurrentSettings::default());
    let change = draft.change();
    assert_eq!(
        (change.cost, change.load, change.revision),
        (None, Some(15.0), Some(7))
    );
}

#[test]
fn a_priority_is_drafted_per_provider_and_undone() {
    let mut draft = founding();
    let fifty = CurrentSettings {
        priority: 50,
        own: None,
    };
    let providers = [("a".to_owned(), fifty), ("b".to_owned(), fifty)];
    draft.select(5, &providers);
    draft.nudge(10, fifty);
    assert_eq!(draft.row, DraftRow::Provider("a".to_owned()));
    let moved: Vec<_> = draft
        .moved()
        .map(|(name, provider)| (name, provider.priority))
        .collect();
    assert_eq!(moved, [("a", 60)]);
    assert_eq!(draft.changes(), [change("a", Some(60.0), None).on(7)]);
    assert_eq!(draft.settings_back(), [change("a", Some(50.0), None)]);
    draft.nudge(-10, fifty);
    assert!(!draft.is_changed());
    draft.select(9, &providers);
    assert_eq!(draft.row, DraftRow::Provider("b".to_owned()));
}

#[test]
fn a_change_by_others_does_not_change_a_draft() {
    let mut draft = founding();
    draft.nudge(10, CurrentSettings::default());
    let points = draft.points();
    let other = WeightPoints {
        cost: 10.0,
        latency: 80.0,
        reliability: 10.0,
        load: 10.0,
        priority: 10.0,
    };
    draft.rebase(&other, 8);
    assert_eq!(
        (draft.points(), draft.from()[1], draft.revision),
        (points, 80, 8)
    );
}

#[test]
fn unchanged_values_follow_the_settings_in_effect() {
    let fifty = CurrentSettings {
        priority: 50,
        own: None,
    };
    let mut draft = founding();
    draft.nudge(10, CurrentSettings::default());
    draft.row = DraftRow::Provider("a".to_owned());
    draft.nudge(10, fifty);
    let others = WeightPoints {
        load: 25.0,
        ..founding().weights()
    };
    let mut status = fixture::status(1, 0);
    status.weights = others;
    let own = ProviderWeights {
        set: WeightOverride::default(),
        points: [20, 20, 60],
    };
    let theirs = CurrentSettings {
        priority: 70,
        own: Some(own),
    };
    assert!(!draft.is_on(&status, |_| Some(theirs)));
    draft.rebase(&others, 8);
    draft.renew(|_| Some(theirs));
    assert!(draft.is_on(&status, |_| Some(theirs)));
    // The load and the own weights set by others are not part of the draft.
    assert_eq!(
        (draft.change().load, draft.change().cost),
        (None, Some(40.0))
    );
    assert_eq!(
        draft.changes()[1..],
        [change("a", Some(60.0), None).on(8)],
        "60 is still drafted, and no own weights are removed"
    );
    draft.row = DraftRow::Provider("a".to_owned());
    draft.nudge(10, theirs);
    draft.forget_unmoved();
    assert_eq!(draft.provider_drafts().len(), 0, "70 is in effect");
}

#[test]
fn own_weights_are_drafted_undone_and_reset() {
    let mut draft = founding();
    let set = WeightOverride {
        cost: Some(80.0),
        ..WeightOverride::default()
    };
    let own = ProviderWeights {
        set,
        points: [53, 27, 20],
    };
    let has_own = CurrentSettings {
        priority: 50,
        own: Some(own),
    };
    let none = CurrentSettings {
        priority: 50,
        own: None,
    };
    let providers = [("a".to_owned(), none), ("b".to_owned(), has_own)];
    // a, b and its three own rows below the objectives.
    assert_eq!(draft.rows(&providers).len(), 5 + 1 + 4);
    assert!(!draft.toggle_own(none), "an objective is no provider's");

    draft.row = DraftRow::Provider("a".to_owned());
    assert!(draft.toggle_own(none));
    assert_eq!(draft.row, DraftRow::Own("a".to_owned(), 0));
    draft.nudge(30, none);
    assert_eq!(draft.own("a", &none), Some([60, 23, 17]));
    draft.row = DraftRow::Own("b".to_owned(), 1);
    draft.toggle_own(has_own);
    assert_eq!(
        (draft.own("b", &has_own), &draft.row),
        (None, &DraftRow::Provider("b".to_owned()))
    );
    assert_eq!(
        draft.changes(),
        [
            change("a", None, Some(overriding([60, 23, 17]))).on(7),
            change("b", None, Some(WeightOverride::default())).on(7),
        ]
    );
    // The inverse restores the values as set, not as effective.
    assert_eq!(
        draft.settings_back(),
        [
            change("a", None, Some(WeightOverride::default())),
            change("b", None, Some(set)),
        ]
    );
    draft.reset();
    assert!(!draft.is_changed());
}

proptest! {
    #[test]
    fn the_objectives_always_share_100_points(
        steps in prop::collection::vec((0_usize..3, -120_i16..120), 0..40),
    ) {
        let mut draft = founding();
        for (row, step) in steps {
            draft.row = DraftRow::Objective(row);
            draft.nudge(step, CurrentSettings::default());
            let sum: u16 = draft.points()[..3].iter().map(|&points| u16::from(points)).sum();
            prop_assert_eq!(sum, 100);
        }
    }
}

#[test]
fn settings_are_drafted_beside_the_weights() {
    let status = fixture::status(1, 0);
    let mut draft = Draft::of(&status);
    let row = |draft: &mut Draft, setting, keys: &[i16]| {
        draft.row = DraftRow::Setting(setting);
        for step in keys {
            draft.nudge(*step, CurrentSettings::default());
        }
    };
    row(&mut draft, Setting::Strategy, &[1]);
    row(&mut draft, Setting::UsdPerDay, &[10, -1]);
    row(&mut draft, Setting::OverBudget, &[-1]);
    row(&mut draft, Setting::BreakerFailures, &[-10]);
    draft.row = DraftRow::Setting(Setting::UsdPerMonth);
    for digit in "1200".chars() {
        draft.digit(digit, CurrentSettings::default());
    }

    let Some(Change::Settings(change)) = draft.changes().pop() else {
        panic!("{:?}", draft.changes())
    };
    let json = serde_json::to_value(&change).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "strategy": "round-robin",
            "budget": {"usdPerDay": 59.0, "usdPerMonth": 1200.0, "onLimit": "cheapest"},
            "breaker": {"failures": 1},
            "revision": 42,
        })
    );
    let Some(Change::Settings(back)) = draft.settings_back().pop() else {
        panic!("{:?}", draft.settings_back())
    };
    let json = serde_json::to_value(&back).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "strategy": "weighted",
            "budget": {"usdPerDay": 50.0, "usdPerMonth": "none", "onLimit": "refuse"},
            "breaker": {"failures": 4},
        })
    );
    // Back in effect by another hand: the draft is the same as what is in force.
    let mut now = status.clone();
    now.settings = draft.settings().map(|drafted| drafted.to.clone());
    assert!(draft.is_in_force(&now, |_| None));
    draft.reset();
    assert!(!draft.is_changed());
}

#[test]
fn one_dollar_less_than_one_is_no_limit() {
    let mut draft = Draft::of(&fixture::status(1, 0));
    draft.row = DraftRow::Setting(Setting::UsdPerMonth);
    let text = |draft: &Draft| {
        let drafted = draft.settings().unwrap();
        Setting::UsdPerMonth.text(&drafted.to, |usd| format!("${usd}"))
    };
    draft.nudge(1, CurrentSettings::default());
    assert_eq!(text(&draft), "$1");
    draft.nudge(-1, CurrentSettings::default());
    assert_eq!(text(&draft), "none");
}
