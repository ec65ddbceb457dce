//! The escape sequences of styles, as short as they can be: only what changes, and the sixteen named
//! colours in their classic codes of two or three characters.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// The attributes of text, with the codes that set and end them. The end of bold and of dim is the same.
const ATTRIBUTES: [(Modifier, &str, &str); 9] = [
    (Modifier::BOLD, "1", "22"),
    (Modifier::DIM, "2", "22"),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::SLOW_BLINK, "5", "25"),
    (Modifier::RAPID_BLINK, "6", "25"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::HIDDEN, "8", "28"),
    (Modifier::CROSSED_OUT, "9", "29"),
];
/// Attributes that are visible on a space.
const ON_SPACES: Modifier = Modifier::UNDERLINED
    .union(Modifier::REVERSED)
    .union(Modifier::CROSSED_OUT);

/// The style of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellStyle {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl CellStyle {
    pub const DEFAULT: Self = Self {
        fg: Color::Reset,
        bg: Color::Reset,
        modifier: Modifier::empty(),
    };

    pub fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            modifier: cell.modifier,
        }
    }

    /// Returns whether a space in this style looks as one without a style.
    pub fn is_blank(self) -> bool {
        self.bg == Color::Reset && !self.modifier.intersects(ON_SPACES)
    }

    /// The sequence that changes `self` to `next`; empty if they are the same.
    pub fn sequence_to(self, next: Self) -> String {
        if self == next {
            return String::new();
        }
        let changed = format!("\x1b[{}m", self.changes_to(next).join(";"));
        let mut fresh = Self::DEFAULT.changes_to(next);
        fresh.insert(0, "0".to_owned());
        let reset = match &fresh[..] {
            [_] => "\x1b[m".to_owned(),
            all => format!("\x1b[{}m", all.join(";")),
        };
        if reset.len() < changed.len() {
            reset
        } else {
            changed
        }
    }

    fn changes_to(self, next: Self) -> Vec<String> {
        let mut codes = Vec::new();
        let gone = self.modifier - next.modifier;
        let mut kept = self.modifier & next.modifier;
        for (attribute, _, end) in ATTRIBUTES {
            if gone.contains(attribute) && !codes.iter().any(|code| code == end) {
                codes.push(end.to_owned());
            }
        }
        if gone.intersects(Modifier::BOLD | Modifier::DIM) {
            kept -= Modifier::BOLD | Modifier::DIM;
        }
        if gone.intersects(Modifier::SLOW_BLINK | Modifier::RAPID_BLINK) {
            kept -= Modifier::SLOW_BLINK | Modifier::RAPID_BLINK;
        }
        let new = next.modifier - kept;
        let set = ATTRIBUTES.iter().filter(|(it, ..)| new.contains(*it));
        codes.extend(set.map(|(_, code, _)| (*code).to_owned()));
        if self.fg != next.fg {
            codes.push(colour(next.fg, 30));
        }
        if self.bg != next.bg {
            codes.push(colour(next.bg, 40));
        }
        codes
    }
}

/// The code of a colour; `base` is 30 for text and 40 for the background.
fn colour(colour: Color, base: u8) -> String {
    let place = match colour {
        Color::Reset => 9,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Indexed(index) => return format!("{};5;{index}", base + 8),
        Color::Rgb(red, green, blue) => return format!("{};2;{red};{green};{blue}", base + 8),
    };
    (base + place).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(fg: Color, bg: Color, modifier: Modifier) -> CellStyle {
        CellStyle { fg, bg, modifier }
    }

    #[test]
    fn only_what_changes_is_sent_or_a_reset_where_that_is_shorter() {
        let plain = CellStyle::DEFAULT;
        let red = style(Color::Red, Color::Reset, Modifier::empty());
        let title = style(Color::Red, Color::Blue, Modifier::BOLD);
        let both = style(Color::Red, Color::Blue, Modifier::BOLD | Modifier::DIM);
        let bright = style(Color::White, Color::Reset, Modifier::empty());
        for (from, to, expected) in [
            (plain, plain, ""),
            (plain, red, "\x1b[31m"),
            (red, title, "\x1b[1;44m"),
            (title, plain, "\x1b[m"),
            (title, red, "\x1b[0;31m"),
            (both, title, "\x1b[22;1m"),
            (red, bright, "\x1b[97m"),
            (
                plain,
                style(Color::Rgb(1, 2, 3), Color::Indexed(9), Modifier::empty()),
                "\x1b[38;2;1;2;3;48;5;9m",
            ),
        ] {
            assert_eq!(from.sequence_to(to), expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_space_shows_background_and_lines_and_nothing_else() {
        let blank = |bg, modifier| style(Color::Red, bg, modifier).is_blank();
        assert!(blank(Color::Reset, Modifier::BOLD | Modifier::DIM));
        assert!(!blank(Color::Blue, Modifier::empty()));
        assert!(!blank(Color::Reset, Modifier::REVERSED));
        assert!(!blank(Color::Reset, Modifier::UNDERLINED));
    }
}
