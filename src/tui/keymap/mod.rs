//! The one table of actions: dispatch, footer, help, the command line, the configuration of keys
//! and the key table of docs/dashboard.md read it.

mod custom_key;
mod table;

pub use table::BINDINGS;

use super::input_context::{InputContext, SCREENS, Screen};
use super::key::{Code, Key};
use custom_key::{holds, usable};
use std::collections::BTreeMap;

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    #[default]
    Trouble,
    Name,
    Share,
    Latency,
    Success,
    Cost,
}

impl SortOrder {
    /// Its word in the header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Name => "name",
            Self::Share => "share",
            Self::Latency => "latency",
            Self::Success => "success",
            Self::Cost => "cost",
        }
    }
}

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Help,
    Info,
    Palette,
    Back,
    Open,
    Move(isize),
    First,
    Last,
    /// To the provider beside, or a point less or more.
    Side(isize),
    Points(i16),
    Digit,
    Even,
    /// Weights of its own for a provider.
    Own,
    Presets,
    Preset([u8; 3]),
    ResetRow,
    Reset,
    Panel(isize),
    Number,
    Zoom,
    /// First token or whole answer.
    Measure,
    Window(isize),
    Freeze,
    Filter,
    Next(isize),
    Sort,
    SortBy(SortOrder),
    Hold,
    Go(Screen),
    Explain,
    Menu,
    Drain,
    Enable,
    Probe,
    /// Close the breakers of a provider.
    ResetBreaker,
    Rollback,
    /// Read the configuration again.
    Reload,
    Undo,
    Keep,
    Arm,
    Copy,
    CopyAll,
    Export,
    Mouse,
    /// Hide amounts and names of people and places.
    Mask,
    Bell,
    Repaint,
    Suspend,
    Quit,
    QuitHard,
    Focus(isize),
    Press,
    Yes,
    /// Not on trial, but for good.
    Good,
    Stop,
    Detach,
    /// A character for a field.
    Type(char),
    Erase,
    Clear,
    Accept,
    Choose(isize),
    Scroll(isize),
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Its name in the configuration and on the command line.
    pub id: &'static str,
    pub action: Action,
    /// Keys as they are written in help and docs/dashboard.md; `0-9` is every digit.
    pub keys: &'static [&'static str],
    /// What it does, in a few words.
    pub text: &'static str,
    /// A word for the footer; nothing where it is not worth the space.
    pub short: &'static str,
    pub places: &'static [InputContext],
}

/// The table with the keys that are in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// For each row of the table, in its order.
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
    /// The table with an operator's own keys: action id → key, nothing unbinds. The error names
    /// the action, the key, and who has the key already.
    pub fn with(wishes: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut map = Self::default();
        for (id, wish) in wishes {
            let row = BINDINGS.iter().position(|binding| binding.id == id);
            let row = row.ok_or_else(|| {
                format!(
                    "dashboard.keys.{id}: there is no such action; docs/dashboard.md lists them"
                )
            })?;
            map.keys[row] = if wish.is_empty() {
                Vec::new()
            } else {
                let key = usable(wish, &BINDINGS[row]);
                let key = key.map_err(|error| format!("dashboard.keys.{id}: {error}"))?;
                vec![key.to_string()]
            };
        }
        match map.clash() {
            Some((key, one, other)) => Err(format!(
                "dashboard.keys: {key} would mean both {one} and {other}; give one of them another key"
            )),
            None => Ok(map),
        }
    }

    /// A key that means two things at one place.
    fn clash(&self) -> Option<(String, &'static str, &'static str)> {
        for (row, binding) in BINDINGS.iter().enumerate() {
            for (other_row, other) in BINDINGS.iter().enumerate().skip(row + 1) {
                let meet = binding
                    .places
                    .iter()
                    .any(|place| other.places.contains(place));
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

    /// What a key means at a place, and the digit where it is one.
    pub fn lookup(&self, place: InputContext, key: Key) -> Option<(Action, char)> {
        // Leaving a box and leaving by force work everywhere, whatever is configured.
        if key == Key::plain(Code::Esc) {
            return Some((Action::Back, ' '));
        }
        if key == Key::ctrl('c') {
            return Some((Action::QuitHard, ' '));
        }
        if let Some(c) = key.typed().filter(|_| place.takes_text()) {
            return Some((Action::Type(c), c));
        }
        let name = key.to_string();
        let digit = key.typed().filter(char::is_ascii_digit);
        let is = |written: &String| *written == name || (digit.is_some() && holds(written, &name));
        let row = BINDINGS
            .iter()
            .zip(&self.keys)
            .find(|(binding, keys)| binding.places.contains(&place) && keys.iter().any(is));
        row.map(|(binding, _)| (binding.action, digit.unwrap_or(' ')))
    }

    /// The rows that work at a place, each with its keys as they are shown.
    pub fn at(
        &self,
        place: InputContext,
        ascii: bool,
    ) -> impl Iterator<Item = (&'static Binding, Vec<String>)> {
        let shown = move |key: &String| match key.parse::<Key>() {
            Ok(key) => key.name(ascii),
            Err(_) => key.clone(),
        };
        BINDINGS
            .iter()
            .zip(&self.keys)
            .filter(move |(binding, keys)| binding.places.contains(&place) && !keys.is_empty())
            .map(move |(binding, keys)| (binding, keys.iter().map(shown).collect()))
    }

    /// Whether an operator has given it other keys than the table has.
    pub fn is_changed(&self, binding: &Binding) -> bool {
        let row = BINDINGS.iter().position(|row| row.id == binding.id);
        row.is_some_and(|row| self.keys[row] != binding.keys)
    }

    /// The first key of an action at a place, for a hint; where it has none, its name on the
    /// command line.
    pub fn hint(&self, place: InputContext, action: Action, ascii: bool) -> String {
        let key = self
            .at(place, ascii)
            .find(|(binding, _)| binding.action == action)
            .and_then(|(_, keys)| keys.into_iter().next());
        key.unwrap_or_else(|| {
            let row = BINDINGS.iter().find(|binding| binding.action == action);
            row.map_or_else(String::new, |binding| format!(":{}", binding.id))
        })
    }
}

/// The table as docs/dashboard.md shows it.
pub fn readme_table() -> String {
    let row = |binding: &Binding| {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let places: Vec<&str> = binding.places.iter().map(|place| place.as_str()).collect();
        let place = if binding.places == SCREENS {
            "everywhere".to_owned()
        } else {
            places.join(", ")
        };
        format!(
            "| {} | {} | {} | {place} |",
            keys.join(" "),
            binding.id,
            binding.text
        )
    };
    let head = [
        "| key | action | does | where |",
        "| --- | --- | --- | --- |",
    ]
    .map(str::to_owned);
    head.into_iter()
        .chain(BINDINGS.iter().map(row))
        .map(|line| line + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What changes traffic, weights or breakers, or ends the gateway.
    const TOUCHING: [Action; 12] = [
        Action::Good,
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
    fn no_key_means_two_things_at_one_place() {
        assert_eq!(Keymap::default().clash(), None);
    }

    #[test]
    fn every_key_of_the_table_is_a_key() {
        for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
            assert!(
                key.parse::<Key>().is_ok() || ["0-9", "1-5"].contains(key),
                "{key}"
            );
        }
    }

    #[test]
    fn nothing_that_touches_traffic_is_on_a_single_key_of_a_screen() {
        for binding in BINDINGS.iter().filter(|row| TOUCHING.contains(&row.action)) {
            let on_a_screen = binding.places.iter().any(|place| SCREENS.contains(place));
            // Keeping what is in force changes nothing that callers notice.
            assert!(
                !on_a_screen || binding.action == Action::Keep,
                "{}",
                binding.id
            );
        }
    }

    #[test]
    fn an_operators_key_takes_the_place_of_the_tables() {
        let wishes = |id: &str, key: &str| BTreeMap::from([(id.to_owned(), key.to_owned())]);
        let map = Keymap::with(&wishes("freeze", "F8")).unwrap();
        let at = super::super::input_context::OVERVIEW;
        assert_eq!(
            map.lookup(at, "F8".parse().unwrap()),
            Some((Action::Freeze, ' '))
        );
        assert_eq!(map.lookup(at, "Space".parse().unwrap()), None);

        let unbound = Keymap::with(&wishes("view.weights", "")).unwrap();
        assert_eq!(unbound.lookup(at, "w".parse().unwrap()), None);

        let error = |id: &str, key: &str| Keymap::with(&wishes(id, key)).unwrap_err();
        let clash = error("freeze", "w");
        assert!(
            clash.contains("freeze") && clash.contains("view.weights"),
            "{clash}"
        );
        assert!(error("fly", "w").contains("dashboard.keys.fly"));
        assert!(error("freeze", "Hyper").contains("Hyper"));
    }

    #[test]
    fn escape_and_interrupt_cannot_be_taken_away() {
        let wishes = BTreeMap::from([("back".to_owned(), String::new())]);
        let map = Keymap::with(&wishes).unwrap();
        for &place in super::super::input_context::PLACES {
            let means = |key| map.lookup(place, key).map(|(action, _)| action);
            assert_eq!(means(Key::plain(Code::Esc)), Some(Action::Back));
            assert_eq!(means(Key::ctrl('c')), Some(Action::QuitHard));
        }
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = include_str!("../../../docs/dashboard.md");

        assert!(
            readme.contains(&readme_table()),
            "put this into docs/dashboard.md:\n{}",
            readme_table()
        );
    }
}
