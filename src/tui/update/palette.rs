//! The command line: every action by its id, and a few commands with an argument.

use super::navigate::{go, set_window};
use super::{decisions, review};
use crate::contract::Window;
use crate::tui::effect::Effect;
use crate::tui::input_context::Screen;
use crate::tui::keymap::{Action, matches};
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Palette;

/// The result of accepting a field.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A command that names an action, which is still to be performed.
    Action(Action),
    Done(Vec<Effect>),
}

pub(super) fn choose(model: &mut Model, step: isize) {
    let Some(Dialog::Palette { text, row }) = &model.dialog else {
        return;
    };
    let count = matches(model.screen, text).len();
    let next = row.saturating_add_signed(step).min(count.saturating_sub(1));
    if let Some(Dialog::Palette { row, .. }) = &mut model.dialog {
        *row = next;
    }
}

/// Closes the open dialog and accepts its text. A filter is in effect while it is typed.
pub(super) fn accept(model: &mut Model) -> Accepted {
    match model.dialog.take() {
        Some(Dialog::Palette { text, row }) => run(model, text.trim(), row),
        _ => Accepted::Done(Vec::new()),
    }
}

fn run(model: &mut Model, text: &str, row: usize) -> Accepted {
    if let Some((command, rest)) = text.split_once(char::is_whitespace)
        && let Some(effects) = with_argument(model, command, rest.trim())
    {
        return Accepted::Done(effects);
    }
    if let Some(binding) = matches(model.screen, text).get(row) {
        return Accepted::Action(binding.action);
    }
    model.notify(
        format!("no such command here: {text:?}; ? lists them"),
        true,
    );
    Accepted::Done(Vec::new())
}

/// Runs a command that takes an argument; `None` for any other command.
fn with_argument(model: &mut Model, command: &str, argument: &str) -> Option<Vec<Effect>> {
    match command {
        "window" | "win" => match argument.parse::<Window>() {
            Ok(window) => return Some(set_window(model, window)),
            Err(error) => model.notify(error, true),
        },
        "theme" => match argument.parse::<Palette>() {
            Ok(palette) => model.options.theme.palette = palette,
            Err(error) => model.notify(error, true),
        },
        "goto" => return Some(go_to(model, argument)),
        "request" => return Some(open_request(model, argument)),
        "filter" => {
            super::text_input::set_filter(model, argument);
            if model.filter_here().is_none() {
                model.notify("the filter applies to the overview", false);
            }
        }
        "advise" => return Some(super::advice::ask(model, argument)),
        "rollback" => match argument.trim_start_matches('r').parse() {
            Ok(revision) => review::rollback(model, Some(revision)),
            Err(_) => model.notify(
                format!("rollback needs a revision number, not {argument:?}"),
                true,
            ),
        },
        _ => return None,
    }
    Some(Vec::new())
}

fn go_to(model: &mut Model, argument: &str) -> Vec<Effect> {
    let providers = model.status.iter().flat_map(|status| &status.providers);
    let mut names = providers.map(|provider| provider.performance.provider.clone());
    let Some(name) = names.find(|name| name.to_lowercase().starts_with(&argument.to_lowercase()))
    else {
        model.notify(format!("no provider named {argument:?}"), true);
        return Vec::new();
    };
    model.cursor = Some(name);
    model.forget_decisions();
    go(model, Screen::Detail)
}

/// Opens a request on the screen of decisions, whatever they show.
fn open_request(model: &mut Model, id: &str) -> Vec<Effect> {
    if id.is_empty() {
        model.notify("request needs the id of a request or decision", true);
        return Vec::new();
    }
    let mut effects = go(model, Screen::Decisions);
    effects.push(decisions::ask_for(model, id));
    effects
}
