//! Dialogs that change weights: the review of a draft, and the rollback to a revision.

use super::dialogs::{ask, change_choice, target_line};
use super::forecast::{Forecast, forecast};
use crate::contract::{RevisionReport, Status};
use crate::tui::change::{Change, inverse as inverse_of, set_weights};
use crate::tui::confirm_dialog::{ConfirmDialog, ConfirmPhrase, DialogFocus, DialogKind};
use crate::tui::draft::{Draft, NAMES};
use crate::tui::format;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Subject};
use crate::tui::theme::Theme;
use std::time::Duration;

/// Duration of a trial, after which the change reverts unless kept, in seconds.
const REVERT_AFTER_S: u64 = 120;
/// Acting on older data requires a phrase.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Asks to restore the weights of a revision: `number`, or the one whose menu is open.
pub(super) fn rollback(model: &mut Model, number: Option<u64>) {
    let number = match &model.dialog {
        Some(Dialog::Menu(Subject::Revision(number))) => Some(*number),
        _ => number,
    };
    let Some(number) = number else { return };
    let revision = find_revision(model, number).cloned();
    let (Some(revision), Some(status)) = (revision, model.status.clone()) else {
        model.dialog = None;
        let revisions = model.key(Action::Go(Screen::Revisions));
        let text = format!("revision {number} is not listed; {revisions} lists revisions");
        model.notify(text, true);
        return;
    };
    let draft = draft_of(&revision, &status);
    if !draft.is_changed() {
        model.dialog = None;
        let text = format!("the weights of rev {number} are already in effect");
        model.notify(text, false);
        return;
    }
    let reason = format!("roll back to rev {number}");
    let change = set_weights(&revision.after, status.revision, reason);
    let mut lines = vec![format!("Restore the weights of rev {number}:")];
    lines.extend(differences(&draft, model.theme()));
    let forecast: Forecast = forecast(model, &status, &draft);
    lines.extend(forecast.lines);
    lines.push(target_line(model));
    let reason = format!("undo the roll back to rev {number}");
    let inverse = vec![set_weights(&status.weights, 0, reason)];
    let yes = change_choice(Action::Yes, "Yes, roll back", vec![change], inverse);
    let kind = DialogKind::Rollback { revision: number };
    let dialog = ConfirmDialog::new(kind, lines, vec![yes]);
    ask(model, dialog.with_fields(forecast.phrase, false));
}

/// The draft that the open rollback dialog would apply.
pub(super) fn rollback_draft(model: &Model) -> Option<Draft> {
    let Some(Dialog::Confirm(dialog)) = &model.dialog else {
        return None;
    };
    let DialogKind::Rollback { revision } = dialog.kind else {
        return None;
    };
    let status = model.status.as_ref()?;
    Some(draft_of(find_revision(model, revision)?, status))
}

fn find_revision(model: &Model, number: u64) -> Option<&RevisionReport> {
    let mut revisions = model.revisions.rows.iter();
    revisions.find(|revision| revision.revision == number)
}

/// A draft with the weights of a revision.
fn draft_of(revision: &RevisionReport, status: &Status) -> Draft {
    let mut draft = Draft::of(status);
    draft.set_all(&revision.after);
    draft
}

/// Shows the draft, its effect and its checks before it is applied.
pub(super) fn review(model: &mut Model) {
    let (Some(draft), Some(status)) = (model.draft.clone(), model.status.clone()) else {
        return;
    };
    if !draft.is_changed() {
        model.notify("nothing to apply: the draft is already in effect", false);
        return;
    }
    let forecast: Forecast = forecast(model, &status, &draft);
    let theme = model.theme();
    let mut lines = differences(&draft, theme);
    lines.extend(forecast.lines);
    let is_fresh = model.age() <= STALE_AFTER;
    lines.push(check(theme, is_fresh, &target_line(model)));
    let revisions = format!(
        "drafted on rev {}, rev {} is in effect",
        draft.revision, status.revision
    );
    let is_current = draft.revision == status.revision;
    lines.push(check(theme, is_current, &revisions));
    let permanent = draft.changes();
    let mut inverse = Vec::new();
    if let Some(Change::Weights(change)) = permanent.first() {
        inverse.push(inverse_of(change, &status.weights));
    }
    inverse.extend(draft.settings_back());
    let keep = model.key(Action::Keep);
    let label = format!("Apply on trial: reverts in {REVERT_AFTER_S} s unless kept ({keep})");
    let trial = on_trial(&permanent);
    let choices = vec![
        change_choice(None, label, trial, inverse.clone()),
        change_choice(None, "Apply for good", permanent, inverse),
    ];
    let revision = status.revision + 1;
    let dialog = ConfirmDialog::new(DialogKind::ApplyDraft { revision }, lines, choices);
    let phrase = forecast.phrase.or_else(|| {
        let why = format!("the data is {} s old", model.age().as_secs());
        (!is_fresh).then(|| ConfirmPhrase::new("old-data", why))
    });
    ask(model, dialog.with_fields(phrase, true));
}

/// A line of the review, marked as passed or failed.
fn check(theme: Theme, passed: bool, text: &str) -> String {
    let mark = if passed {
        theme.mark('✓', '+')
    } else {
        theme.mark('✗', 'X')
    };
    format!("{mark} {text}")
}

/// Rebuilds the dialog that waits for a forecast, with the text typed into it. If it now requires
/// another phrase, no button is pressed before that was read.
pub(super) fn renew(model: &mut Model) {
    let Some(before) = model.confirm_dialog().cloned() else {
        return;
    };
    match before.kind {
        DialogKind::ApplyDraft { .. } => review(model),
        DialogKind::Rollback { revision } => rollback(model, Some(revision)),
        DialogKind::Undo
        | DialogKind::Provider
        | DialogKind::Probe
        | DialogKind::ResetBreakers
        | DialogKind::Mute
        | DialogKind::Reload
        | DialogKind::Leave
        | DialogKind::Stop
        | DialogKind::Conflict { .. } => return,
    }
    let Some(dialog) = model.confirm_dialog() else {
        return;
    };
    let first = dialog.focus;
    dialog.reason = before.reason;
    let phrase_of = |it: &Option<ConfirmPhrase>| it.as_ref().map(|it| it.expected.clone());
    let is_same = phrase_of(&dialog.phrase) == phrase_of(&before.phrase);
    dialog.focus = match before.focus {
        // Only a field keeps the focus: what is typed there presses nothing.
        DialogFocus::Choice(_) | DialogFocus::Cancel if !is_same => first,
        DialogFocus::Phrase if dialog.phrase.is_none() => first,
        focus => focus,
    };
    if is_same {
        dialog.phrase = dialog.phrase.take().map(|phrase| ConfirmPhrase {
            typed: before.phrase.map_or_else(String::new, |it| it.typed),
            ..phrase
        });
        dialog.is_phrase_missing = before.is_phrase_missing;
        dialog.seen_at = before.seen_at;
    }
}

/// The same changes as a trial.
fn on_trial(changes: &[Change]) -> Vec<Change> {
    let mut trial = changes.to_vec();
    for change in &mut trial {
        match change {
            Change::Weights(weights) => weights.revert_after_seconds = Some(REVERT_AFTER_S),
            Change::Settings(settings) => settings.revert_after_seconds = Some(REVERT_AFTER_S),
            Change::Provider { change, .. } => change.revert_after_seconds = Some(REVERT_AFTER_S),
            Change::Keep | Change::Probe(_) | Change::Reload | Change::Alert { .. } => {}
        }
    }
    trial
}

/// A line for each row that differs.
fn differences(draft: &Draft, theme: Theme) -> Vec<String> {
    let arrow = theme.mark('→', '>');
    let objectives = NAMES.iter().enumerate().filter_map(|(row, name)| {
        let (from, to) = (draft.from()[row], draft.points()[row]);
        (from != to).then(|| format!("  {} {from:>3} {arrow} {to}", format::left(name, 12)))
    });
    let settings = draft.settings().into_iter().flat_map(|drafted| {
        drafted.moved().map(|setting| {
            let text = |values| setting.text(values, |usd| theme.secret(format!("${usd}")));
            let (from, to) = (text(&drafted.from), text(&drafted.to));
            format!(
                "  {} {from} {arrow} {to}",
                format::left(setting.label(), 12)
            )
        })
    });
    let providers = draft.moved().flat_map(|(name, drafted)| {
        let name = format::left(name, 12);
        let (before, to) = (drafted.current, drafted.priority);
        let priority = format!("  {name} {:>3} {arrow} {to}  (priority)", before.priority);
        let own = |own: Option<[u8; 3]>| {
            own.map_or_else(
                || "none".to_owned(),
                |own| own.map(|it| it.to_string()).join("/"),
            )
        };
        let before = own(before.own.map(|own| own.points));
        let weights = format!(
            "  {name} {before} {arrow} {}  (own cost/latency/reliability)",
            own(drafted.own)
        );
        [
            drafted.moves_priority().then_some(priority),
            drafted.moves_own().then_some(weights),
        ]
    });
    objectives
        .chain(settings)
        .chain(providers.flatten())
        .collect()
}
