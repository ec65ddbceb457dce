//! Combinations of sizes, numbers of providers, and palettes.

use super::*;
use crate::contract::HealthState;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

const SIZES: [(u16, u16); 6] = [
    (59, 14),
    (60, 15),
    (80, 24),
    (120, 40),
    (200, 60),
    (300, 100),
];
const FLEETS: [usize; 4] = [1, 5, 50, 500];
const PALETTES: [&str; 6] = [
    "default",
    "light",
    "high-contrast",
    "mono",
    "deuter",
    "true-colour",
];
/// Keys that open each screen.
const SCREENS: [&str; 9] = ["", "Enter", "w >", "d", "a", "v", "L", "M", "C"];
const STATES: [HealthState; 10] = [
    HealthState::Ok,
    HealthState::Slow,
    HealthState::Limited,
    HealthState::Failing,
    HealthState::Open,
    HealthState::HalfOpen,
    HealthState::Down,
    HealthState::Draining,
    HealthState::Off,
    HealthState::Unknown,
];

fn theme(palette: &str) -> Theme {
    Theme {
        palette: palette.parse().unwrap(),
        ..Theme::default()
    }
}

fn picture(model: &Model, (width, height): (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(model, area, &mut buffer);
    buffer
}

fn symbols(buffer: &Buffer) -> Vec<&str> {
    buffer
        .content()
        .iter()
        .map(ratatui::buffer::Cell::symbol)
        .collect()
}

#[test]
fn the_overview_at_the_sizes_where_its_layout_changes() {
    for providers in FLEETS {
        let model = model(Theme::default(), true, providers);
        let pictures: Vec<String> = [(59, 14), (60, 15), (80, 24), (120, 40)]
            .iter()
            .map(|&(width, height)| format!("{width}x{height}\n{}", text(&model, width, height)))
            .collect();
        insta::assert_snapshot!(format!("overview_of_{providers}"), pictures.join("\n\n"));
    }
}

#[test]
fn palettes_differ_only_in_style_and_mono_has_no_colour() {
    for size in SIZES {
        for providers in FLEETS {
            for keys in SCREENS {
                let of = |palette: &str| {
                    let mut model = model(theme(palette), true, providers);
                    screens::fill(&mut model);
                    press(&mut model, keys);
                    picture(&model, size)
                };
                // Many providers on every screen would repeat the same check.
                if providers == 500 && !keys.is_empty() {
                    continue;
                }
                let usual = of("default");
                for palette in PALETTES {
                    let other = of(palette);
                    // Without colours, letters and names are in place of hues.
                    assert!(
                        palette == "mono" || symbols(&usual) == symbols(&other),
                        "{palette} {size:?} {keys:?}"
                    );
                    let is_plain = |cell: &ratatui::buffer::Cell| {
                        cell.fg == Color::Reset && cell.bg == Color::Reset
                    };
                    assert!(palette != "mono" || other.content().iter().all(is_plain));
                }
            }
        }
    }
}

#[test]
fn a_state_has_word_glyph_and_style_in_every_palette() {
    for palette in PALETTES {
        for state in STATES {
            let mut status = fixture::status(5, 7);
            for provider in &mut status.providers {
                provider.performance.state = state;
            }
            let theme = theme(palette);
            let mut model = Model::new(options(theme, true));
            receive(&mut model, status);
            let buffer = picture(&model, (120, 40));
            let word = theme.state_word(state);
            let mut glyph = word.chars();
            assert!(
                !glyph.next().unwrap().is_ascii_alphanumeric(),
                "{word} has no glyph"
            );
            assert!(glyph.as_str().chars().all(|c| c.is_ascii_alphanumeric()));
            // The second column of the first row of the table.
            let row: String = (2..9).map(|x| buffer[(x, 4)].symbol()).collect();
            assert_eq!(row.trim_end(), word, "{palette}");
            let look = theme.state(state);
            let cell = &buffer[(2, 4)];
            assert_eq!(cell.fg, look.fg.unwrap_or(Color::Reset), "{palette} {word}");
            assert!(
                cell.modifier.contains(look.add_modifier),
                "{palette} {word}"
            );
        }
    }
    let words: std::collections::BTreeSet<String> = STATES
        .iter()
        .map(|&state| Theme::default().state_word(state))
        .collect();
    assert_eq!(words.len(), STATES.len(), "each has its own word");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_is_drawn_outside(
        x in 0_u16..7, y in 0_u16..5, width in 1_u16..160, height in 1_u16..60,
        providers in 0_usize..40, screen in 0_usize..SCREENS.len(), seed in any::<u32>(),
        name in "\\PC{0,24}",
    ) {
        let mut status = fixture::status(providers, u64::from(seed) % 1_000);
        for (at, provider) in status.providers.iter_mut().enumerate() {
            if at % 3 == 0 {
                provider.performance.provider = format!("{name}{at}");
                provider.why.clone_from(&name);
            }
            let number = f64::from(seed) * (at as f64 + 0.5);
            provider.usd_per_hour = Some(number);
            provider.performance.latency_ms.p95 = (at % 4 > 0).then_some(number / 1e3);
            provider.performance.requests = u64::from(seed) * at as u64;
            provider.requests_per_second = number / 1e4;
        }
        let mut model = Model::new(options(Theme::default(), true));
        receive(&mut model, status);
        screens::fill(&mut model);
        press(&mut model, SCREENS[screen]);
        let whole = Rect::new(0, 0, 180, 70);
        let mut buffer = Buffer::empty(whole);
        for cell in &mut buffer.content {
            cell.set_char('@');
        }
        let inside = Rect::new(x, y, width, height);
        draw(&model, inside, &mut buffer);
        for position in whole.positions() {
            let is_outside = !inside.contains(position);
            prop_assert!(!is_outside || buffer[position].symbol() == "@", "{position:?}");
        }
    }
}
