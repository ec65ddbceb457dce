//! Looks by meaning. Sixteen colours, the terminal's own foreground and background, and nothing
//! that is said by colour alone.

use crate::contract::{HealthState, ServiceState};
use ratatui::style::{Color, Modifier, Style};
use std::str::FromStr;

/// A set of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// The terminal's own sixteen.
    #[default]
    Default,
    /// Dark enough for a white ground.
    Light,
    /// Bright and bold, and nothing dim.
    HighContrast,
    /// No colours: bold, dim and reverse must do.
    Mono,
    /// Blue, yellow and magenta for those who cannot tell green from red.
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

/// How things look here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Theme {
    pub palette: Palette,
    /// Only characters from 0x20 to 0x7e.
    pub ascii: bool,
    /// Amounts, people and places are hidden from onlookers.
    pub masked: bool,
}

/// Stands for what is hidden.
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

    /// What is a draft, or chosen.
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

    /// How a provider's state looks.
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

    /// What onlookers need not see.
    pub fn secret(self, text: impl Into<String>) -> String {
        if self.masked {
            HIDDEN.to_owned()
        } else {
            text.into()
        }
    }

    /// One of two marks.
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

    /// Where nothing is known.
    pub fn absent(self) -> char {
        self.mark('·', ' ')
    }

    /// A colour in the order default, light, high-contrast, deuter.
    fn colour(self, [usual, light, bright, deuter]: [Color; 4]) -> Style {
        let style = Style::default();
        match self.palette {
            Palette::Default => style.fg(usual),
            Palette::Light => style.fg(light),
            Palette::HighContrast => style.fg(bright).add_modifier(Modifier::BOLD),
            Palette::Mono => style,
            Palette::Deuter => style.fg(deuter),
        }
    }
}
