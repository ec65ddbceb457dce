//! No change happens by accident.

use super::*;
use crate::client::ClientError;
use crate::contract::{Problem, ProviderChange, WeightPoints, WeightsReport};
use crate::tui::change::{Applied, Change};
use crate::tui::effect::ExitReason;

fn weights_of(effects: &[Effect]) -> crate::contract::WeightsChange {
    let [Effect::Change(changes)] = effects else {
        panic!("{effects:?}")
    };
    let [Change::Weights(change)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    change.clone()
}

fn applied(revision: u64, cost: f64) -> Message {
    let weights = WeightPoints {
        cost,
        latency: 100.0 - cost,
        reliability: 0.0,
        load: 10.0,
        priority: 10.0,
    };
    Message::Changed(Ok(Applied {
        text: format!("applied as rev {revision}"),
        weights: Some(WeightsReport {
            weights,
            revision,
            reverts_at: None,
            saved: None,
            warnings: Vec::new(),
        }),
        ..Applied::default()
    }))
}

#[test]
fn a_draft_is_applied_only_after_its_review() {
    let mut model = default_model();
    assert_eq!(press(&mut model, "w > >"), []);
    assert_eq!(press(&mut model, "Enter"), []);
    assert!(is_dialog(&model, "APPLY THE DRAFT?"));
    // It opens on the first field, and Enter goes on from there: to the reason, to Cancel.
    assert_eq!(press(&mut model, "Enter Enter Enter"), []);
    assert_eq!(model.dialog, None);

    press(&mut model, "Enter");
    type_in(&mut model, "big-shift");
    press(&mut model, "Tab");
    type_in(&mut model, "too expensive");
    press(&mut model, "Tab Tab");
    let change = weights_of(&press(&mut model, "Enter"));
    assert_eq!(
        (
            change.cost,
            change.latency,
            change.reliability,
            change.revision
        ),
        (Some(50.0), Some(28.0), Some(22.0), Some(42))
    );
    assert_eq!(change.revert_after_seconds, Some(120));
    assert_eq!(change.reason.as_deref(), Some("too expensive"));

    update(&mut model, applied(43, 50.0), NOW);
    assert!(!model.draft.as_ref().unwrap().is_changed());
    assert!(model.notice.as_ref().unwrap().text.contains("rev 43"));
}

#[test]
fn a_large_shift_requires_a_phrase_and_a_small_one_does_not() {
    let mut model = default_model();
    press(&mut model, "w > > > > > > > Enter");
    assert_eq!(press(&mut model, "S-Tab Enter"), []);
    assert!(is_dialog(&model, "APPLY"), "the phrase is missing");
    // It is said where it is missing, and the focus is there.
    assert!(text(&model, 80, 24).contains("missing: type big-shift"));
    type_in(&mut model, "big-shift");
    assert_eq!(press(&mut model, "S-Tab Enter").len(), 1, "for good");

    let mut model = default_model();
    press(&mut model, "w → Enter");
    let trial = press(&mut model, "S-Tab S-Tab Enter");
    assert_eq!(weights_of(&trial).cost, Some(31.0));
}

#[test]
fn letters_are_text_in_a_dialog_with_fields_wherever_the_focus_is() {
    for focus in ["", "Tab", "Tab Tab", "Tab Tab Tab"] {
        let mut model = default_model();
        press(&mut model, "w → Enter");
        press(&mut model, focus);
        for letter in ["y", "g", "s", "d", "x", "q", "1", "3", "Space", "."] {
            assert_eq!(press(&mut model, letter), [], "{letter} after {focus:?}");
        }
        let dialog = model.confirm_dialog().unwrap();
        assert_eq!(dialog.reason.as_deref(), Some("ygsdxq13 ."), "{focus:?}");
    }
}

#[test]
fn a_forecast_that_arrives_swallows_no_letter() {
    let mut model = default_model();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    for name in ["w", ">", "Enter"] {
        update(&mut model, key(name), NOW);
    }
    // Nothing is forecast yet, so another phrase is demanded than afterwards.
    assert_eq!(control::phrase(&model).as_deref(), Some("big-shift"));
    update(&mut model, key("Tab"), NOW);
    update(&mut model, key("a"), NOW);
    update(&mut model, Message::WhatIf(Box::new(Ok(report()))), NOW);
    for name in ["b", "c"] {
        update(&mut model, key(name), NOW);
    }
    let dialog = model.confirm_dialog().unwrap();
    assert_eq!(dialog.reason.as_deref(), Some("abc"));
}

#[test]
fn a_change_can_be_undone_from_here() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab S-Tab Enter");
    update(&mut model, applied(43, 31.0), NOW);
    let mut status = fixture::status(5, 8);
    status.revision = 43;
    receive(&mut model, status);

    assert_eq!(press(&mut model, "u"), []);
    assert!(is_dialog(&model, "UNDO"));
    let change = weights_of(&press(&mut model, "y"));
    assert_eq!((change.cost, change.revision), (Some(30.0), Some(43)));
    update(&mut model, applied(44, 30.0), NOW);
    press(&mut model, "u");
    assert_eq!(model.dialog, None, "nothing is left to undo");
}

#[test]
fn an_undo_that_fails_can_be_tried_again() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab S-Tab Enter");
    update(&mut model, applied(43, 31.0), NOW);
    press(&mut model, "u y");
    let refused = ClientError::from(Problem::new(409, "rev 44 by bob".to_owned()));
    update(&mut model, Message::Changed(Err(refused)), NOW);
    press(&mut model, "Esc u");
    assert!(is_dialog(&model, "UNDO"));
}

#[test]
fn a_rejection_keeps_the_draft_and_stays_until_esc() {
    let mut model = model(Theme::default(), false, 5);
    press(&mut model, "w > Enter");
    type_in(&mut model, "big-shift");
    assert_eq!(press(&mut model, "S-Tab Enter").len(), 1);
    let points = model.draft.as_ref().unwrap().points();
    let wrong = ClientError::from(Problem::new(422, "rev 43 by bob".to_owned()));
    update(&mut model, Message::Changed(Err(wrong)), NOW);

    update(&mut model, Message::Tick, NOW + Duration::from_mins(1));
    assert_eq!(model.draft.as_ref().unwrap().points(), points);
    assert!(
        model
            .notice
            .as_ref()
            .unwrap()
            .text
            .contains("rev 43 by bob")
    );
    press(&mut model, "Esc Esc");
    assert_eq!(model.notice, None);
}

#[test]
fn a_conflict_offers_to_rebase_the_draft() {
    for (answer, cost, is_changed) in [("y", 40, true), ("x", 35, false), ("Enter", 40, true)] {
        let mut model = default_model();
        press(&mut model, "w > Enter");
        type_in(&mut model, "big-shift");
        press(&mut model, "S-Tab Enter");
        let stale = "rev 43 by bob: cost 30→35".to_owned();
        let stale = ClientError::from(Problem::new(409, stale));
        update(&mut model, Message::Changed(Err(stale)), NOW);
        let mut status = fixture::status(5, 8);
        status.revision = 43;
        status.weights.cost = 35.0;
        status.weights.latency = 35.0;
        receive(&mut model, status);
        assert!(is_dialog(&model, "CONFLICT"));
        press(&mut model, "?");
        assert!(text(&model, 80, 24).contains("by bob: cost 30"));

        assert_eq!(press(&mut model, answer), []);

        let draft = model.draft.as_ref().unwrap();
        let on = if answer == "Enter" { 42 } else { 43 };
        assert_eq!((draft.points()[0], draft.revision), (cost, on), "{answer}");
        assert_eq!(draft.is_changed(), is_changed, "{answer}");
        assert_eq!(model.dialog, None, "{answer}");
    }
}

#[test]
fn a_drain_can_have_an_end_and_says_where_its_traffic_goes() {
    let drained = |keys: &str| {
        let mut model = default_model();
        press(&mut model, "j j .");
        assert!(text(&model, 80, 24).contains("drain google: 33% goes to "));
        press(&mut model, "d");
        assert!(text(&model, 80, 24).contains("33% goes to "));
        let effects = press(&mut model, keys);
        let [Effect::Change(changes)] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        let [Change::Provider { change, .. }] = changes.as_slice() else {
            panic!("{changes:?}")
        };
        (change.drain_seconds, change.draining)
    };
    assert_eq!(drained("3"), (Some(1_800), None));
    assert_eq!(drained("1"), (Some(3_600), None));
    assert_eq!(drained("y"), (None, Some(true)));
    assert_eq!(drained("Tab Enter"), (Some(1_800), None));
}

#[test]
fn what_operators_hold_stands_in_the_third_line() {
    let mut model = default_model();
    let mut status = fixture::status(5, 7);
    status.providers[0].draining = true;
    status.providers[0].draining_until = Some("2026-11-24T03:44:00.000Z".to_owned());
    status.providers[1].pinned_until = Some("2026-11-24T03:44:00.000Z".to_owned());
    status.reverts_at = Some(status.generated_at.clone());
    receive(&mut model, status);
    let screen = text(&model, 200, 40);
    let third = screen.lines().nth(2).unwrap();
    assert!(
        third.contains("DRAIN") && third.contains("PINNED"),
        "{third}"
    );
    assert!(
        screen
            .lines()
            .next()
            .unwrap()
            .contains("TRIAL 0:00 K keeps")
    );
}

#[test]
fn a_key_typed_before_a_dialog_was_visible_does_nothing() {
    let mut model = default_model();
    for name in [".", "d", "y"] {
        let key = Message::Input(Input::Key(name.parse().unwrap()));
        assert_eq!(update(&mut model, key, NOW), []);
    }
    assert!(is_dialog(&model, "CONFIRM"), "not drawn yet");
    let yes = || Message::Input(Input::Key("y".parse().unwrap()));
    // A frame sent before does not show the dialog; one that does counts from its arrival.
    update(&mut model, Message::Seen, NOW);
    let later = NOW + Duration::from_secs(2);
    assert_eq!(update(&mut model, yes(), later), []);
    update(&mut model, Message::Drawn, later);
    let later = later + Duration::from_secs(2);
    assert_eq!(update(&mut model, yes(), later), []);
    update(&mut model, Message::Seen, later);
    let soon = later + Duration::from_millis(299);
    assert_eq!(update(&mut model, yes(), soon), []);
    let read = later + Duration::from_millis(300);
    assert_eq!(update(&mut model, yes(), read).len(), 1);
}

#[test]
fn the_last_healthy_provider_is_not_drained_without_its_name() {
    let mut model = model(Theme::default(), true, 2);
    press(&mut model, "G . d");
    assert_eq!(press(&mut model, "S-Tab Enter"), []);
    type_in(&mut model, "borealis");
    let effects = press(&mut model, "S-Tab Enter");
    let change = ProviderChange {
        draining: Some(true),
        revision: Some(42),
        ..ProviderChange::default()
    };
    let name = "borealis".to_owned();
    assert_eq!(
        effects,
        [Effect::Change(vec![Change::Provider { name, change }])]
    );
}

#[test]
fn esc_never_quits_and_never_applies() {
    for keys in [
        "",
        "w",
        "w >",
        "?",
        "q",
        ".",
        ". d",
        "d",
        "Enter",
        "w > Enter",
        ": w",
        "/ x",
        "e",
        "z",
    ] {
        let mut model = default_model();
        press(&mut model, keys);
        let asked = |effect: &Effect| matches!(effect, Effect::Change(_) | Effect::End(_));
        for _ in 0..10 {
            let effects = press(&mut model, "Esc");
            assert!(!effects.iter().any(asked), "{keys:?}");
        }
        assert_eq!(
            (model.dialog.clone(), model.screen),
            (None, crate::tui::input_context::Screen::Overview),
            "{keys:?}"
        );
    }
}

#[test]
fn leaving_asks_if_the_gateway_would_stop() {
    let mut all_in_one = default_model();
    assert_eq!(press(&mut all_in_one, "q"), []);
    assert_eq!(
        press(&mut all_in_one, "d"),
        [Effect::End(ExitReason::Detach)]
    );
    press(&mut all_in_one, "q");
    // That affects clients, so a phrase is required.
    assert_eq!(press(&mut all_in_one, "s"), []);
    assert!(is_dialog(&all_in_one, "STOP"));
    type_in(&mut all_in_one, "stop");
    assert_eq!(
        press(&mut all_in_one, "Tab Tab Enter"),
        [Effect::End(ExitReason::Stop)]
    );

    let mut demo = Model::new(options(Theme::default(), true));
    let mut status = fixture::status(5, 7);
    "demo".clone_into(&mut status.environment);
    receive(&mut demo, status);
    assert_eq!(press(&mut demo, "q s"), [Effect::End(ExitReason::Stop)]);

    let mut attached = model(Theme::default(), false, 5);
    assert_eq!(press(&mut attached, "q"), [Effect::End(ExitReason::Quit)]);
    let interrupt = || Message::Input(Input::Key(Key::ctrl('c')));
    assert_eq!(update(&mut attached, interrupt(), NOW), []);
    assert_eq!(
        update(&mut attached, interrupt(), NOW + Duration::from_secs(3)),
        []
    );
    assert_eq!(
        update(&mut attached, interrupt(), NOW + Duration::from_secs(4)),
        [Effect::End(ExitReason::Quit)]
    );
}

#[test]
fn production_is_view_only_until_it_is_armed_and_again_after_five_minutes() {
    let mut model = Model::new(options(Theme::default(), false));
    let mut status = fixture::status(5, 7);
    "prod".clone_into(&mut status.environment);
    receive(&mut model, status);
    assert!(text(&model, 120, 40).contains("VIEW-ONLY"));
    press(&mut model, ". d");
    assert_eq!(model.dialog, None);
    assert!(model.notice.as_ref().unwrap().text.contains("view-only"));

    press(&mut model, "Esc !");
    assert!(text(&model, 120, 40).contains("ARMED 5:00"));
    press(&mut model, ". d");
    assert!(is_dialog(&model, "CONFIRM"));
    press(&mut model, "Esc");
    update(&mut model, Message::Tick, NOW + Duration::from_mins(6));
    assert!(text(&model, 120, 40).contains("VIEW-ONLY"));
}

#[test]
fn a_read_only_dashboard_changes_nothing() {
    let mut model = model(Theme::default(), false, 5);
    model.options.read_only = true;
    assert_eq!(press(&mut model, ". d"), []);
    press(&mut model, "Esc Esc w > Enter");
    assert_eq!(press(&mut model, "Enter"), []);
    assert_eq!(model.dialog, None);
}

#[test]
fn one_change_is_under_way_at_a_time() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab S-Tab Enter");
    press(&mut model, "→ Enter");
    assert_eq!(model.dialog, None);
    assert!(text(&model, 120, 40).contains("no reply yet"));
}

#[test]
fn the_gateways_own_process_is_not_suspended() {
    let mut all_in_one = default_model();
    assert_eq!(press(&mut all_in_one, "^z"), []);
    assert!(
        all_in_one
            .notice
            .unwrap()
            .text
            .contains("gateway runs in this process")
    );
    let mut attached = model(Theme::default(), false, 5);
    assert_eq!(press(&mut attached, "^z"), [Effect::Suspend]);
}

#[test]
fn pasted_text_is_never_taken_as_keys() {
    let mut model = default_model();
    let paste = |text: &str| Message::Input(Input::Paste(text.to_owned()));
    assert_eq!(update(&mut model, paste("qs.dy"), NOW), []);
    assert_eq!(model.dialog, None);
    press(&mut model, "/");
    update(&mut model, paste("goo\rgle"), NOW);
    assert_eq!(model.filter.as_str(), "google");
}
