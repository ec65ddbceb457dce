//! What each action does.

use super::draft_edit::{mix, nudge, toggle_own, with_draft};
use super::{clipboard, dialogs, draft_edit, palette, rollback, text_input, undo, watched_lists};
use crate::contract::{DecisionOutcome, Window};
use crate::tui::draft::{Draft, DraftRow};
use crate::tui::input_context::{InputContext, Screen};
use crate::tui::keymap::{Action, SortOrder};
use crate::tui::message::{Effect, ExitReason};
use crate::tui::model::{ARMED_DURATION, BellMode, Dialog, Model, Options, Subject};
use crate::tui::panels::PANELS;
use std::time::Duration;

/// Two Ctrl-C within this time leave an attached dashboard.
const DOUBLE_INTERRUPT_WINDOW: Duration = Duration::from_secs(1);
/// As far as any list goes.
const END_OF_LIST: isize = 1 << 20;

pub(super) fn act(model: &mut Model, action: Action, digit: char) -> Vec<Effect> {
    match action {
        Action::Help => model.dialog = Some(Dialog::Help(0)),
        Action::Palette => {
            model.dialog = Some(Dialog::Palette {
                text: String::new(),
                row: 0,
            });
        }
        Action::Filter => {
            let filter = model.filter_here();
            let text = filter.map_or_else(String::new, |filter| filter.text().to_owned());
            model.dialog = Some(Dialog::Filter(text));
        }
        Action::Sort => model.dialog = Some(Dialog::Sort),
        Action::Presets => model.dialog = Some(Dialog::Presets),
        Action::Menu => open_menu(model),
        Action::Back => back(model),
        Action::Open => return super::navigate::open(model),
        Action::Move(step) => move_row(model, step),
        Action::First => move_row(model, -END_OF_LIST),
        Action::Last => move_row(model, END_OF_LIST),
        Action::Next(step) => next_bad(model, step),
        Action::Go(screen) => return go(model, screen),
        Action::Explain => {
            model.decisions_of = model.selected_name();
            return go(model, Screen::Decisions);
        }
        Action::Window(step) => return change_window(model, step),
        Action::Scroll(step) => {
            if let Some(Dialog::Help(first) | Dialog::Report { first, .. }) = &mut model.dialog {
                *first = first.saturating_add_signed(step * 5);
            }
        }
        Action::Type(c) => text_input::letter(model, c),
        Action::Erase => text_input::erase(model),
        Action::Clear => text_input::clear(model),
        Action::Choose(step) => palette::choose(model, step),
        Action::Accept => return palette::accept(model),
        action => return look(model, action, digit),
    }
    Vec::new()
}

/// What changes only how things are looked at, or leaves.
fn look(model: &mut Model, action: Action, digit: char) -> Vec<Effect> {
    match action {
        Action::Freeze => freeze(model),
        Action::Panel(step) => next_panel(model, step),
        Action::Number => to_panel(model, digit),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Hold => {
            model.locked = !model.locked;
            model.sort();
        }
        Action::SortBy(order) => sort_by(model, order),
        Action::Info => info(model),
        Action::Measure => model.measure = model.measure.other(),
        Action::Mouse => {
            model.mouse = !model.mouse;
            return vec![Effect::Mouse(model.mouse)];
        }
        Action::Mask => {
            model.options.theme.masked = !model.options.theme.masked;
        }
        Action::Bell => {
            let (bell, text) = match model.options.bell {
                BellMode::Quiet => (BellMode::Rings, "the bell rings for new trouble"),
                BellMode::Rings => (BellMode::Quiet, "the bell is quiet"),
            };
            model.options.bell = bell;
            model.notify(text, false);
        }
        Action::Copy => return clipboard::copy(model),
        Action::CopyAll => return clipboard::copy_all(model),
        Action::Export => return vec![Effect::Export],
        Action::Repaint => return vec![Effect::Repaint],
        Action::Suspend => return suspend(model),
        Action::Quit if model.options.all_in_one => dialogs::leave(model),
        Action::Quit => return vec![Effect::End(ExitReason::Quit)],
        Action::QuitHard => return interrupted(model),
        action => return change(model, action, digit),
    }
    Vec::new()
}

/// What moves a draft, asks a question or answers one.
fn change(model: &mut Model, action: Action, digit: char) -> Vec<Effect> {
    match action {
        Action::Arm => arm(model),
        Action::Side(step) if model.screen == Screen::Detail => {
            model.move_cursor(step);
            model.decisions.is_known = false;
            model.decisions.rows.clear();
            return watched_lists(model);
        }
        Action::Side(step) => nudge(model, i16::try_from(step).unwrap_or(0)),
        Action::Points(step) => nudge(model, step),
        Action::Digit => {
            draft_edit::digit(model, digit);
        }
        Action::Even => mix(model, [33, 34, 33]),
        Action::Preset(shared) => mix(model, shared),
        Action::Own => toggle_own(model),
        Action::ResetRow => with_draft(model, Draft::reset_row),
        Action::Reset => with_draft(model, Draft::reset),
        Action::Drain | Action::Enable => dialogs::switch(model, action),
        Action::Probe => dialogs::probe(model),
        Action::ResetBreaker => dialogs::reset(model),
        Action::Rollback => rollback::rollback(model, None),
        Action::Reload => dialogs::reload(model),
        Action::Undo => undo::undo(model),
        Action::Keep => return dialogs::keep(model),
        Action::Focus(step) => {
            if let Some(question) = model.question() {
                question.step(step);
            }
        }
        Action::Press => return dialogs::press(model),
        Action::Good => return dialogs::answer(model, 'g'),
        Action::Yes => return dialogs::answer(model, 'y'),
        Action::Stop => return dialogs::answer(model, 's'),
        Action::Detach => return dialogs::answer(model, 'd'),
        _ => {}
    }
    Vec::new()
}

fn move_row(model: &mut Model, step: isize) {
    let decisions = model.decision_rows().len();
    let moved =
        |at: usize, count: usize| at.saturating_add_signed(step).min(count.saturating_sub(1));
    match model.screen {
        Screen::Overview | Screen::Detail => model.move_cursor(step),
        Screen::Alerts => model.move_trouble(step),
        Screen::Weights => {
            draft_edit::select(model, step);
        }
        Screen::Decisions => model.decisions.at = moved(model.decisions.at, decisions),
        Screen::Revisions => {
            model.revisions.at = moved(model.revisions.at, model.revisions.rows.len());
        }
        // The newest line is at the bottom.
        Screen::Log => {
            model.log_at = model
                .log_at
                .saturating_add_signed(-step)
                .min(model.options.logs.count().saturating_sub(1));
        }
    }
}

/// The next row in trouble: a provider, or a decision that did not end well.
fn next_bad(model: &mut Model, step: isize) {
    if model.screen != Screen::Decisions {
        model.next_trouble(step);
        return;
    }
    let rows = model.decision_rows();
    let is_bad = |at: &usize| {
        matches!(
            rows[*at].outcome,
            DecisionOutcome::Error | DecisionOutcome::Refused
        )
    };
    let next = if step > 0 {
        (model.decisions.at + 1..rows.len()).find(is_bad)
    } else {
        (0..model.decisions.at.min(rows.len())).rev().find(is_bad)
    };
    match next {
        Some(next) => model.decisions.at = next,
        None => model.notify("no further request failed among those listed", false),
    }
}

fn open_menu(model: &mut Model) {
    let subject = if model.screen == Screen::Revisions {
        let chosen = model.revisions.rows.get(model.revisions.at);
        chosen.map(|revision| Subject::Revision(revision.revision))
    } else {
        model.selected_name().map(Subject::Provider)
    };
    model.dialog = subject.map(Dialog::Menu);
}

pub(super) fn go(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.dialog = None;
    model.zoomed = false;
    if screen == Screen::Weights && model.draft.is_none() {
        let status = model.status.as_ref();
        model.draft = status.map(|status| Draft::new(&status.weights, status.revision));
    }
    if screen == Screen::Weights && model.screen == Screen::Detail {
        // Whoever comes from a provider wants to weigh that one.
        let name = model.selected_name();
        with_draft(model, |draft| {
            draft.row = name.map_or(DraftRow::Objective(0), DraftRow::Provider);
        });
    }
    model.screen = screen;
    watched_lists(model)
}

/// Closes what is on top, then up to the overview; at the top it does nothing.
fn back(model: &mut Model) {
    if model.dialog.take().is_some() {
        return;
    }
    if model.notice.take_if(|notice| notice.bad).is_some() {
        return;
    }
    if model.zoomed {
        model.zoomed = false;
        return;
    }
    if model.screen == Screen::Decisions && model.decisions_of.take().is_some() {
        return;
    }
    if model.filter_here().is_some_and(|filter| !filter.is_empty()) {
        text_input::set_filter(model, "");
        return;
    }
    model.screen = Screen::Overview;
    model.draft.take_if(|draft| !draft.is_changed());
}

fn change_window(model: &mut Model, step: isize) -> Vec<Effect> {
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
        // Whoever has frozen a picture wants to keep it.
        let (is, key) = (frozen.window.as_str(), model.key(Action::Freeze));
        model.notify(
            format!("frozen over {is}: {key} ends that, then the window can be another"),
            true,
        );
        return Vec::new();
    }
    model.window = window;
    vec![Effect::Watch(window)]
}

fn freeze(model: &mut Model) {
    model.frozen = if model.frozen.is_some() {
        None
    } else {
        model.status.clone()
    };
    model.sort();
}

fn next_panel(model: &mut Model, step: isize) {
    if model.screen == Screen::Weights {
        let provider = model.selected_name();
        with_draft(model, |draft| draft.cross(provider));
        return;
    }
    let count = isize::try_from(PANELS.len()).unwrap_or(1);
    let next = isize::try_from(model.panel).unwrap_or(0) + step;
    model.panel = usize::try_from(next.rem_euclid(count)).unwrap_or(0);
}

fn to_panel(model: &mut Model, digit: char) {
    let panel = digit.to_digit(10).and_then(|digit| digit.checked_sub(1));
    let panel = panel.and_then(|panel| usize::try_from(panel).ok());
    model.panel = panel.unwrap_or(0).min(PANELS.len() - 1);
}

fn sort_by(model: &mut Model, order: SortOrder) {
    model.dialog = None;
    model.order_by = order;
    // People asked for it: at once, whatever was held.
    model.held_until = Duration::ZERO;
    model.locked = false;
    model.sort();
}

fn arm(model: &mut Model) {
    if !model.is_protected() {
        model.notify("changes are allowed here anyway", false);
    } else if model.options.read_only {
        model.notify(
            "read-only: this dashboard was started with --read-only",
            true,
        );
    } else if model.armed_until.take().is_some() {
        model.notify("view-only again", false);
    } else {
        model.armed_until = Some(model.now + ARMED_DURATION);
        let arm = model.key(Action::Arm);
        let text = format!("changes are allowed for five minutes; {arm} ends that");
        model.notify(text, false);
    }
}

/// Who to look for where nothing answers any more.
fn info(model: &mut Model) {
    let status = model.status.as_ref();
    let version = status.map_or("of unknown version", |status| status.version.as_str());
    let since = status.map_or("unknown", |status| status.since.as_str());
    let what = if model.options.all_in_one {
        "gateway and dashboard"
    } else {
        "this dashboard"
    };
    let Options { place, process, .. } = &model.options;
    let lines = vec![
        format!("version  {version}"),
        format!("place    {}", model.theme().secret(place)),
        format!("process  {process}: {what}"),
        format!("numbers  since {since}"),
    ];
    model.dialog = Some(Dialog::Report {
        title: "WHAT RUNS HERE".to_owned(),
        lines,
        first: 0,
    });
}

/// A process that carries traffic is not stopped by a key.
fn suspend(model: &mut Model) -> Vec<Effect> {
    if !model.options.all_in_one {
        return vec![Effect::Suspend];
    }
    let (quit, ascii) = (model.key(Action::Quit), model.theme().ascii);
    let keymap = &model.options.keymap;
    let detach = keymap.hint(InputContext::Question, Action::Detach, ascii);
    let text =
        format!("not suspended: the gateway runs in this process; {quit}, then {detach} detaches");
    model.notify(text, true);
    Vec::new()
}

fn interrupted(model: &mut Model) -> Vec<Effect> {
    if model.options.all_in_one {
        dialogs::leave(model);
        return Vec::new();
    }
    let again = model
        .interrupted_at
        .is_some_and(|at| model.now.saturating_sub(at) <= DOUBLE_INTERRUPT_WINDOW);
    model.interrupted_at = Some(model.now);
    if again {
        return vec![Effect::End(ExitReason::Quit)];
    }
    model.notify("Ctrl-C once more leaves", false);
    Vec::new()
}
