//! Moves the window back and forth through what is stored. The past is looked at and never acted on:
//! views that change something show the present.

use super::queries;
use crate::client::ClientError;
use crate::contract::{Status, Window};
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::input_context::Screen;
use crate::tui::model::{Model, STEP_S, ShownPast};
use std::sync::Arc;

/// Moves by whole windows; beyond the newest one is the present.
pub(super) fn travel(model: &mut Model, step: isize) -> Vec<Effect> {
    let Some(now) = now_s(model) else {
        return Vec::new();
    };
    let window = model.window;
    let end = model.past.as_ref().map_or(now, |past| past.until);
    let length = window.seconds().max(STEP_S);
    let until = if step < 0 {
        end.saturating_sub(length)
    } else {
        end + length
    };
    if until >= now {
        if model.past.is_none() {
            model.notify("this is the present", false);
        }
        return return_to_present(model);
    }
    ask(model, window, until)
}

/// Shows the present again.
pub(super) fn return_to_present(model: &mut Model) -> Vec<Effect> {
    if model.past.take().is_none() {
        return Vec::new();
    }
    forget_rows(model);
    model.sort();
    queries::watched_lists(model)
}

/// Leaves the past for a view that has none.
pub(super) fn leave_for(model: &mut Model, screen: Screen) {
    let has_past = matches!(
        screen,
        Screen::Overview | Screen::Detail | Screen::Decisions
    );
    if !has_past && model.past.take().is_some() {
        forget_rows(model);
        model.notify("back in the present: this view has no past", false);
    }
}

/// Asks for the same end with another length.
pub(super) fn ask_again(model: &mut Model, window: Window) -> Vec<Effect> {
    let until = model.past.as_ref().map(|past| past.until);
    until.map_or_else(Vec::new, |until| ask(model, window, until))
}

fn ask(model: &mut Model, window: Window, until: u64) -> Vec<Effect> {
    model.frozen = None;
    let known = model.past.take().and_then(|past| past.status);
    model.past = Some(ShownPast {
        until,
        window,
        status: known,
        asked: true,
    });
    vec![Effect::AskPast(window, until)]
}

/// Takes in a window of the past, unless another one was asked for meanwhile.
pub(super) fn on_past(
    model: &mut Model,
    (window, until): (Window, u64),
    answer: Result<Status, ClientError>,
) -> Vec<Effect> {
    let is_wanted = |past: &&mut ShownPast| past.until == until && past.window == window;
    let Some(past) = model.past.as_mut().filter(is_wanted) else {
        return Vec::new();
    };
    past.asked = false;
    match answer {
        Ok(status) => {
            past.status = Some(Arc::new(status));
            forget_rows(model);
            model.sort();
            return queries::watched_lists(model);
        }
        Err(error) => {
            // The window that is shown stays; without one it is the present.
            let shown = past.status.as_ref().and_then(|it| it.past.as_ref());
            match shown.and_then(|it| format::unix_seconds(&it.until)) {
                Some(until) => past.until = until,
                None => model.past = None,
            }
            let text = match error.status() {
                Some(404) => format!("no figures so far back: {error}"),
                _ => format!("no past: {error}"),
            };
            model.notify(text, true);
        }
    }
    Vec::new()
}

/// What the decisions are of changes with the window.
fn forget_rows(model: &mut Model) {
    model.forget_decisions();
    model.explained = None;
}

/// The present by the clock of the instance, cut to a full step.
fn now_s(model: &Model) -> Option<u64> {
    let status = model.status.as_ref()?;
    let now = format::unix_seconds(&status.generated_at)?;
    Some(now / STEP_S * STEP_S)
}
