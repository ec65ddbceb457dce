//! The search of the command line.

use super::action::Action;
use super::binding::Binding;
use super::table::BINDINGS;
use crate::tui::input_context::{InputContext, Screen};

/// Actions of the screen whose id has the letters of `text` in this order, best match first.
pub fn matches(screen: Screen, text: &str) -> Vec<&'static Binding> {
    let here = InputContext::On(screen);
    let mut found: Vec<(usize, &Binding)> = BINDINGS
        .iter()
        .filter(|binding| binding.contexts.contains(&here))
        .filter(|binding| !matches!(binding.action, Action::Digit | Action::Number))
        .filter_map(|binding| Some((distance(binding, text)?, binding)))
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().map(|(_, binding)| binding).collect()
}

/// Distance between an action and the typed text, smaller is better; `None` without a match.
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
