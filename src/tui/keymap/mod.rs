//! The action table. Dispatch, footer, help, the command line, the key configuration and the key
//! table of docs/dashboard.md all read it.

mod action;
mod binding;
mod custom_key;
#[cfg(test)]
mod docs;
mod keymap_error;
mod search;
mod table;

pub use action::{Action, SortOrder};
pub use binding::Binding;
pub use keymap_error::{KeymapError, KeymapErrors};
pub use search::matches;
pub use table::BINDINGS;

use super::input_context::InputContext;
use super::key::{Code, Key};
use custom_key::{holds, usable};
use std::collections::BTreeMap;

/// The keys in effect.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// Keys of each row of the table, in the order of the table.
    keys: Vec<Vec<String>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |binding: &Binding| binding.keys.iter().map(|&key| key.to_owned()).collect();
        Self {
            keys: BINDINGS.iter().map(keys).collect(),
        }
    }
}

impl Keymap {
    /// The table with an operator's keys, by action id; an empty key unbinds the action. Each error
    /// names the action, the key, and the action that already has the key.
    pub fn with(custom: &BTreeMap<String, String>) -> Result<Self, KeymapErrors> {
        let mut map = Self::default();
        let mut errors = Vec::new();
        for (id, name) in custom {
            let Some(row) = BINDINGS.iter().position(|binding| binding.id == id) else {
                let problem = "no such action; docs/dashboard.md lists all actions";
                errors.push(KeymapError::new(id, problem));
                continue;
            };
            map.keys[row] = if name.is_empty() {
                Vec::new()
            } else {
                match usable(name, &BINDINGS[row]) {
                    Ok(key) => vec![key.to_string()],
                    Err(problem) => {
                        errors.push(KeymapError::new(id, problem));
                        continue;
                    }
                }
            };
        }
        if !errors.is_empty() {
            return Err(KeymapErrors(errors));
        }
        match map.clash() {
            Some((key, one, other)) => {
                let id = if custom.contains_key(one) { one } else { other };
                let problem =
                    format!("{key} is bound to both {one} and {other}; change one of them");
                Err(KeymapErrors(vec![KeymapError::new(id, problem)]))
            }
            None => Ok(map),
        }
    }

    /// A key that is bound to two actions in one context.
    fn clash(&self) -> Option<(String, &'static str, &'static str)> {
        for (row, binding) in BINDINGS.iter().enumerate() {
            for (other_row, other) in BINDINGS.iter().enumerate().skip(row + 1) {
                let meet = binding
                    .contexts
                    .iter()
                    .any(|context| other.contexts.contains(context));
                let mut pairs = self.keys[row]
                    .iter()
                    .flat_map(|key| self.keys[other_row].iter().map(move |other| (key, other)));
                let both = |&(key, other): &(&String, &String)| {
                    key == other || holds(key, other) || holds(other, key)
                };
                if let Some((key, with)) = pairs.find(both).filter(|_| meet) {
                    let narrow = if holds(key, with) { with } else { key };
                    return Some((narrow.clone(), binding.id, other.id));
                }
            }
        }
        None
    }

    /// The action of a key in a context, and the digit if the key is one.
    pub fn lookup(&self, context: InputContext, key: Key) -> Option<(Action, char)> {
        // Esc and Ctrl-C work everywhere, whatever is configured.
        if key == Key::plain(Code::Esc) {
            return Some((Action::Back, ' '));
        }
        if key == Key::ctrl('c') {
            return Some((Action::QuitHard, ' '));
        }
        if let Some(c) = key.typed().filter(|_| context.takes_text()) {
            return Some((Action::Type(c), c));
        }
        let name = key.to_string();
        let digit = key.typed().filter(char::is_ascii_digit);
        let is = |written: &String| *written == name || (digit.is_some() && holds(written, &name));
        let row = BINDINGS
            .iter()
            .zip(&self.keys)
            .find(|(binding, keys)| binding.contexts.contains(&context) && keys.iter().any(is));
        row.map(|(binding, _)| (binding.action, digit.unwrap_or(' ')))
    }

    /// The actions of a context, each with its keys as they are displayed.
    pub fn at(
        &self,
        context: InputContext,
        ascii: bool,
    ) -> impl Iterator<Item = (&'static Binding, Vec<String>)> {
        let shown = move |key: &String| match key.parse::<Key>() {
            Ok(key) => key.name(ascii),
            Err(_) => key.clone(),
        };
        BINDINGS
            .iter()
            .zip(&self.keys)
            .filter(move |(binding, keys)| binding.contexts.contains(&context) && !keys.is_empty())
            .map(move |(binding, keys)| (binding, keys.iter().map(shown).collect()))
    }

    /// Returns whether an operator has changed its keys.
    pub fn is_changed(&self, binding: &Binding) -> bool {
        let row = BINDINGS.iter().position(|row| row.id == binding.id);
        row.is_some_and(|row| self.keys[row] != binding.keys)
    }

    /// The first key of an action in a context, for a hint; its command if it has no key.
    pub fn hint(&self, context: InputContext, action: Action, ascii: bool) -> String {
        let key = self
            .at(context, ascii)
            .find(|(binding, _)| binding.action == action)
            .and_then(|(_, keys)| keys.into_iter().next());
        key.unwrap_or_else(|| {
            let row = BINDINGS.iter().find(|binding| binding.action == action);
            row.map_or_else(String::new, |binding| format!(":{}", binding.id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::input_context::SCREENS;

    /// Actions that change traffic, weights or breakers, or stop the gateway.
    const CHANGING: [Action; 14] = [
        Action::HalfHour,
        Action::Hour,
        Action::Discard,
        Action::Drain,
        Action::Enable,
        Action::Probe,
        Action::ResetBreaker,
        Action::Rollback,
        Action::Press,
        Action::Yes,
        Action::Stop,
        Action::Detach,
        Action::Accept,
        Action::Keep,
    ];

    #[test]
    fn no_key_has_two_actions_in_one_context() {
        assert_eq!(Keymap::default().clash(), None);
    }

    #[test]
    fn every_default_key_is_valid() {
        for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
            assert!(
                key.parse::<Key>().is_ok() || ["0-9", "1-5"].contains(key),
                "{key}"
            );
        }
    }

    #[test]
    fn no_single_key_of_a_screen_runs_an_action_that_affects_traffic() {
        for binding in BINDINGS.iter().filter(|row| CHANGING.contains(&row.action)) {
            let on_a_screen = binding
                .contexts
                .iter()
                .any(|context| SCREENS.contains(context));
            // Keeping the change on trial does not affect clients.
            assert!(
                !on_a_screen || binding.action == Action::Keep,
                "{}",
                binding.id
            );
        }
    }

    #[test]
    fn an_operators_key_replaces_the_default() {
        let custom = |id: &str, key: &str| BTreeMap::from([(id.to_owned(), key.to_owned())]);
        let map = Keymap::with(&custom("freeze", "F8")).unwrap();
        let at = super::super::input_context::OVERVIEW;
        assert_eq!(
            map.lookup(at, "F8".parse().unwrap()),
            Some((Action::Freeze, ' '))
        );
        assert_eq!(map.lookup(at, "Space".parse().unwrap()), None);

        let unbound = Keymap::with(&custom("view.weights", "")).unwrap();
        assert_eq!(unbound.lookup(at, "w".parse().unwrap()), None);

        let error = |id: &str, key: &str| Keymap::with(&custom(id, key)).unwrap_err().to_string();
        let clash = error("freeze", "w");
        assert!(
            clash.contains("freeze") && clash.contains("view.weights"),
            "{clash}"
        );
        assert!(error("fly", "w").contains("dashboard.keys.fly"));
        assert!(error("freeze", "Hyper").contains("Hyper"));
        let two = [("fly", "w"), ("freeze", "Hyper")];
        let two = two.map(|(id, key)| (id.to_owned(), key.to_owned()));
        assert_eq!(Keymap::with(&BTreeMap::from(two)).unwrap_err().0.len(), 2);
    }

    #[test]
    fn esc_and_ctrl_c_cannot_be_rebound() {
        let custom = BTreeMap::from([("back".to_owned(), String::new())]);
        let map = Keymap::with(&custom).unwrap();
        for &context in super::super::input_context::CONTEXTS {
            let means = |key| map.lookup(context, key).map(|(action, _)| action);
            assert_eq!(means(Key::plain(Code::Esc)), Some(Action::Back));
            assert_eq!(means(Key::ctrl('c')), Some(Action::QuitHard));
        }
    }
}
