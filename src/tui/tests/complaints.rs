//! Complaints about other dashboards: `complaints.md` has a row for each, with the tests that
//! prevent it here. This file holds the tests that fit nowhere else, and the check of the table.

use super::*;
use crate::tui::input_context::{InputContext, SCREENS};
use crate::tui::keymap::BINDINGS;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Keys that move, describe or leave, and adjacent keys.
const MOVEMENT: &[&str] = &[
    "h", "j", "k", "l", "g", "G", "e", "d", "x", "↑", "↓", "←", "→", "Enter", "Space", "Bksp",
    "^d", "^u", "^f", "^b", "^k", "Tab", "S-Tab", "Home", "End", "PgUp", "PgDn", "Del",
];
/// Key sequences that open a dialog.
const DIALOG_KEYS: &[&str] = &[
    "q",
    "^c",
    ". d",
    ". e",
    ". p",
    ". b",
    "w > Enter",
    "v j . r",
    "u",
];

fn is_change(effect: &Effect) -> bool {
    matches!(effect, Effect::Change(_) | Effect::End(_))
}

/// A dashboard with rows in every list, and a change to undo.
fn busy() -> Model {
    let mut model = default_model();
    screens::fill(&mut model);
    model.undo.push(crate::tui::change::Undo::default());
    model
}

#[test]
fn no_single_key_of_any_screen_changes_anything() {
    let bound = BINDINGS.iter().flat_map(|binding| binding.keys).copied();
    let keys: BTreeSet<&str> = bound.chain(MOVEMENT.iter().copied()).collect();
    for &context in SCREENS {
        let InputContext::On(screen) = context else {
            continue;
        };
        for key in keys.iter().filter(|key| key.parse::<Key>().is_ok()) {
            let mut model = busy();
            model.screen = screen;
            let effects = press(&mut model, key);
            assert!(
                !effects.iter().any(is_change),
                "{key} on {}",
                screen.as_str()
            );
        }
    }
}

#[test]
fn every_row_of_a_menu_asks_before_anything_happens() {
    for (binding, _) in Keymap::default().at(InputContext::Menu, true) {
        for on in ["", "v "] {
            let mut model = busy();
            let effects = press(&mut model, &format!("{on}. {}", binding.keys[0]));
            assert!(!effects.iter().any(is_change), "{}", binding.id);
        }
    }
}

#[test]
fn no_dialog_opens_on_a_button_that_acts_and_enter_alone_changes_nothing() {
    for keys in DIALOG_KEYS {
        let mut model = busy();
        press(&mut model, keys);
        let Some(Dialog::Confirm(dialog)) = &model.dialog else {
            panic!("{keys:?} opens no dialog")
        };
        let has_fields = dialog.has_fields();
        let screen = text(&model, 80, 24);
        let focused = if has_fields {
            ">confirm"
        } else {
            ">[ Cancel ]"
        };
        assert!(screen.contains(focused), "{keys:?}\n{screen}");
        assert!(screen.contains("Enter presses"), "{keys:?}\n{screen}");
        // Enter goes down through the fields to Cancel.
        for _ in 0..3 {
            if model.dialog.is_some() {
                assert_eq!(press(&mut model, "Enter"), [], "{keys:?}");
            }
        }
        assert_eq!(model.dialog, None, "{keys:?}");
    }
}

#[test]
fn the_environment_comes_first_at_every_size_on_every_screen() {
    for keys in [
        "", "Enter", "w >", "d", "a", "v", "L", "?", "q", ". d", "/ x",
    ] {
        for (width, height) in [(40, 10), (60, 15), (80, 24), (120, 40), (200, 60)] {
            let mut status = fixture::status(5, 7);
            "prod".clone_into(&mut status.environment);
            let mut model = Model::new(options(Theme::default(), true));
            receive(&mut model, status);
            model.armed_until = Some(NOW + Duration::from_mins(5));
            press(&mut model, keys);
            let screen = text(&model, width, height);
            let first: String = screen.lines().next().unwrap().chars().take(12).collect();
            assert!(
                first.contains("PROD"),
                "{keys:?} {width}x{height}\n{screen}"
            );
        }
    }
}

#[test]
fn a_held_order_is_shown_until_it_is_released() {
    let mut model = default_model();
    press(&mut model, "o");
    assert!(text(&model, 120, 40).contains("order held"));
    let order = model.order.clone();
    let mut status = fixture::status(5, 8);
    status.providers[3].performance.state = crate::contract::HealthState::Down;
    let later = NOW + Duration::from_mins(10);
    let news = Message::Update(Update::Status(Arc::new(status)));
    update(&mut model, news, later);
    assert_eq!(model.order, order);
    let key = Message::Input(Input::Key("o".parse().unwrap()));
    update(&mut model, key, later);
    assert_eq!(model.order[0], "google");
    assert!(!text(&model, 120, 40).contains("order held"));
}

#[test]
fn a_custom_key_is_named_in_every_text() {
    let own = [
        ("view.weights", "W"),
        ("keep", "F2"),
        ("arm", "F3"),
        ("answer.yes", "F4"),
        ("answer.press", "F5"),
        ("open", "F6"),
        ("freeze", "F7"),
    ];
    let custom: BTreeMap<String, String> = own
        .iter()
        .map(|(id, key)| ((*id).to_owned(), (*key).to_owned()))
        .collect();
    let mut options = options(Theme::default(), true);
    options.keymap = Keymap::with(&custom).unwrap();
    options.protection = WriteProtection::Always;
    let mut model = Model::new(options);
    let mut status = fixture::status(5, 7);
    status.reverts_at = Some("2026-11-24T03:16:00.000Z".to_owned());
    receive(&mut model, status);

    let screen = text(&model, 160, 40);
    for named in [" W weights ", " F7 freeze ", "unless F2 keeps it"] {
        assert!(screen.contains(named), "{named}\n{screen}");
    }
    press(&mut model, "?");
    assert!(text(&model, 120, 60).contains("*F7         freeze the screen"));
    press(&mut model, "Esc . d");
    assert!(text(&model, 120, 40).contains("view-only: F3 allows changes"));
    press(&mut model, "Esc F3 . d");
    let screen = text(&model, 120, 40);
    assert!(
        screen.contains("[ Drain until it is undone ]  F4") && screen.contains("F5 presses"),
        "{screen}"
    );
    press(&mut model, "Esc W →");
    let screen = text(&model, 120, 40);
    assert!(screen.contains("F6 reviews, then applies"), "{screen}");
}

#[test]
fn a_weight_without_effect_is_marked() {
    let mut model = default_model();
    press(&mut model, "w");
    assert!(text(&model, 120, 40).contains("no effect while ✗OPEN"));
    assert!(text(&model, 80, 24).contains("no effect"));
}

#[test]
fn a_copied_text_is_shown_as_well() {
    let mut model = default_model();
    let name = model.selected_name().unwrap();
    assert_eq!(press(&mut model, "y"), [Effect::Copy(name.clone())]);
    assert!(text(&model, 120, 40).contains(&format!("sent to the clipboard: {name}")));
}

#[test]
fn the_process_id_is_shown() {
    let mut model = default_model();
    press(&mut model, ":");
    type_in(&mut model, "info");
    press(&mut model, "Enter");
    for size in [(120, 40), (80, 24), (40, 10)] {
        let seen = text(&model, size.0, size.1);
        assert!(
            seen.contains("process  4242: gateway and dashboard"),
            "{seen}"
        );
    }
    press(&mut model, "Esc");
    assert!(model.dialog.is_none());
}

#[test]
fn words_are_never_grey_and_dark_on_a_light_background() {
    let area = Rect::new(0, 0, 120, 40);
    for palette in ["default", "light", "high-contrast", "deuter", "true-colour"] {
        let theme = Theme {
            palette: palette.parse().unwrap(),
            ascii: false,
            masked: false,
        };
        for keys in ["", "Enter", "w >", "d", "a", "q"] {
            let mut model = model(theme, true, 5);
            screens::fill(&mut model);
            press(&mut model, keys);
            let mut buffer = Buffer::empty(area);
            draw(&model, area, &mut buffer);
            for cell in buffer.content() {
                // Blocks of a chart are no words.
                if ["▀", "▒"].contains(&cell.symbol()) {
                    continue;
                }
                assert_eq!(cell.bg, Color::Reset, "the terminal's own background");
                assert!(!matches!(
                    cell.fg,
                    Color::Gray | Color::DarkGray | Color::White
                ));
                if let (Color::Indexed(colour), "light") = (cell.fg, palette) {
                    let contrast = 1.05 / (luminance(colour) + 0.05);
                    assert!(contrast >= 4.5, "colour {colour}: {contrast:.1}");
                }
            }
        }
    }
}

/// Relative luminance (Web Content Accessibility Guidelines) of a colour of the 6x6x6 cube.
fn luminance(colour: u8) -> f64 {
    let cube = colour - 16;
    let part = |step: u8| {
        let level = if step == 0 {
            0.0
        } else {
            55.0 + 40.0 * f64::from(step)
        } / 255.0;
        if level <= 0.040_45 {
            level / 12.92
        } else {
            ((level + 0.055) / 1.055_f64).powf(2.4)
        }
    };
    0.2126 * part(cube / 36) + 0.7152 * part(cube / 6 % 6) + 0.0722 * part(cube % 6)
}

/// The rows of the table, with the names in backticks of their last column.
fn named(table: &str) -> Vec<(String, Vec<String>)> {
    let rows = table.lines().filter(|line| line.starts_with("| "));
    rows.skip(2)
        .map(|row| {
            let column = row
                .trim_end_matches(" |")
                .rsplit(" | ")
                .next()
                .unwrap_or("");
            let names = column.split('`').skip(1).step_by(2).map(str::to_owned);
            (row.to_owned(), names.collect())
        })
        .collect()
}

/// Collects the names of all tests below a folder.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = source.lines().map(str::trim).collect();
            for pair in lines.windows(2).filter(|pair| pair[0].contains("test")) {
                let name = pair[1].trim_start_matches("async ").strip_prefix("fn ");
                found.extend(
                    name.and_then(|name| name.split('(').next())
                        .map(str::to_owned),
                );
            }
        }
    }
}

#[test]
fn every_complaint_names_tests_that_exist() {
    let mut known = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests"] {
        tests(&root.join(folder), &mut known);
    }
    let rows = named(include_str!("complaints.md"));
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for (row, names) in rows {
        assert!(!names.is_empty(), "no test in: {row}");
        for name in names {
            assert!(known.contains(&name), "there is no test {name}: {row}");
        }
    }
}
