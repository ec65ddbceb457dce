//! The effect of each action.

use super::draft_edit::{mix, nudge, toggle_own, with_draft};
use super::navigate::{change_window, go, move_row, next_panel, next_trouble, to_panel};
use super::palette::{self, Accepted};
use super::{
    advice, alert_actions, clipboard, decisions, dialogs, draft_edit, log, navigate,
    provider_dialogs, queries, review, text_input, time_travel, undo,
};
use crate::tui::draft::Draft;
use crate::tui::effect::{Effect, ExitReason};
use crate::tui::input_context::{InputContext, Screen};
use crate::tui::keymap::{Action, SortOrder};
use crate::tui::model::{ARMED_DURATION, BellMode, Dialog, Help, Model, Options, Subject};
use std::time::Duration;

/// Two Ctrl-C within this time leave an attached dashboard.
const DOUBLE_INTERRUPT_WINDOW: Duration = Duration::from_secs(1);
/// A step beyond the end of any list.
const END_OF_LIST: isize = 1 << 20;

/// Performs an action. `digit` is the digit of the key, for the actions that take one.
pub(super) fn act(model: &mut Model, action: Action, digit: char) -> Vec<Effect> {
    match action {
        Action::Accept => return accept(model),
        Action::Acknowledge => return alert_actions::acknowledge(model),
        Action::Copy | Action::CopyAll => return clipboard::copy(model, action),
        Action::Explain => return explain(model),
        Action::First => return first_row(model),
        Action::Export => return vec![Effect::Export],
        Action::Go(screen) => return go(model, screen),
        Action::Keep => return dialogs::keep(model),
        Action::LogSource => return log::switch(model),
        Action::Mouse => return toggle_mouse(model),
        Action::Open => return navigate::open(model),
        Action::Past(step) => return time_travel::travel(model, step),
        Action::Press => return dialogs::press(model),
        Action::Quit => return quit(model),
        Action::QuitHard => return interrupted(model),
        Action::Repaint => return vec![Effect::Repaint],
        Action::Side(step) => return side(model, step),
        Action::Suspend => return suspend(model),
        Action::Window(step) => return change_window(model, step),
        Action::Yes
        | Action::HalfHour
        | Action::Hour
        | Action::Discard
        | Action::Stop
        | Action::Detach => {
            return dialogs::choose(model, action);
        }
        Action::Arm => arm(model),
        Action::Back => return navigate::back(model),
        Action::Bell => toggle_bell(model),
        Action::Choose(step) => palette::choose(model, step),
        Action::Clear => text_input::clear(model),
        Action::Digit => draft_edit::digit(model, digit),
        Action::Drain | Action::Enable => provider_dialogs::switch(model, action == Action::Drain),
        Action::Erase => text_input::erase(model),
        Action::Even => mix(model, [33, 34, 33]),
        Action::Filter => open_filter(model),
        Action::Focus(step) => dialogs::focus(model, step),
        Action::Freeze => freeze(model),
        Action::HelpSearch => search_help(model, true),
        Action::Help | Action::Palette | Action::Presets | Action::Sort => open_box(model, action),
        Action::Group | Action::Mask | Action::Measure | Action::Zoom => toggle_view(model, action),
        Action::Hold => toggle_hold(model),
        Action::Info => info(model),
        Action::Last => move_row(model, END_OF_LIST),
        Action::Menu => open_menu(model),
        Action::Move(step) => move_row(model, step),
        Action::Mute => alert_actions::mute(model),
        Action::Next(step) => next_trouble(model, step),
        Action::Number => to_panel(model, digit),
        Action::Own => toggle_own(model),
        Action::Panel(step) => next_panel(model, step),
        Action::Points(step) => nudge(model, step),
        Action::Preset(shared) => mix(model, shared),
        Action::Probe => provider_dialogs::probe(model),
        Action::Reload => dialogs::reload(model),
        Action::Reset => with_draft(model, Draft::reset),
        Action::ResetBreaker => provider_dialogs::reset(model),
        Action::Advise => advice::open(model),
        Action::ResetRow => with_draft(model, Draft::reset_row),
        Action::Rollback => review::rollback(model, None),
        Action::Scroll(step) => scroll(model, step),
        Action::SortBy(order) => sort_by(model, order),
        Action::Type(c) => text_input::letter(model, c),
        Action::Undo => undo::undo(model),
    }
    Vec::new()
}

/// Changes how a view shows what it shows.
fn toggle_view(model: &mut Model, action: Action) {
    match action {
        Action::Group => model.models.grouping = model.models.grouping.other(),
        Action::Mask => model.options.theme.masked = !model.options.theme.masked,
        Action::Measure => model.measure = model.measure.other(),
        _ => model.zoomed = !model.zoomed,
    }
}

/// Opens a box that needs no subject.
fn open_box(model: &mut Model, action: Action) {
    model.dialog = Some(match action {
        Action::Palette => Dialog::empty_palette(),
        Action::Presets => Dialog::Presets,
        Action::Sort => Dialog::Sort,
        _ => Dialog::Help(Help::default()),
    });
}

/// Begins or ends typing into the search of the help.
fn search_help(model: &mut Model, is_typing: bool) {
    if let Some(Dialog::Help(help)) = &mut model.dialog {
        help.is_typing = is_typing;
        help.first = 0;
    }
}

/// Accepts the text of the open field.
fn accept(model: &mut Model) -> Vec<Effect> {
    if model.input_context() == InputContext::HelpSearch {
        search_help(model, false);
        return Vec::new();
    }
    match palette::accept(model) {
        Accepted::Action(action) => act(model, action, ' '),
        Accepted::Done(effects) => effects,
    }
}

fn explain(model: &mut Model) -> Vec<Effect> {
    model.decisions_of = model.selected_name();
    model.forget_decisions();
    go(model, Screen::Decisions)
}

/// Moves to the next provider, or the draft by a point.
fn side(model: &mut Model, step: isize) -> Vec<Effect> {
    if model.screen == Screen::Detail {
        model.move_cursor(step);
        model.forget_decisions();
        return queries::watched_lists(model);
    }
    if model.screen == Screen::Log {
        log::side(model, step);
        return Vec::new();
    }
    nudge(model, i16::try_from(step).unwrap_or(0));
    Vec::new()
}

fn open_filter(model: &mut Model) {
    let filter = model.filter_here();
    let text = filter.map_or_else(String::new, |filter| filter.as_str().to_owned());
    model.dialog = Some(Dialog::Filter(text));
}

/// Goes to the first row; decisions follow the newest from then on.
fn first_row(model: &mut Model) -> Vec<Effect> {
    if model.screen == Screen::Decisions {
        return decisions::follow(model);
    }
    move_row(model, -END_OF_LIST);
    Vec::new()
}

fn scroll(model: &mut Model, step: isize) {
    if model.dialog.is_none() {
        decisions::turn_page(model, step);
        return;
    }
    if let Some(Dialog::Help(Help { first, .. }) | Dialog::Report { first, .. }) = &mut model.dialog
    {
        *first = first.saturating_add_signed(step * 5);
    }
}

fn toggle_hold(model: &mut Model) {
    model.locked = !model.locked;
    model.sort();
}

fn toggle_mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    vec![Effect::Mouse(model.mouse)]
}

fn toggle_bell(model: &mut Model) {
    let (bell, text) = match model.options.bell {
        BellMode::Quiet => (BellMode::Rings, "bell on: rings for new trouble"),
        BellMode::Rings => (BellMode::Quiet, "bell off"),
    };
    model.options.bell = bell;
    model.notify(text, false);
}

fn quit(model: &mut Model) -> Vec<Effect> {
    if !model.options.all_in_one {
        return vec![Effect::End(ExitReason::Quit)];
    }
    dialogs::leave(model);
    Vec::new()
}

fn open_menu(model: &mut Model) {
    let subject = if model.screen == Screen::Revisions {
        let selected = model.revisions.rows.get(model.revisions.at);
        selected.map(|revision| Subject::Revision(revision.revision))
    } else {
        let alert = model.selected_alert();
        let alert = alert.filter(|_| model.screen == Screen::Alerts);
        let alert = alert.map(|alert| Subject::Alert(alert.id.clone()));
        alert.or_else(|| model.selected_name().map(Subject::Provider))
    };
    model.dialog = subject.map(Dialog::Menu);
}

fn freeze(model: &mut Model) {
    if model.past.is_some() {
        model.notify("the past stands still already", false);
        return;
    }
    model.frozen = if model.frozen.is_some() {
        None
    } else {
        model.status.clone()
    };
    model.sort();
}

fn sort_by(model: &mut Model, order: SortOrder) {
    model.dialog = None;
    match model.screen {
        Screen::Models => {
            model.models.order = order;
            return;
        }
        Screen::Clients => {
            model.clients.order = order;
            return;
        }
        _ => {}
    }
    model.order_by = order;
    // The operator asked for it, so a held order ends.
    model.held_until = Duration::ZERO;
    model.locked = false;
    model.sort();
}

fn arm(model: &mut Model) {
    if !model.is_protected() {
        model.notify("changes are always allowed here", false);
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

/// Shows what runs here, for when the dashboard stops responding.
fn info(model: &mut Model) {
    let status = model.status.as_ref();
    let version = status.map_or("unknown", |status| status.version.as_str());
    let since = status.map_or("unknown", |status| status.since.as_str());
    let what = if model.options.all_in_one {
        "gateway and dashboard"
    } else {
        "this dashboard"
    };
    let Options {
        address, process, ..
    } = &model.options;
    let lines = vec![
        format!("version  {version}"),
        format!("address  {}", model.theme().secret(address)),
        format!("process  {process}: {what}"),
        format!("metrics  since {since}"),
    ];
    model.dialog = Some(Dialog::report("ABOUT", lines));
}

/// Refuses in a process that carries traffic: stopping it would stop the traffic.
fn suspend(model: &mut Model) -> Vec<Effect> {
    if !model.options.all_in_one {
        return vec![Effect::Suspend];
    }
    let (quit, ascii) = (model.key(Action::Quit), model.theme().ascii);
    let keymap = &model.options.keymap;
    let detach = keymap.hint(InputContext::Confirm, Action::Detach, ascii);
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
    model.notify("press Ctrl-C again to leave", false);
    Vec::new()
}
