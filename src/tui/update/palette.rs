//! The command line: every action by its name, and a few commands with a word behind them.

use super::actions::{act, go, set_window};
use super::rollback;
use crate::contract::Window;
use crate::tui::input_context::{InputContext, Screen};
use crate::tui::keymap::{Action, BINDINGS, Binding};
use crate::tui::message::Effect;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Palette;

/// Actions of the screen whose name or text has the letters in this order, best first.
pub fn matches(model: &Model, text: &str) -> Vec<&'static Binding> {
    let here = InputContext::On(model.screen);
    let mut found: Vec<(usize, &Binding)> = BINDINGS
        .iter()
        .filter(|binding| binding.places.contains(&here))
        .filter(|binding| !matches!(binding.action, Action::Digit | Action::Number))
        .filter_map(|binding| Some((distance(binding, text)?, binding)))
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().map(|(_, binding)| binding).collect()
}

/// How far an action is from what was typed; nothing where it is another.
fn distance(binding: &Binding, text: &str) -> Option<usize> {
    let text = text.trim().to_lowercase();
    if let Some(at) = binding.id.find(&text) {
        return Some(at);
    }
    let mut letters = binding.id.chars().enumerate();
    let mut last = 0;
    for wanted in text.chars() {
        (last, _) = letters.find(|(_, letter)| *letter == wanted)?;
    }
    Some(100 + last)
}

pub(super) fn choose(model: &mut Model, step: isize) {
    let Some(Dialog::Palette { text, row }) = &model.dialog else {
        return;
    };
    let count = matches(model, text).len();
    let next = row.saturating_add_signed(step).min(count.saturating_sub(1));
    if let Some(Dialog::Palette { row, .. }) = &mut model.dialog {
        *row = next;
    }
}

/// Takes what stands in the box.
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    match model.dialog.take() {
        Some(Dialog::Palette { text, row }) => run(model, text.trim(), row),
        // The filter holds already.
        _ => Vec::new(),
    }
}

fn run(model: &mut Model, text: &str, row: usize) -> Vec<Effect> {
    if let Some((word, rest)) = text.split_once(char::is_whitespace)
        && let Some(effects) = with_word(model, word, rest.trim())
    {
        return effects;
    }
    let Some(binding) = matches(model, text).get(row).copied() else {
        model.notify(
            format!("no action here is called {text:?}; ? lists them"),
            true,
        );
        return Vec::new();
    };
    act(model, binding.action, ' ')
}

/// A command with a word behind it; nothing where the first word is none.
fn with_word(model: &mut Model, command: &str, word: &str) -> Option<Vec<Effect>> {
    match command {
        "window" => match word.parse::<Window>() {
            Ok(window) => return Some(set_window(model, window)),
            Err(error) => model.notify(error, true),
        },
        "theme" => match word.parse::<Palette>() {
            Ok(palette) => model.options.theme.palette = palette,
            Err(error) => model.notify(error, true),
        },
        "goto" => return Some(go_to(model, word)),
        "filter" => {
            super::text_input::set_filter(model, word);
            if model.filter_here().is_none() {
                model.notify("the filter holds on the overview", false);
            }
        }
        "rollback" => match word.trim_start_matches('r').parse() {
            Ok(revision) => rollback::rollback(model, Some(revision)),
            Err(_) => model.notify(
                format!("rollback needs the number of a revision, and {word:?} is none"),
                true,
            ),
        },
        _ => return None,
    }
    Some(Vec::new())
}

fn go_to(model: &mut Model, word: &str) -> Vec<Effect> {
    let providers = model.status.iter().flat_map(|status| &status.providers);
    let mut names = providers.map(|provider| provider.performance.provider.clone());
    let Some(name) = names.find(|name| name.to_lowercase().starts_with(&word.to_lowercase()))
    else {
        model.notify(format!("no provider is called {word:?}"), true);
        return Vec::new();
    };
    model.cursor = Some(name);
    model.decisions = crate::tui::model::Listing::default();
    go(model, Screen::Detail)
}
