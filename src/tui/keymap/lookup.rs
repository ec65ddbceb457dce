//! A key that was pressed → a row of the table.

use super::{Action, BINDINGS, Binding};
use crate::tui::model::Place;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key means at a place, and the digit where it is one.
pub fn lookup(place: Place, key: &KeyEvent) -> Option<(Action, char)> {
    let name = name(key)?;
    // Leaving a box and leaving by force work everywhere.
    if name == "Esc" {
        return Some((Action::Back, ' '));
    }
    if name == "^c" {
        return Some((Action::QuitHard, ' '));
    }
    if place == Place::Help && matches!(name.as_str(), "?" | "F1" | "q") {
        return Some((Action::Back, ' '));
    }
    let digit = name
        .chars()
        .next()
        .filter(|c| name.len() == 1 && c.is_ascii_digit());
    let is = |binding: &&Binding| {
        binding.places.contains(&place)
            && binding
                .keys
                .iter()
                .any(|&key| key == name || (key == "0-9" && digit.is_some()))
    };
    BINDINGS
        .iter()
        .find(is)
        .map(|binding| (binding.action, digit.unwrap_or(' ')))
}

/// A key as the table writes it.
fn name(key: &KeyEvent) -> Option<String> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char(c) if control => format!("^{}", c.to_ascii_lowercase()),
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "S-Tab".to_owned(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::F(number) => format!("F{number}"),
        _ => return None,
    })
}
