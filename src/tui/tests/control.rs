//! Changes by others, partial failures, and expired permissions.

use super::*;
use crate::client::ClientError;
use crate::contract::{EventKind, EventReport, Problem, WeightPoints, WeightsReport, WhatIfReport};
use crate::tui::change::{Applied, Change};
use crate::tui::effect::ExitReason;

fn changes(effects: &[Effect]) -> &[Change] {
    let [Effect::Change(changes)] = effects else {
        panic!("{effects:?}")
    };
    changes
}

pub(super) fn phrase(model: &Model) -> Option<String> {
    let Some(Dialog::Confirm(dialog)) = &model.dialog else {
        panic!("{:?}", model.dialog)
    };
    dialog.phrase.as_ref().map(|phrase| phrase.expected.clone())
}

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

pub(super) fn done(revision: u64, weights: Option<WeightPoints>) -> Applied {
    Applied {
        text: format!("applied as rev {revision}"),
        weights: weights.map(|weights| WeightsReport {
            weights,
            revision,
            reverts_at: None,
            saved: None,
            warnings: Vec::new(),
        }),
        revision: Some(revision),
        ..Applied::default()
    }
}

fn weights(cost: f64, load: f64) -> WeightPoints {
    WeightPoints {
        cost,
        latency: 70.0 - cost,
        reliability: 30.0,
        load,
        priority: 10.0,
    }
}

pub(super) fn answered(model: &mut Model, answer: Applied) {
    update(model, Message::Changed(Ok(answer)), NOW);
}

fn rejected(model: &mut Model, status: u16, detail: &str) {
    let detail = detail.to_owned();
    let error = ClientError::from(Problem::new(status, detail));
    update(model, Message::Changed(Err(error)), NOW);
}

/// A status at a revision.
fn at_revision(revision: u64, weights: Option<WeightPoints>) -> Status {
    let mut status = fixture::status(5, 8);
    status.revision = revision;
    if let Some(weights) = weights {
        status.weights = weights;
    }
    status
}

/// Adds the priority of a provider to the draft.
fn draft_priority(model: &mut Model) {
    press(model, ":");
    type_in(model, "goto borealis");
    press(model, "Enter w →");
}

#[test]
fn all_changes_of_a_draft_are_on_trial_and_based_on_its_revision() {
    for with_weights in [true, false] {
        let mut model = default_model();
        if with_weights {
            press(&mut model, "w →");
        }
        draft_priority(&mut model);
        press(&mut model, "Enter");
        let effects = press(&mut model, "S-Tab S-Tab Enter");
        let sent = changes(&effects);
        assert_eq!(sent.len(), 1 + usize::from(with_weights), "{sent:?}");
        for change in sent {
            let (revision, seconds) = match change {
                Change::Weights(change) => (change.revision, change.revert_after_seconds),
                Change::Provider { change, .. } => (change.revision, change.revert_after_seconds),
                _ => panic!("{change:?}"),
            };
            assert_eq!((revision, seconds), (Some(42), Some(120)), "{change:?}");
        }
        let trial = Applied {
            reverts_at: Some("2026-11-24T03:16:00.000Z".to_owned()),
            ..done(44, None)
        };
        answered(&mut model, trial);
        assert!(notice(&model).contains("on trial until 03:16:00Z"));
    }
}

#[test]
fn an_undo_lists_later_changes_of_others_and_requires_a_phrase() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab Enter");
    answered(&mut model, done(43, Some(weights(31.0, 10.0))));
    let mut status = at_revision(44, Some(weights(50.0, 25.0)));
    status.events.insert(
        0,
        EventReport {
            kind: EventKind::Change,
            text: "rev 43→44 bob: cost 31→50, load 10→25".to_owned(),
            ..status.events[0].clone()
        },
    );
    receive(&mut model, status);
    press(&mut model, "u");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("cost 50 → 30"), "{screen}");
    assert!(screen.contains("rev 43→44 bob: cost 31→50"), "{screen}");
    assert_eq!(phrase(&model).as_deref(), Some("rev-44"));
    assert_eq!(press(&mut model, "S-Tab Enter"), []);
    type_in(&mut model, "rev-44");
    let effects = press(&mut model, "S-Tab Enter");
    let [Change::Weights(change)] = changes(&effects) else {
        panic!("{effects:?}")
    };
    // Only the rows that were changed here are undone.
    assert_eq!((change.cost, change.load), (Some(30.0), None));
    assert_eq!(change.revision, Some(44));
}

#[test]
fn only_local_changes_are_undone_one_by_one_without_a_phrase() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab Enter");
    answered(&mut model, done(43, Some(weights(31.0, 10.0))));
    receive(&mut model, at_revision(43, Some(weights(31.0, 10.0))));
    press(&mut model, "→ Enter S-Tab Enter");
    answered(&mut model, done(44, Some(weights(32.0, 10.0))));
    for (cost, revision) in [(31.0, 45), (30.0, 46)] {
        receive(&mut model, at_revision(revision - 1, None));
        press(&mut model, "u");
        assert_eq!(phrase(&model), None);
        assert_eq!(changes(&press(&mut model, "y")).len(), 1);
        answered(&mut model, done(revision, Some(weights(cost, 10.0))));
    }
    assert_eq!(model.undo, []);
}

#[test]
fn a_revision_number_after_a_restart_proves_nothing() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab Enter");
    answered(&mut model, done(43, Some(weights(31.0, 10.0))));
    receive(&mut model, at_revision(43, Some(weights(31.0, 10.0))));
    press(&mut model, "→");
    // A restarted instance has reached the same number with other weights.
    receive(&mut model, at_revision(43, Some(weights(60.0, 25.0))));
    assert!(notice(&model).contains("rev 43 is not the one the draft is based on"));
    let draft = model.draft.as_ref().unwrap();
    assert_eq!(draft.from(), [60, 10, 30, 25, 10]);
    assert_eq!((draft.points()[0], draft.change().load), (32, None));
    press(&mut model, "Esc u");
    assert_eq!(phrase(&model).as_deref(), Some("rev-43"));
}

#[test]
fn a_draft_that_took_effect_is_cleared() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab Enter");
    let error = ClientError::NoAnswer {
        address: "box:8080".to_owned(),
        source: None,
    };
    update(&mut model, Message::Changed(Err(error)), NOW);
    assert!(notice(&model).contains("unknown whether it was applied"));
    assert!(model.draft.as_ref().unwrap().is_changed());
    let in_force = model.draft.as_ref().unwrap().weights();
    receive(&mut model, at_revision(43, Some(in_force)));
    let draft = model.draft.as_ref().unwrap();
    assert!(!draft.is_changed() && draft.revision == 43);
}

#[test]
fn changes_applied_before_a_failure_are_recorded_and_can_be_undone() {
    let mut model = default_model();
    press(&mut model, "w →");
    draft_priority(&mut model);
    press(&mut model, "Enter");
    let effects = press(&mut model, "S-Tab Enter");
    assert_eq!(changes(&effects).len(), 2);
    let moved = model.draft.as_ref().unwrap().weights();
    let detail = "provider \"borealis\" is unknown".to_owned();
    let error = ClientError::from(Problem::new(404, detail));
    let part = Applied {
        failed: Some((1, error)),
        ..done(43, Some(moved))
    };
    answered(&mut model, part);
    let text = notice(&model);
    assert!(
        text.starts_with("applied in part: applied as rev 43; then"),
        "{text}"
    );
    let draft = model.draft.as_ref().unwrap();
    assert_eq!(draft.points(), draft.from(), "the weights are in effect");
    assert_eq!((draft.moved().count(), draft.revision), (1, 43));
    assert_eq!(model.undo.len(), 1);
    assert!(matches!(model.undo[0].changes[..], [Change::Weights(_)]));
    assert_eq!((model.undo[0].before, model.undo[0].after), (42, 43));
}

#[test]
fn a_failure_stays_until_esc_despite_later_notices() {
    let mut model = default_model();
    press(&mut model, "w → Enter S-Tab Enter");
    rejected(&mut model, 422, "cost is 400");
    press(&mut model, "B y K");
    assert!(notice(&model).contains("cost is 400"), "{}", notice(&model));
    press(&mut model, "Esc");
    assert_eq!(model.notice, None);
}

#[test]
fn production_is_recognised_in_any_case_and_an_unknown_environment_is_protected() {
    let mut model = Model::new(options(Theme::default(), false));
    assert!(model.is_protected());
    press(&mut model, "^r");
    assert_eq!(model.dialog, None);
    for (environment, is_protected) in [
        ("prod", true),
        ("PROD", true),
        ("Production", true),
        (" prod ", true),
        ("staging", false),
        ("product-test", false),
    ] {
        let mut status = fixture::status(5, 7);
        environment.clone_into(&mut status.environment);
        receive(&mut model, status);
        assert_eq!(model.is_protected(), is_protected, "{environment}");
    }
}

#[test]
fn a_dialog_is_not_accepted_after_arming_has_expired() {
    let mut model = Model::new(options(Theme::default(), true));
    let mut status = fixture::status(5, 7);
    "prod".clone_into(&mut status.environment);
    receive(&mut model, status);
    press(&mut model, "! . d");
    assert!(is_dialog(&model, "CONFIRM"));
    let later = NOW + Duration::from_hours(3);
    update(&mut model, Message::Tick, later);
    let yes = Message::Input(Input::Key("y".parse().unwrap()));
    assert_eq!(update(&mut model, yes, later), []);
    assert_eq!((&model.dialog, &model.pending), (&None, &None));
    assert!(notice(&model).contains("view-only"));
    // Leaving needs no permission.
    press(&mut model, "Esc q");
    assert_eq!(press(&mut model, "d"), [Effect::End(ExitReason::Detach)]);
}

#[test]
fn a_failed_forecast_is_reported_once() {
    let mut model = default_model();
    let key = |name: &str| Message::Input(Input::Key(name.parse().unwrap()));
    update(&mut model, key("w"), NOW);
    update(&mut model, key(">"), NOW);
    let fail = |model: &mut Model| {
        let detail = "the engine is busy".to_owned();
        let error = ClientError::from(Problem::new(503, detail));
        let answer: Result<WhatIfReport, ClientError> = Err(error);
        let now = model.now;
        update(model, Message::WhatIf(Box::new(answer)), now)
    };
    fail(&mut model);
    assert!(notice(&model).contains("no forecast"));
    press(&mut model, "Esc");
    let asks = |effects: &[Effect]| {
        let is_asked = |it: &Effect| matches!(it, Effect::AskWhatIf(_));
        effects.iter().filter(|it| is_asked(it)).count()
    };
    let mut asked = 0;
    for second in 1..=20 {
        let now = NOW + Duration::from_secs(second);
        let effects = update(&mut model, Message::Tick, now);
        asked += asks(&effects);
        if asks(&effects) > 0 {
            fail(&mut model);
        }
        assert_eq!(notice(&model), "", "after {second} s");
    }
    assert_eq!(asked, 1, "requested again, but not every second");
    // Another draft is another request.
    let now = model.now;
    let effects = update(&mut model, key(">"), now);
    assert_eq!(asks(&effects), 1);
    fail(&mut model);
    assert!(notice(&model).contains("no forecast"));
}
