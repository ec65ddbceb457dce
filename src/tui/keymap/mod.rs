//! The one table of actions: dispatch, footer, help and the README's key table read it.

mod lookup;

pub use lookup::lookup;

use super::model::Place;

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Down,
    Up,
    First,
    Last,
    Weights,
    Menu,
    WindowLonger,
    WindowShorter,
    Freeze,
    Help,
    Repaint,
    Quit,
    QuitHard,
    Back,
    RowDown,
    RowUp,
    More,
    Less,
    MuchMore,
    MuchLess,
    Digit,
    Reset,
    Review,
    Apply,
    Drain,
    Enable,
    Confirm,
    Stop,
    Detach,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// Its name in the configuration.
    pub id: &'static str,
    pub action: Action,
    /// Keys as they are written in help and README.
    pub keys: &'static [&'static str],
    /// What it does, in a few words.
    pub text: &'static str,
    /// A word for the footer; nothing where it is not worth the space.
    pub short: &'static str,
    pub places: &'static [Place],
}

const ALL: &[Place] = &[Place::Overview, Place::Weights];
const OVERVIEW: &[Place] = &[Place::Overview];
const WEIGHTS: &[Place] = &[Place::Weights];

macro_rules! bind {
    ($id:literal, $action:ident, [$($key:literal),+], $text:literal, $short:literal, $places:expr) => {
        Binding { id: $id, action: Action::$action, keys: &[$($key),+], text: $text, short: $short, places: $places }
    };
}

/// All of them.
pub const BINDINGS: &[Binding] = &[
    bind!(
        "help",
        Help,
        ["?", "F1"],
        "help for here and now",
        "help",
        ALL
    ),
    bind!("move.down", Down, ["j", "↓"], "next provider", "", OVERVIEW),
    bind!("move.up", Up, ["k", "↑"], "previous provider", "", OVERVIEW),
    bind!(
        "move.first",
        First,
        ["g", "Home"],
        "first provider",
        "",
        OVERVIEW
    ),
    bind!(
        "move.last",
        Last,
        ["G", "End"],
        "last provider",
        "",
        OVERVIEW
    ),
    bind!(
        "view.weights",
        Weights,
        ["w"],
        "weights: draft, preview, apply",
        "weights",
        OVERVIEW
    ),
    bind!(
        "act",
        Menu,
        ["."],
        "act on the provider: drain, enable",
        "act",
        OVERVIEW
    ),
    bind!(
        "weight.row_down",
        RowDown,
        ["j", "↓", "Tab"],
        "next weight",
        "",
        WEIGHTS
    ),
    bind!(
        "weight.row_up",
        RowUp,
        ["k", "↑", "S-Tab"],
        "previous weight",
        "",
        WEIGHTS
    ),
    bind!(
        "weight.more",
        More,
        ["→", "l"],
        "one point more",
        "+1",
        WEIGHTS
    ),
    bind!(
        "weight.less",
        Less,
        ["←", "h"],
        "one point less",
        "-1",
        WEIGHTS
    ),
    bind!(
        "weight.more10",
        MuchMore,
        [">"],
        "ten points more",
        "+10",
        WEIGHTS
    ),
    bind!(
        "weight.less10",
        MuchLess,
        ["<"],
        "ten points less",
        "",
        WEIGHTS
    ),
    bind!(
        "weight.digit",
        Digit,
        ["0-9"],
        "type a value",
        "type",
        WEIGHTS
    ),
    bind!(
        "weight.reset",
        Reset,
        ["R"],
        "back to what is in force",
        "reset",
        WEIGHTS
    ),
    bind!(
        "weight.review",
        Review,
        ["Enter"],
        "review the draft, then apply it",
        "review+apply",
        WEIGHTS
    ),
    bind!(
        "window.longer",
        WindowLonger,
        ["t", "+"],
        "longer window: 1m 5m 15m 1h 6h 24h",
        "window",
        ALL
    ),
    bind!(
        "window.shorter",
        WindowShorter,
        ["T", "-"],
        "shorter window",
        "",
        ALL
    ),
    bind!(
        "freeze",
        Freeze,
        ["Space"],
        "freeze the picture, or let it live",
        "freeze",
        ALL
    ),
    bind!(
        "back",
        Back,
        ["Esc"],
        "close, go back; never quits, never applies",
        "back",
        WEIGHTS
    ),
    bind!(
        "repaint",
        Repaint,
        ["^l"],
        "paint everything again",
        "",
        ALL
    ),
    bind!(
        "quit",
        Quit,
        ["q"],
        "quit; with the gateway in this process, asks first",
        "quit",
        ALL
    ),
    bind!(
        "quit.hard",
        QuitHard,
        ["^c"],
        "quit: attached, twice within a second; else asks first",
        "",
        ALL
    ),
    bind!(
        "act.drain",
        Drain,
        ["d"],
        "drain: no new requests; or stop draining",
        "drain",
        &[Place::Menu]
    ),
    bind!(
        "act.enable",
        Enable,
        ["e"],
        "disable, or enable again",
        "on/off",
        &[Place::Menu]
    ),
    bind!(
        "confirm",
        Confirm,
        ["y"],
        "yes, do it",
        "yes",
        &[Place::Confirm]
    ),
    bind!(
        "apply",
        Apply,
        ["Enter"],
        "apply the draft",
        "apply",
        &[Place::Review]
    ),
    bind!(
        "stop",
        Stop,
        ["s"],
        "drain and stop the gateway",
        "stop",
        &[Place::Leave]
    ),
    bind!(
        "detach",
        Detach,
        ["d"],
        "close the screen, keep serving",
        "detach",
        &[Place::Leave]
    ),
];

/// The table as the README shows it.
pub fn readme_table() -> String {
    let row = |binding: &Binding| {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let places: Vec<&str> = binding.places.iter().map(|place| place.word()).collect();
        let place = if binding.places == ALL {
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

    #[test]
    fn no_key_means_two_things_at_one_place() {
        for place in Place::ALL {
            let mut keys: Vec<&str> = BINDINGS
                .iter()
                .filter(|binding| binding.places.contains(&place))
                .flat_map(|binding| binding.keys.iter().copied())
                .collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "{place:?}");
        }
    }

    #[test]
    fn nothing_that_touches_traffic_is_on_a_single_key_of_a_view() {
        let touching = [
            Action::Drain,
            Action::Enable,
            Action::Apply,
            Action::Confirm,
            Action::Stop,
        ];
        for binding in BINDINGS
            .iter()
            .filter(|binding| touching.contains(&binding.action))
        {
            assert!(
                !binding.places.iter().any(|place| ALL.contains(place)),
                "{}",
                binding.id
            );
        }
    }

    #[test]
    fn the_readme_shows_this_table() {
        let readme = include_str!("../../../README.md");

        assert!(
            readme.contains(&readme_table()),
            "put this into README.md:\n{}",
            readme_table()
        );
    }
}
