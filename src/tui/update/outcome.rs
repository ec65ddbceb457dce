//! Results of changes, and the draft when the settings in effect change.

use super::dialogs;
use super::queries::watched_lists;
use super::rebase::{current_settings, rebase};
use crate::client::ClientError;
use crate::contract::Status;
use crate::tui::applied_forecast::AppliedForecast;
use crate::tui::change::{Applied, Change, Undo};
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Pending};
use unicode_width::UnicodeWidthStr;

/// A longer failure opens a report as well, because the notice has one line.
const MAX_NOTICE_CELLS: usize = 64;
/// Changes that can be undone.
const MAX_UNDO: usize = 20;

pub(super) fn on_changed(model: &mut Model, result: Result<Applied, ClientError>) -> Vec<Effect> {
    let pending = model.pending.take();
    // What was changed may be an alert.
    model.alerts.answered_at = None;
    // This result is newer than any notice about an earlier change.
    model.notice = None;
    match result {
        Ok(applied) => on_applied(model, applied, pending),
        Err(error) => on_rejected(model, &error, pending.is_some_and(|it| it.applies)),
    }
    watched_lists(model)
}

fn on_applied(model: &mut Model, mut applied: Applied, pending: Option<Pending>) {
    // A report of weights always has its revision.
    let weights_revision = applied.weights.as_ref().map(|report| report.revision);
    applied.revision = applied.revision.or(weights_revision);
    if let Some(pending) = pending {
        if pending.applies {
            // It was about the draft that is now in effect.
            let known = model.what_if.take();
            let now = (applied.revision, model.now);
            let whole = applied.failed.is_none();
            let status = model.status.as_deref().filter(|_| whole);
            let drafted = status.zip(model.draft.as_ref());
            let forecast = drafted.zip(known.as_ref());
            model.applied =
                forecast.and_then(|(drafted, known)| AppliedForecast::new(drafted, known, now));
        }
        settle(model, &applied, &pending);
        remember(model, &applied, pending);
    } else if let (Some(draft), Some(report)) = (&mut model.draft, &applied.weights) {
        draft.rebase(&report.weights, report.revision);
    }
    let mut text = applied.text;
    if let Some(at) = &applied.reverts_at {
        let keep = model.key(Action::Keep);
        text = format!(
            "{text}, on trial until {}Z: {keep} keeps it",
            format::clock(at)
        );
    }
    match &applied.failed {
        None => model.notify(text, false),
        Some((_, error)) if error.status().is_none() => {
            let unknown = unknown(model, "the rest was applied", error);
            model.notify(format!("applied in part: {text}; {unknown}"), true);
        }
        Some((_, error)) => {
            let text = format!("applied in part: {text}; then: {error}");
            model.notify(text, true);
        }
    }
    report(model, "RELOADED", applied.report);
}

fn on_rejected(model: &mut Model, error: &ClientError, applies_draft: bool) {
    if error.status().is_none() {
        let text = unknown(model, "it was applied", error);
        model.notify(text, true);
        return;
    }
    let detail = error.to_string();
    // Another change came first: the operator decides what becomes of the draft.
    if error.status() == Some(409) && applies_draft && model.dialog.is_none() {
        let mut lines = vec!["Nothing was applied. Another change came first:".to_owned()];
        lines.extend(detail.lines().map(|line| format!("  {}", line.trim())));
        lines.push("Cancel leaves the draft as it is.".to_owned());
        dialogs::conflict(model, lines);
        return;
    }
    let mut lines = detail.lines().map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    let text = format!("not applied: {}", first.trim_end_matches(':'));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() && text.width() > MAX_NOTICE_CELLS {
        lines.push(first);
    }
    model.notify(text, true);
    report(model, "NOTHING CHANGED", lines);
}

/// Changes without a reply may have been applied.
fn unknown(model: &Model, what: &str, error: &ClientError) -> String {
    let revisions = model.key(Action::Go(Screen::Revisions));
    format!("unknown whether {what}: {error}; {revisions} lists the revisions")
}

/// Opens a report, if there are lines and no other box is open.
fn report(model: &mut Model, title: &str, lines: Vec<String>) {
    if !lines.is_empty() && model.dialog.is_none() {
        model.dialog = Some(Dialog::report(title, lines));
    }
}

/// Clears the applied part of the draft, and bases the rest on the new revision.
fn settle(model: &mut Model, applied: &Applied, pending: &Pending) {
    let Some(draft) = &mut model.draft else {
        return;
    };
    // No other change came between the base of the draft and this change.
    let is_next = pending.applies || draft.revision == pending.on;
    if pending.applies && applied.failed.is_none() {
        draft.reset();
        if let Some(report) = &applied.weights {
            draft.rebase(&report.weights, report.revision);
        }
        if let Some(report) = &applied.settings {
            draft.rebase_settings(&report.values);
        }
    } else if let Some(report) = applied.weights.as_ref().filter(|_| is_next) {
        draft.rebase(&report.weights, report.revision);
    }
    if let (true, Some((done, _))) = (pending.applies, &applied.failed) {
        for change in pending.changes.iter().take(*done) {
            match change {
                Change::Provider { name, .. } => draft.forget(name),
                Change::Settings(_) => draft.forget_settings(),
                _ => {}
            }
        }
    }
    if let Some(revision) = applied.revision.filter(|_| is_next) {
        draft.revision = revision;
    }
}

/// Records the inverse of applied changes; changes that were themselves an undo are removed.
fn remember(model: &mut Model, applied: &Applied, pending: Pending) {
    let done = applied.failed.as_ref().map(|(done, _)| *done);
    let after = applied.revision.unwrap_or(0);
    if pending.undoes {
        if let Some(done) = done {
            if let Some(undo) = model.undo.last_mut() {
                undo.changes.drain(..done.min(undo.changes.len()));
                undo.after = after;
            }
            return;
        }
        let undone = model.undo.pop().unwrap_or_default();
        // No other change came between the two, so the earlier one is the newest again.
        if let Some(earlier) = model.undo.last_mut()
            && pending.on == undone.after
            && earlier.after == undone.before
        {
            earlier.after = after;
        }
        return;
    }
    let mut changes = pending.inverse;
    if let Some(done) = done {
        changes.truncate(done);
    }
    if !changes.is_empty() {
        if model.undo.len() == MAX_UNDO {
            model.undo.remove(0);
        }
        model.undo.push(Undo {
            changes,
            before: pending.on,
            after,
        });
    } else if let (Some(undo), Some(revision)) = (model.undo.last_mut(), applied.revision)
        && undo.after == pending.on
    {
        // A change made here that leaves nothing to undo.
        undo.after = revision;
    }
}

/// Applies a new status to the draft: an unchanged draft follows the settings in effect, a changed
/// one keeps its base, so that a change by another operator does not go unnoticed.
pub(super) fn follow(model: &mut Model, status: &Status) {
    let newest = model.status.as_ref().map_or(0, |known| known.revision);
    let mut has_restarted = status.revision < newest;
    let mut is_drafted = false;
    if let Some(draft) = &mut model.draft {
        draft.forget_unmoved();
        if !draft.is_changed() || draft.is_in_force(status, current_settings(status)) {
            rebase(draft, status);
        } else if draft.revision == status.revision
            && !draft.is_on(status, current_settings(status))
        {
            // Revisions start at 1 with every start of the instance, so the number alone proves
            // nothing.
            rebase(draft, status);
            has_restarted = true;
            is_drafted = true;
        }
    }
    if has_restarted {
        for undo in &mut model.undo {
            undo.after = 0;
        }
    }
    if is_drafted {
        let text = format!(
            "rev {} is not the one the draft is based on: review the draft again",
            status.revision
        );
        model.notify(text, true);
    }
}
