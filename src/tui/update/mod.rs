//! Applies messages to the model and returns effects. Nothing here draws, waits or sends.

mod actions;
mod advice;
mod alert_actions;
mod clipboard;
mod decisions;
mod dialogs;
mod draft_edit;
mod forecast;
mod log;
mod navigate;
mod outcome;
mod palette;
mod provider_dialogs;
mod queries;
mod rebase;
mod review;
mod text_input;
mod time_travel;
mod undo;

use super::effect::Effect;
use super::input::Input;
use super::input_context::Screen;
use super::key::{Code, Key};
use super::keymap::Action;
use super::message::Message;
use super::model::{BELL_INTERVAL, BellMode, Dialog, LinkState, Model, NOTICE_DURATION};
use crate::client::{ClientError, Update};
use crate::contract::{HealthState, RevisionReport, Status};
use std::sync::Arc;
use std::time::Duration;

/// Applies a message; `now` is the time since the start of the dashboard.
pub fn update(model: &mut Model, message: Message, now: Duration) -> Vec<Effect> {
    model.now = now;
    match message {
        Message::Input(input) => return on_input(model, input),
        Message::Update(Update::Status(status)) => return on_status(model, status),
        Message::Update(Update::Disconnected(why)) => {
            model.link = LinkState::Lost(why);
            // The next gateway at this address may count its lines from 1.
            model.log.next = None;
        }
        Message::Changed(result) => return outcome::on_changed(model, result),
        Message::Decisions(answer) => {
            decisions::on_decisions(model, answer);
            return queries::explanation(model).into_iter().collect();
        }
        Message::Clients(answer) => queries::on_clients(model, answer),
        Message::Log(answer) => log::on_log(model, answer),
        Message::Revisions(answer) => on_revisions(model, answer),
        Message::Explained(asked, answer) => {
            return decisions::on_explained(model, &asked, answer);
        }
        Message::Past(of, answer) => return time_travel::on_past(model, of, *answer),
        Message::Alerts(answer) => {
            let answer = answer.map(|list| list.alerts);
            model
                .alerts
                .receive(answer.map_err(|error| error.to_string()), now);
        }
        Message::Advice(answer) => advice::on_advice(model, *answer),
        Message::WhatIf(answer) => return queries::on_what_if(model, *answer),
        Message::Exported(Ok(path)) => model.notify(format!("saved to {path}"), false),
        Message::Exported(Err(why)) => model.notify(format!("not saved: {why}"), true),
        Message::Drawn => {
            if let Some(dialog) = model.confirm_dialog() {
                dialog.is_drawn = true;
            }
        }
        Message::Seen => {
            // A frame that was under way when the dialog opened does not show it.
            if let Some(dialog) = model.confirm_dialog().filter(|dialog| dialog.is_drawn) {
                dialog.seen_at.get_or_insert(now);
            }
        }
        Message::Tick => return on_tick(model),
    }
    Vec::new()
}

fn on_tick(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    model
        .notice
        .take_if(|notice| !notice.bad && now.saturating_sub(notice.at) > NOTICE_DURATION);
    if model.armed_until.is_some() && model.armed_for().is_none() {
        model.armed_until = None;
        model.notify("view-only again", false);
    }
    model.sort();
    queries::watched_lists(model)
}

fn on_revisions(model: &mut Model, answer: Result<Vec<RevisionReport>, ClientError>) {
    let list = &mut model.revisions;
    let selected = list.rows.get(list.at).filter(|_| list.at > 0);
    let selected = selected.map(|row| row.revision);
    list.receive(answer.map_err(|error| error.to_string()), model.now);
    let kept = selected.and_then(|id| list.rows.iter().position(|row| row.revision == id));
    list.at = kept
        .unwrap_or(list.at)
        .min(list.rows.len().saturating_sub(1));
}

fn on_status(model: &mut Model, status: Arc<Status>) -> Vec<Effect> {
    // A status of the previous window may still arrive after the window changed.
    if status.window != model.window {
        return Vec::new();
    }
    let is_first = model.status.is_none();
    let bell = bell(model, &status);
    model.link = LinkState::Live;
    model.status_at = model.now;
    outcome::follow(model, &status);
    model.status = Some(status);
    model.sort();
    let mut effects: Vec<Effect> = bell.into_iter().collect();
    if is_first {
        let opened = model.opens_on.take();
        effects.extend(match opened.filter(|_| model.screen == Screen::default()) {
            Some(screen) => navigate::go(model, screen),
            None => queries::watched_lists(model),
        });
    }
    effects
}

/// Rings the bell, if enabled, when a provider gets into trouble that stops its traffic, at most
/// once per [`BELL_INTERVAL`].
fn bell(model: &mut Model, newest: &Status) -> Option<Effect> {
    let known = model.status.as_ref()?;
    let is_critical = |state: HealthState| {
        matches!(
            state,
            HealthState::Failing | HealthState::Open | HealthState::Down
        )
    };
    let was_critical = |name: &str| {
        let mut providers = known.providers.iter().map(|it| &it.performance);
        providers.any(|it| it.provider == name && is_critical(it.state))
    };
    let mut providers = newest.providers.iter().map(|it| &it.performance);
    let is_new = providers.any(|it| is_critical(it.state) && !was_critical(&it.provider));
    let rang = model.rung_at.map(|at| model.now.saturating_sub(at));
    let is_quiet = rang.is_some_and(|ago| ago < BELL_INTERVAL);
    if model.options.bell == BellMode::Quiet || !is_new || is_quiet {
        return None;
    }
    model.rung_at = Some(model.now);
    Some(Effect::Bell)
}

fn on_input(model: &mut Model, input: Input) -> Vec<Effect> {
    match input {
        Input::Key(key) => on_key(model, key),
        Input::Paste(text) => {
            text_input::paste(model, &text);
            Vec::new()
        }
        Input::Wheel(step) if model.dialog.is_none() => {
            actions::act(model, Action::Move(isize::from(step)), ' ')
        }
        Input::Wheel(_) | Input::Click { .. } | Input::Answered => Vec::new(),
    }
}

fn on_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let context = model.input_context();
    let Some((action, digit)) = model.options.keymap.lookup(context, key) else {
        if !key.alt {
            return Vec::new();
        }
        // Esc and another key in quick succession look like a key with Alt.
        let mut effects = on_key(model, Key::plain(Code::Esc));
        effects.extend(on_key(model, Key { alt: false, ..key }));
        return effects;
    };
    let now = model.now;
    let is_early = |model: &mut Model| {
        model
            .confirm_dialog()
            .is_some_and(|dialog| !dialog.is_read(now))
    };
    // Text presses nothing, so none of it is lost while a dialog is drawn again.
    let is_text = matches!(
        action,
        Action::Type(_) | Action::Erase | Action::Clear | Action::Focus(_)
    );
    let is_accepted = (is_text || !is_early(model)) && !is_too_large(model);
    if !matches!(action, Action::Back | Action::QuitHard) && !is_accepted {
        return Vec::new();
    }
    let mut effects = actions::act(model, action, digit);
    if model.frozen.is_none() {
        effects.extend(queries::explanation(model));
        effects.extend(queries::prediction(model));
    }
    effects
}

/// Returns whether a dialog is open whose choices do not fit on the screen.
fn is_too_large(model: &Model) -> bool {
    match (&model.dialog, model.size) {
        (Some(Dialog::Confirm(dialog)), Some(size)) => !super::panels::excerpt::fits(dialog, size),
        (_, _) => false,
    }
}
