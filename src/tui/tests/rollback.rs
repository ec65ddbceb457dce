//! Own weights of a provider, and its breakers.

use super::*;
use crate::contract::{HealthState, ProviderChange, WeightOverride};
use crate::tui::change::{Applied, Change};
use crate::tui::draft::{CurrentSettings, Draft, DraftRow};
use crate::tui::input_context::Screen;

fn own(cost: f64, latency: f64, reliability: f64) -> WeightOverride {
    WeightOverride {
        cost: Some(cost),
        latency: Some(latency),
        reliability: Some(reliability),
    }
}

fn done() -> Message {
    Message::Changed(Ok(Applied {
        text: "borealis: done".to_owned(),
        revision: Some(43),
        ..Applied::default()
    }))
}

/// Own weights drafted from the screen of a provider.
fn at_borealis() -> Model {
    let mut model = default_model();
    press(&mut model, ":");
    type_in(&mut model, "goto borealis");
    press(&mut model, "Enter w o");
    model
}

#[test]
fn own_weights_are_drafted_previewed_reviewed_applied_and_undone() {
    let mut model = at_borealis();
    assert_eq!(model.screen, Screen::Weights);
    let key = Message::Input(Input::Key(">".parse().unwrap()));
    let effects = update(&mut model, key, NOW);
    assert!(effects.iter().all(|effect| !is_no_request(effect)));
    update(&mut model, Message::WhatIf(Box::new(Ok(report()))), NOW);
    let screen = text(&model, 120, 40);
    assert!(screen.contains("own cost           - → 40"), "{screen}");
    assert!(screen.contains("   moves "), "{screen}");

    press(&mut model, "Enter");
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("borealis     none → 40/34/26  (own cost/latency/reliability)"),
        "{screen}"
    );
    assert_eq!(
        press(&mut model, "S-Tab Enter"),
        [],
        "the phrase is missing"
    );
    type_in(&mut model, "big-shift");
    let effects = press(&mut model, "S-Tab Enter");
    let name = || "borealis".to_owned();
    let change = |weights, revision| {
        let change = ProviderChange {
            weights: Some(weights),
            revision: Some(revision),
            ..ProviderChange::default()
        };
        vec![Change::Provider {
            name: name(),
            change,
        }]
    };
    assert_eq!(effects, [Effect::Change(change(own(40.0, 34.0, 26.0), 42))]);

    update(&mut model, done(), NOW);
    assert!(!model.draft.as_ref().unwrap().is_changed());
    press(&mut model, "u");
    assert!(text(&model, 120, 40).contains("no own weights"));
    let effects = press(&mut model, "y");
    assert_eq!(
        effects,
        [Effect::Change(change(WeightOverride::default(), 43))]
    );
}

#[test]
fn a_forecast_request_includes_priorities_and_own_weights() {
    let mut model = at_borealis();
    model.deciding = None;
    let key = Message::Input(Input::Key(">".parse().unwrap()));
    let effects = update(&mut model, key, NOW);
    let [Effect::AskWhatIf(request)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let asked = request.providers["borealis"];
    assert_eq!(
        (asked.priority, asked.weights),
        (None, Some(own(40.0, 34.0, 26.0)))
    );
    assert_eq!(request.weights.cost, Some(30.0));
}

#[test]
fn own_weights_in_effect_are_shown_and_used_in_estimates() {
    let mut status = fixture::status(5, 7);
    status.providers[1].weights = Some(own(0.0, 0.0, 100.0));
    let mut model = Model::new(options(Theme::default(), true));
    receive(&mut model, status);
    press(&mut model, ":");
    type_in(&mut model, "goto borealis");
    press(&mut model, "Enter");
    assert!(text(&model, 120, 40).contains("own weights 0/0/100"));
    press(&mut model, "w");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("own reliability  100"), "{screen}");
    // The estimate uses them: the provider scores better by its reliability than by the global
    // weights.
    let estimated = |status: &Status| {
        let mut draft = Draft::new(&status.weights, status.revision);
        draft.row = DraftRow::Objective(3);
        draft.nudge(1, CurrentSettings::default());
        crate::tui::preview::drafted(status, &draft)
    };
    let shown = estimated(model.status.as_ref().unwrap());
    let without = estimated(&fixture::status(5, 7));
    assert!(shown[1].score > without[1].score, "{shown:?} {without:?}");
    press(&mut model, "o");
    assert!(text(&model, 120, 40).contains("WEIGHTS · DRAFT"));
}

#[test]
fn a_draft_survives_an_unrelated_change() {
    let mut model = default_model();
    press(&mut model, "w S-Tab > . d");
    assert!(is_dialog(&model, "CONFIRM"));
    press(&mut model, "y");
    update(&mut model, done(), NOW);
    assert!(model.draft.as_ref().unwrap().is_changed());
}

#[test]
fn breakers_are_reset_only_after_a_dialog_and_only_if_one_is_open() {
    let mut model = default_model();
    assert_eq!(
        model.selected().unwrap().performance.state,
        HealthState::Open
    );
    press(&mut model, ". b");
    assert!(is_dialog(&model, "RESET BREAKERS"));
    let effects = press(&mut model, "y");
    let change = ProviderChange {
        reset_breaker: Some(true),
        revision: Some(42),
        ..ProviderChange::default()
    };
    let name = "aurora".to_owned();
    assert_eq!(
        effects,
        [Effect::Change(vec![Change::Provider { name, change }])]
    );

    let mut model = default_model();
    press(&mut model, "G . b");
    assert_eq!(model.dialog, None);
    assert!(model.notice.unwrap().text.contains("no open breaker"));
}
