//! Dialogs that confirm a change, and the effects of their choices.

use super::rebase::rebase_draft;
use crate::contract::{HealthState, ProviderStatus};
use crate::tui::change::Change;
use crate::tui::confirm_dialog::{
    ConfirmDialog, ConfirmPhrase, DialogAction, DialogChoice, DialogFocus, DialogKind,
};
use crate::tui::effect::{Effect, ExitReason};
use crate::tui::format;
use crate::tui::keymap::Action;
use crate::tui::model::{Dialog, Model, Pending};

/// With fewer healthy providers there is no fallback.
const MIN_HEALTHY: usize = 2;

/// Opens a dialog unless changes are refused now.
pub(super) fn ask(model: &mut Model, mut dialog: ConfirmDialog) {
    dialog.lines.extend(model.past_warning());
    match model.refusal() {
        Some(why) => {
            model.dialog = None;
            model.notify(why, true);
        }
        None => model.dialog = Some(Dialog::Confirm(Box::new(dialog))),
    }
}

/// A choice that applies changes; `inverse` undoes them.
pub(super) fn change_choice(
    key: impl Into<Option<Action>>,
    label: impl Into<String>,
    changes: Vec<Change>,
    inverse: Vec<Change>,
) -> DialogChoice {
    DialogChoice {
        label: label.into(),
        key: key.into(),
        action: DialogAction::Change { changes, inverse },
    }
}

/// The phrase for changes that would leave too few providers for a fallback.
pub(super) fn last_provider_phrase(model: &Model, changes: &[Change]) -> Option<ConfirmPhrase> {
    let removed: Vec<&str> = changes.iter().filter_map(Change::takes_away).collect();
    let first = removed.first()?;
    let providers = model.status.iter().flat_map(|status| &status.providers);
    let is_removed = |it: &&ProviderStatus| removed.contains(&it.performance.provider.as_str());
    let (removed, others): (Vec<_>, Vec<_>) = providers.partition(is_removed);
    let left: Vec<&ProviderStatus> = others.into_iter().filter(|it| is_healthy(it)).collect();
    let why = if left.len() < MIN_HEALTHY {
        format!("only {} healthy would be left", left.len())
    } else {
        format!("no other provider serves {}", unserved(&removed, &left)?)
    };
    Some(ConfirmPhrase::new(*first, why))
}

/// Returns whether a provider is enabled and known to be healthy.
fn is_healthy(provider: &ProviderStatus) -> bool {
    provider.enabled
        && !provider.draining
        && matches!(
            provider.performance.state,
            HealthState::Ok | HealthState::Slow
        )
}

/// The first model type that a provider of `removed` serves and none of `left` does.
fn unserved<'a>(removed: &[&'a ProviderStatus], left: &[&ProviderStatus]) -> Option<&'a str> {
    let serves = |provider: &ProviderStatus, model_type: &String| {
        let mut models = provider.performance.models.iter();
        // A model without requests so far is taken to be as healthy as its provider.
        models.any(|model| {
            matches!(
                model.state,
                HealthState::Ok | HealthState::Slow | HealthState::Unknown
            ) && model.types.contains(model_type)
        })
    };
    let models = removed.iter().flat_map(|it| &it.performance.models);
    let mut types = models.flat_map(|model| &model.types);
    let model_type = types.find(|it| !left.iter().any(|provider| serves(provider, it)))?;
    Some(model_type.as_str())
}

/// The revision that a change made now is based on.
pub(super) fn revision(model: &Model) -> Option<u64> {
    model.status.as_ref().map(|status| status.revision)
}

/// The instance that would be changed, and the age of its data.
pub(super) fn target_line(model: &Model) -> String {
    let environment = model
        .status
        .as_ref()
        .map(|status| status.environment.clone());
    format!(
        "at {} ({}), data {} s old",
        model.theme().secret(&model.options.address),
        environment.unwrap_or_default(),
        model.age().as_secs()
    )
}

pub(super) fn reload(model: &mut Model) {
    let lines = vec![
        "Read the instance's configuration, environment and key files again?".to_owned(),
        "With an error in them nothing changes, and all errors are listed here.".to_owned(),
        target_line(model),
    ];
    let yes = change_choice(Action::Yes, "Yes, reload", vec![Change::Reload], Vec::new());
    ask(
        model,
        ConfirmDialog::new(DialogKind::Reload, lines, vec![yes]),
    );
}

/// Keeps the change that is on trial. This changes nothing that is in effect, so no dialog opens.
pub(super) fn keep(model: &mut Model) -> Vec<Effect> {
    let on_trial = model
        .status
        .as_ref()
        .is_some_and(|status| status.reverts_at.is_some());
    if !on_trial {
        model.notify("nothing is on trial", false);
        return Vec::new();
    }
    if let Some(why) = model.refusal() {
        model.notify(why, true);
        return Vec::new();
    }
    send(model, "keep".to_owned(), vec![Change::Keep], Vec::new())
}

pub(super) fn leave(model: &mut Model) {
    let choice = |key: Action, label: &str, action: DialogAction| DialogChoice {
        label: label.to_owned(),
        key: Some(key),
        action,
    };
    let stop = || DialogAction::End(ExitReason::Stop);
    let status = model.status.as_ref();
    let rate = status.map_or(0.0, |status| status.requests_per_second);
    let providers = status.iter().flat_map(|status| &status.providers);
    let running: u64 = providers
        .map(|it| u64::from(it.performance.in_flight))
        .sum();
    let is_demo = status.is_some_and(|status| status.environment == "demo");
    // The clients of a demo are simulated.
    let stops = if (rate > 0.0 || running > 0) && !is_demo {
        let why = if rate > 0.0 {
            let rate = format::rate(rate);
            format!("it serves {rate} requests a second")
        } else {
            format!("{running} requests run")
        };
        let lines = vec!["Finish running requests, then stop the gateway.".to_owned()];
        let choices = vec![choice(Action::Stop, "Stop the gateway", stop())];
        let dialog = ConfirmDialog::new(DialogKind::Stop, lines, choices);
        let phrase = ConfirmPhrase::new("stop", why);
        DialogAction::Open(Box::new(dialog.with_fields(Some(phrase), false)))
    } else {
        stop()
    };
    let detach = DialogAction::End(ExitReason::Detach);
    let dialog = ConfirmDialog::new(
        DialogKind::Leave,
        vec!["The gateway runs in this process.".to_owned()],
        vec![
            choice(
                Action::Detach,
                "Detach: close the screen, keep serving",
                detach,
            ),
            choice(
                Action::Stop,
                "Stop: finish running requests, then stop",
                stops,
            ),
        ],
    );
    model.dialog = Some(Dialog::Confirm(Box::new(dialog)));
}

/// Asks what happens to a draft that is based on an older revision.
pub(super) fn conflict(model: &mut Model, lines: Vec<String>) {
    let revision = revision(model).unwrap_or(0);
    let choice = |key: Action, label: &str, action: DialogAction| DialogChoice {
        label: label.to_owned(),
        key: Some(key),
        action,
    };
    let rebase = "Rebase the draft: keep its rows on top of what is in effect";
    let choices = vec![
        choice(Action::Yes, rebase, DialogAction::Rebase),
        choice(Action::Discard, "Drop the draft", DialogAction::Discard),
    ];
    let dialog = ConfirmDialog::new(DialogKind::Conflict { revision }, lines, choices);
    model.dialog = Some(Dialog::Confirm(Box::new(dialog)));
}

/// Moves the focus.
pub(super) fn focus(model: &mut Model, step: isize) {
    if let Some(dialog) = model.confirm_dialog() {
        dialog.step(step);
    }
}

/// Enter: makes the focused choice, or moves on from a field.
pub(super) fn press(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.confirm_dialog() else {
        return Vec::new();
    };
    match dialog.focus {
        DialogFocus::Cancel => {
            model.dialog = None;
            model.notify("cancelled, nothing changed", false);
            Vec::new()
        }
        DialogFocus::Reason | DialogFocus::Phrase => {
            dialog.step(1);
            Vec::new()
        }
        DialogFocus::Choice(choice) => take(model, choice),
    }
}

/// Makes the choice with this key, if the dialog has one.
pub(super) fn choose(model: &mut Model, key: Action) -> Vec<Effect> {
    let dialog = model.confirm_dialog();
    let found = dialog.and_then(|dialog| dialog.choices.iter().position(|it| it.key == Some(key)));
    found.map_or_else(Vec::new, |choice| take(model, choice))
}

fn take(model: &mut Model, choice: usize) -> Vec<Effect> {
    let Some(dialog) = model.confirm_dialog() else {
        return Vec::new();
    };
    let action = dialog.action(choice);
    if !dialog.is_allowed() {
        dialog.is_phrase_missing = true;
        dialog.focus = DialogFocus::Phrase;
        return Vec::new();
    }
    let kind = dialog.kind;
    // Permission may have ended since the dialog opened.
    if matches!(action, DialogAction::Change { .. })
        && let Some(why) = model.refusal()
    {
        model.dialog = None;
        model.notify(why, true);
        return Vec::new();
    }
    model.dialog = None;
    match action {
        DialogAction::Nothing => Vec::new(),
        DialogAction::End(reason) => vec![Effect::End(reason)],
        DialogAction::Open(dialog) => {
            model.dialog = Some(Dialog::Confirm(dialog));
            Vec::new()
        }
        DialogAction::Rebase => {
            rebase_draft(model);
            Vec::new()
        }
        DialogAction::Discard => {
            if let Some(draft) = &mut model.draft {
                draft.reset();
            }
            rebase_draft(model);
            model.notify("the draft is dropped", false);
            Vec::new()
        }
        DialogAction::Change { changes, inverse } => {
            let what = kind.to_string().to_lowercase();
            let effects = send(model, what, changes, inverse);
            if let Some(pending) = &mut model.pending {
                pending.undoes = kind == DialogKind::Undo;
                pending.applies = matches!(kind, DialogKind::ApplyDraft { .. });
            }
            effects
        }
    }
}

/// Sends changes and notes them as pending.
pub(super) fn send(
    model: &mut Model,
    what: String,
    changes: Vec<Change>,
    inverse: Vec<Change>,
) -> Vec<Effect> {
    let named = changes.iter().find_map(Change::drafted_on);
    let on = named.or_else(|| revision(model));
    model.pending = Some(Pending {
        what,
        at: model.now,
        changes: changes.clone(),
        inverse,
        on: on.unwrap_or(0),
        undoes: false,
        applies: false,
    });
    vec![Effect::Change(changes)]
}
