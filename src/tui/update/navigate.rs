//! Moves between screens, rows, panels and windows.

use super::draft_edit::{self, with_draft};
use super::{decisions, queries, review, text_input, time_travel};
use crate::contract::Window;
use crate::tui::draft::{Draft, DraftRow};
use crate::tui::effect::Effect;
use crate::tui::input_context::Screen;
use crate::tui::keymap::Action;
use crate::tui::model::{DecisionView, Dialog, Help, Model};
use crate::tui::panels::PANELS;

/// Opens what is under the cursor.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        Screen::Weights => {
            review::review(model);
            Vec::new()
        }
        Screen::Decisions => {
            let rows = model.decision_rows();
            let selected = rows.get(model.decisions.at);
            let Some(provider) = selected.and_then(|row| row.provider.clone()) else {
                return Vec::new();
            };
            let mut known = model.shown().into_iter().flat_map(|it| &it.providers);
            if !known.any(|it| it.performance.provider == provider) {
                model.notify(format!("{provider} is no longer configured"), false);
                return Vec::new();
            }
            model.cursor = Some(provider);
            go(model, Screen::Detail)
        }
        Screen::Clients => open_client(model),
        Screen::Overview
        | Screen::Detail
        | Screen::Models
        | Screen::Alerts
        | Screen::Revisions
        | Screen::Log => {
            let Some(selected) = model.selected_name() else {
                model.notify("no provider is selected", false);
                return Vec::new();
            };
            model.cursor = Some(selected);
            model.forget_decisions();
            go(model, Screen::Detail)
        }
    }
}

/// Lists the decisions of the client under the cursor.
fn open_client(model: &mut Model) -> Vec<Effect> {
    let Some(client) = model.selected_client() else {
        model.notify("no client is selected", false);
        return Vec::new();
    };
    if client.name.is_empty() {
        model.notify("the name of these clients is unknown", false);
        return Vec::new();
    }
    model.decisions_of = None;
    model.forget_decisions();
    model.screen = Screen::Decisions;
    text_input::set_filter(model, &format!("client:{}", client.name));
    go(model, Screen::Decisions)
}

pub(super) fn move_row(model: &mut Model, step: isize) {
    let decided = model.decision_rows().len();
    let moved =
        |at: usize, count: usize| at.saturating_add_signed(step).min(count.saturating_sub(1));
    match model.screen {
        Screen::Overview | Screen::Detail => model.move_cursor(step),
        Screen::Alerts => model.move_alert(step),
        Screen::Models => model.move_model(step),
        Screen::Clients => model.move_client(step),
        Screen::Weights => {
            draft_edit::select(model, step);
        }
        Screen::Decisions => decisions::hold_at(model, moved(model.decisions.at, decided)),
        Screen::Revisions => {
            model.revisions.at = moved(model.revisions.at, model.revisions.rows.len());
        }
        Screen::Log => model.log.move_cursor(step),
    }
}

/// Moves to the next row in trouble: a provider, or a request that failed or that was saved.
pub(super) fn next_trouble(model: &mut Model, step: isize) {
    match model.screen {
        Screen::Decisions => decisions::next_trouble(model, step),
        Screen::Models => model.next_model_in_trouble(step),
        Screen::Clients => model.next_client_in_trouble(step),
        Screen::Log => model.next_log_match(step),
        _ => model.next_trouble(step),
    }
}

pub(super) fn go(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.dialog = None;
    model.zoomed = false;
    time_travel::leave_for(model, screen);
    if screen == Screen::Weights && model.draft.is_none() {
        let status = model.status.as_ref();
        model.draft = status.map(|status| Draft::of(status));
    }
    if screen == Screen::Weights && model.screen == Screen::Detail {
        // Coming from a provider, the operator wants to edit that one.
        let name = model.selected_name();
        with_draft(model, |draft| {
            draft.row = name.map_or(DraftRow::Objective(0), DraftRow::Provider);
        });
    }
    if screen == Screen::Decisions && model.screen != Screen::Decisions {
        // It follows the newest again.
        model.decision_view = DecisionView::default();
    }
    model.screen = screen;
    queries::watched_lists(model)
}

/// Closes the topmost dialog or notice, returns to the present, then to the overview; there it does
/// nothing.
pub(super) fn back(model: &mut Model) -> Vec<Effect> {
    if closes_box(model) {
        return Vec::new();
    }
    if model.past.is_some() {
        return time_travel::return_to_present(model);
    }
    if model.screen == Screen::Decisions && model.decisions_of.take().is_some() {
        model.forget_decisions();
        return Vec::new();
    }
    if model.filter_here().is_some_and(|filter| !filter.is_empty()) {
        text_input::set_filter(model, "");
        return Vec::new();
    }
    model.screen = Screen::Overview;
    model.draft.take_if(|draft| !draft.is_changed());
    Vec::new()
}

/// Closes what lies over the screen; returns false if nothing does.
fn closes_box(model: &mut Model) -> bool {
    if let Some(Dialog::Help(help)) = &mut model.dialog
        && (help.is_typing || !help.search.is_empty())
    {
        *help = Help::default();
        return true;
    }
    if model.dialog.take().is_some() || model.notice.take_if(|notice| notice.bad).is_some() {
        return true;
    }
    std::mem::take(&mut model.zoomed)
}

/// Lengthens or shortens the window by one step.
pub(super) fn change_window(model: &mut Model, step: isize) -> Vec<Effect> {
    let at = Window::ALL
        .iter()
        .position(|window| *window == model.window)
        .unwrap_or(0);
    let next = at.saturating_add_signed(step).min(Window::ALL.len() - 1);
    set_window(model, Window::ALL[next])
}

pub(super) fn set_window(model: &mut Model, window: Window) -> Vec<Effect> {
    if window == model.window {
        return Vec::new();
    }
    if let Some(frozen) = &model.frozen {
        // A frozen screen stays as it is.
        let (window, key) = (frozen.window.as_str(), model.key(Action::Freeze));
        model.notify(
            format!("frozen at {window}: {key} unfreezes, then the window can change"),
            true,
        );
        return Vec::new();
    }
    model.window = window;
    let mut effects = vec![Effect::Watch(window)];
    effects.extend(time_travel::ask_again(model, window));
    effects
}

pub(super) fn next_panel(model: &mut Model, step: isize) {
    if model.screen == Screen::Weights {
        let provider = model.selected_name();
        with_draft(model, |draft| draft.cross(step, provider));
        return;
    }
    let count = isize::try_from(PANELS.len()).unwrap_or(1);
    let next = isize::try_from(model.panel).unwrap_or(0) + step;
    model.panel = usize::try_from(next.rem_euclid(count)).unwrap_or(0);
}

pub(super) fn to_panel(model: &mut Model, digit: char) {
    let panel = digit.to_digit(10).and_then(|digit| digit.checked_sub(1));
    let panel = panel.and_then(|panel| usize::try_from(panel).ok());
    model.panel = panel.unwrap_or(0).min(PANELS.len() - 1);
}
