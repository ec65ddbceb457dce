//! Styles by meaning: sixteen colours, the terminal's own foreground and background, and no
//! information by colour alone.

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
            _ => {
                return Err(format!(
                    "theme is {word:?}, but must be one of default, light, high-contrast, mono, deuter"
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

/// Replaces hidden text.
const HIDDEN: &str = "***";

impl Theme {
    pub fn good(self) -> Style {
        self.colour([
            Color::Green,
            Color::Indexed(22),
            Color::LightGreen,
            Color::LightBlue,
        ])
    }

    pub fn warn(self) -> Style {
        self.colour([
            Color::Yellow,
            Color::Indexed(94),
            Color::LightYellow,
            Color::Yellow,
        ])
    }

    pub fn bad(self) -> Style {
        self.colour([
            Color::Red,
            Color::Indexed(124),
            Color::LightRed,
            Color::LightMagenta,
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

    /// Heights of a column, from empty to full.
    pub fn heights(self) -> &'static [char] {
        if self.ascii {
            &['_', '.', ':', '-', '=', '+', '*', '#']
        } else {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        }
    }

    /// The mark for missing data.
    pub fn absent(self) -> char {
        self.mark('·', ' ')
    }

    /// A colour in the order default, light, high-contrast, deuter.
    fn colour(self, [default, light, bright, deuter]: [Color; 4]) -> Style {
        let style = Style::default();
        match self.palette {
            Palette::Default => style.fg(default),
            Palette::Light => style.fg(light),
            Palette::HighContrast => style.fg(bright).add_modifier(Modifier::BOLD),
            Palette::Mono => style,
            Palette::Deuter => style.fg(deuter),
        }
    }
}
