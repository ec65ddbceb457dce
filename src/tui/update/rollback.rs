//! Weights on their way: the review of a draft, and the way back to a revision.

use super::dialogs::{APPLY, answer_of, ask, target_line};
use super::forecast::{Forecast, ROLL_BACK, forecast};
use crate::tui::change::{Change, back_to, inverse as inverse_of};
use crate::tui::confirm_dialog::{ConfirmDialog, ConfirmPhrase};
use crate::tui::draft::{Draft, NAMES};
use crate::tui::format;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Subject};
use crate::tui::theme::Theme;
use std::time::Duration;

/// How long weights stay on trial before they undo themselves, in seconds.
const REVERT_AFTER_S: u64 = 120;
/// Older data is not acted on without a word.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// Back to the weights of a revision: of a number, or of the menu that is open.
pub(super) fn rollback(model: &mut Model, number: Option<u64>) {
    let chosen = match &model.dialog {
        Some(Dialog::Menu(Subject::Revision(number))) => Some(*number),
        _ => number,
    };
    let Some(number) = chosen else { return };
    let revision = model
        .revisions
        .rows
        .iter()
        .find(|revision| revision.revision == number)
        .cloned();
    let (Some(revision), Some(status)) = (revision, model.status.clone()) else {
        model.dialog = None;
        let revisions = model.key(Action::Go(Screen::Revisions));
        let text = format!("revision {number} is not among those listed; {revisions} lists them");
        model.notify(text, true);
        return;
    };
    let mut draft = Draft::new(&status.weights, status.revision);
    draft.set_all(&revision.after);
    if !draft.is_changed() {
        model.dialog = None;
        model.notify(
            format!("the weights of rev {number} are in force already"),
            false,
        );
        return;
    }
    let change = back_to(
        &revision.after,
        status.revision,
        format!("roll back to rev {number}"),
    );
    let mut lines = vec![format!("Weights back to what they were in rev {number}:")];
    lines.extend(differences(&draft, model.theme()));
    let Forecast { lines: told, word } = forecast(model, &status, &draft);
    lines.extend(told);
    lines.push(target_line(model));
    let inverse = vec![back_to(
        &status.weights,
        0,
        format!("undo the roll back to rev {number}"),
    )];
    let yes = answer_of('y', "Yes, roll back", vec![change], inverse);
    let mut question = ConfirmDialog::new(format!("{ROLL_BACK} {number}"), lines, vec![yes]);
    question.word = word;
    model.going_back = Some(number);
    ask(model, question);
}

/// The draft, its effect and its checks, before it is applied.
pub(super) fn review(model: &mut Model) {
    let (Some(draft), Some(status)) = (model.draft.clone(), model.status.clone()) else {
        return;
    };
    if !draft.is_changed() {
        model.notify("nothing to apply: the draft is what is in force", false);
        return;
    }
    let Forecast { lines: told, word } = forecast(model, &status, &draft);
    let mut lines = differences(&draft, model.theme());
    lines.extend(told);
    let check = |well: bool, text: String| {
        let mark = if well {
            model.theme().mark('✓', '+')
        } else {
            model.theme().mark('✗', 'X')
        };
        format!("{mark} {text}")
    };
    lines.push(check(model.age() <= STALE_AFTER, target_line(model)));
    lines.push(check(
        draft.revision == status.revision,
        format!(
            "drafted on rev {}, rev {} is in force",
            draft.revision, status.revision
        ),
    ));
    let for_good = draft.changes();
    let mut inverse = Vec::new();
    if let Some(Change::Weights(change)) = for_good.first() {
        inverse.push(inverse_of(change, &status.weights));
    }
    inverse.extend(draft.providers_back());
    let keep = model.key(Action::Keep);
    let label = format!("Apply on trial: undone in {REVERT_AFTER_S} s unless kept ({keep})");
    let answers = vec![
        answer_of('y', &label, on_trial(&for_good), inverse.clone()),
        answer_of('g', "Apply for good", for_good, inverse),
    ];
    let title = format!("{APPLY} THE DRAFT? rev {}", status.revision + 1);
    let mut question = ConfirmDialog::new(title, lines, answers);
    question.reason = Some(String::new());
    question.word = word.or_else(|| {
        (model.age() > STALE_AFTER).then(|| ConfirmPhrase {
            expected: "old-data".to_owned(),
            typed: String::new(),
            why: format!("the data is {} s old", model.age().as_secs()),
        })
    });
    ask(model, question);
}

/// The same changes, all of them on trial.
fn on_trial(changes: &[Change]) -> Vec<Change> {
    let mut trial = changes.to_vec();
    for change in &mut trial {
        match change {
            Change::Weights(weights) => weights.revert_after_seconds = Some(REVERT_AFTER_S),
            Change::Provider { change, .. } => change.revert_after_seconds = Some(REVERT_AFTER_S),
            Change::Keep | Change::Probe(_) | Change::Reload => {}
        }
    }
    trial
}

/// One line for each row that differs.
fn differences(draft: &Draft, theme: Theme) -> Vec<String> {
    let arrow = theme.mark('→', '>');
    let objectives = NAMES.iter().enumerate().filter_map(|(row, name)| {
        let (from, to) = (draft.from()[row], draft.points()[row]);
        (from != to).then(|| format!("  {} {from:>3} {arrow} {to}", format::left(name, 12)))
    });
    let providers = draft.moved().flat_map(|(name, wish)| {
        let name = format::left(name, 12);
        let (before, to) = (wish.in_force, wish.priority);
        let priority = format!("  {name} {:>3} {arrow} {to}  (priority)", before.priority);
        let own = |own: Option<[u8; 3]>| {
            own.map_or_else(
                || "none".to_owned(),
                |own| own.map(|it| it.to_string()).join("/"),
            )
        };
        let before = own(before.own.map(|own| own.points));
        let weights = format!(
            "  {name} {before} {arrow} {}  (its own cost/latency/reliability)",
            own(wish.own)
        );
        [
            wish.moves_priority().then_some(priority),
            wish.moves_own().then_some(weights),
        ]
    });
    objectives.chain(providers.flatten()).collect()
}
