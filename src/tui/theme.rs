//! Styles by meaning: sixteen colours, or 24-bit ones on request, the terminal's own foreground and
//! background, and no information by colour alone. Red, green and yellow are states; providers have
//! the other hues, each its own on every panel.

use crate::contract::{HealthState, ServiceState};
use ratatui::style::{Color, Modifier, Style};
use std::str::FromStr;

/// A set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// The sixteen colours of the terminal.
    #[default]
    Default,
    /// Dark enough for a white background.
    Light,
    /// Bright and bold, nothing dim.
    HighContrast,
    /// No colours: only bold, dim and reverse.
    Mono,
    /// Blue, yellow and magenta, for red-green colour blindness.
    Deuter,
    /// Colours of 24 bits, for a dark background.
    TrueColour,
}

impl FromStr for Palette {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "default" => Self::Default,
            "light" => Self::Light,
            "high-contrast" => Self::HighContrast,
            "mono" => Self::Mono,
            "deuter" => Self::Deuter,
            "true-colour" => Self::TrueColour,
            _ => {
                return Err(format!(
                    "theme is {word:?}, but must be one of default, light, high-contrast, mono, deuter, true-colour"
                ));
            }
        })
    }
}

/// The look of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Theme {
    pub palette: Palette,
    /// Only characters from 0x20 to 0x7e.
    pub ascii: bool,
    /// Amounts, names of people and addresses are hidden.
    pub masked: bool,
}

/// Identity hues: no red, green or yellow, which are states.
/// Plain blue is hard to read on black, so it comes late.
const DARK_HUES: [Color; 8] = [
    Color::LightBlue,
    Color::Cyan,
    Color::Magenta,
    Color::White,
    Color::LightCyan,
    Color::LightMagenta,
    Color::Blue,
    Color::Gray,
];
const LIGHT_HUES: [Color; 8] = [
    Color::Indexed(26),
    Color::Indexed(23),
    Color::Indexed(90),
    Color::Indexed(16),
    Color::Indexed(19),
    Color::Indexed(24),
    Color::Indexed(126),
    Color::Indexed(60),
];
const BRIGHT_HUES: [Color; 8] = [
    Color::LightBlue,
    Color::LightCyan,
    Color::LightMagenta,
    Color::White,
    Color::Blue,
    Color::Cyan,
    Color::Magenta,
    Color::Gray,
];
/// Good is bright blue here, and bad bright magenta.
const DEUTER_HUES: [Color; 8] = [
    Color::Blue,
    Color::Cyan,
    Color::White,
    Color::Magenta,
    Color::LightCyan,
    Color::Gray,
    Color::Blue,
    Color::Cyan,
];
const TRUE_HUES: [Color; 8] = [
    Color::Rgb(0x4a, 0xa5, 0xf0),
    Color::Rgb(0x42, 0xb3, 0xc2),
    Color::Rgb(0xc1, 0x62, 0xde),
    Color::Rgb(0xd7, 0xda, 0xe0),
    Color::Rgb(0x7a, 0x88, 0xf7),
    Color::Rgb(0x7f, 0xdb, 0xe8),
    Color::Rgb(0xe4, 0x8a, 0xc8),
    Color::Rgb(0x9a, 0xa8, 0xc9),
];

/// Replaces hidden text.
const HIDDEN: &str = "***";

impl Theme {
    pub fn good(self) -> Style {
        self.colour([
            Color::Green,
            Color::Indexed(22),
            Color::LightGreen,
            Color::LightBlue,
            Color::Rgb(0x8c, 0xc2, 0x65),
        ])
    }

    pub fn warn(self) -> Style {
        self.colour([
            Color::Yellow,
            Color::Indexed(94),
            Color::LightYellow,
            Color::Yellow,
            Color::Rgb(0xe0, 0xa4, 0x58),
        ])
    }

    pub fn bad(self) -> Style {
        self.colour([
            Color::Red,
            Color::Indexed(124),
            Color::LightRed,
            Color::LightMagenta,
            Color::Rgb(0xf0, 0x62, 0x6c),
        ])
        .add_modifier(Modifier::BOLD)
    }

    /// Drafts, and the row under the cursor.
    pub fn accent(self) -> Style {
        self.colour([
            Color::Cyan,
            Color::Indexed(25),
            Color::LightCyan,
            Color::Cyan,
            Color::Rgb(0x56, 0xc8, 0xd8),
        ])
    }

    pub fn dim(self) -> Style {
        if self.palette == Palette::HighContrast {
            return Style::default();
        }
        Style::default().add_modifier(Modifier::DIM)
    }

    pub fn strong(self) -> Style {
        Style::default().add_modifier(Modifier::BOLD)
    }

    pub fn cursor(self) -> Style {
        Style::default().add_modifier(Modifier::REVERSED)
    }

    /// The style of a provider's state.
    pub fn state(self, state: HealthState) -> Style {
        match state {
            HealthState::Ok => self.good(),
            HealthState::Slow | HealthState::Limited | HealthState::HalfOpen => self.warn(),
            HealthState::Failing | HealthState::Open | HealthState::Down => self.bad(),
            HealthState::Draining | HealthState::Off | HealthState::Unknown => self.dim(),
        }
    }

    /// Glyph and word of a state.
    pub fn state_word(self, state: HealthState) -> String {
        let (glyph, plain, word) = match state {
            HealthState::Ok => ('●', '+', "OK"),
            HealthState::Slow => ('▲', '!', "SLOW"),
            HealthState::Limited => ('▲', '!', "429"),
            HealthState::Failing => ('▲', '!', "ERR"),
            HealthState::Open => ('✗', 'X', "OPEN"),
            HealthState::Down => ('✗', 'X', "DOWN"),
            HealthState::HalfOpen => ('◐', '~', "HALF"),
            HealthState::Draining => ('◌', '-', "DRAIN"),
            HealthState::Off => ('◌', '-', "OFF"),
            HealthState::Unknown => ('?', '?', "NODAT"),
        };
        format!("{}{word}", if self.ascii { plain } else { glyph })
    }

    pub fn service(self, state: ServiceState) -> (&'static str, Style) {
        match state {
            ServiceState::Ok => ("OK", self.good()),
            ServiceState::Degraded => ("DEGRADED", self.warn()),
            ServiceState::Down => ("DOWN", self.bad()),
        }
    }

    /// The text, or a placeholder if masked.
    pub fn secret(self, text: impl Into<String>) -> String {
        if self.masked {
            HIDDEN.to_owned()
        } else {
            text.into()
        }
    }

    /// The glyph, or its ASCII replacement.
    pub fn mark(self, glyph: char, plain: char) -> char {
        if self.ascii { plain } else { glyph }
    }

    /// Heights of a column, from empty to full. A full one leaves a gap to the row above, so that
    /// strips in neighbouring rows do not merge.
    pub fn heights(self) -> &'static [char] {
        if self.ascii {
            &['_', '.', ':', '-', '+', '=', '#']
        } else {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇']
        }
    }

    /// The mark for missing data.
    pub fn absent(self) -> char {
        self.mark('·', ' ')
    }

    /// The identity hue of a provider by its place in the configuration; `None` without colours,
    /// where letters and names tell providers apart. Hues repeat after eight.
    pub fn hue(self, place: usize) -> Option<Color> {
        if self.ascii {
            return None;
        }
        let hues = match self.palette {
            Palette::Mono => return None,
            Palette::Default => DARK_HUES,
            Palette::Light => LIGHT_HUES,
            Palette::HighContrast => BRIGHT_HUES,
            Palette::Deuter => DEUTER_HUES,
            Palette::TrueColour => TRUE_HUES,
        };
        Some(hues[place % hues.len()])
    }

    /// The style of a provider's name and bars; plain without colours. White is the terminal's own
    /// foreground, because white words would vanish on a light background.
    pub fn identity(self, place: usize) -> Style {
        match self.hue(place) {
            None | Some(Color::White | Color::Gray) => Style::default(),
            Some(hue) => Style::default().fg(hue),
        }
    }

    /// A colour in the order default, light, high-contrast, deuter, 24 bits.
    fn colour(self, [default, light, bright, deuter, true_colour]: [Color; 5]) -> Style {
        let style = Style::default();
        match self.palette {
            Palette::Default => style.fg(default),
            Palette::Light => style.fg(light),
            Palette::HighContrast => style.fg(bright).add_modifier(Modifier::BOLD),
            Palette::Mono => style,
            Palette::Deuter => style.fg(deuter),
            Palette::TrueColour => style.fg(true_colour),
        }
    }
}
