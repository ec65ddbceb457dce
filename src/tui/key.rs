//! Keys, and their names in the action table, the configuration and on the screen.

use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// Named keys: the displayed name, and its ASCII form.
const NAMED: [(Code, &str, &str); 15] = [
    (Code::Enter, "Enter", "Enter"),
    (Code::Esc, "Esc", "Esc"),
    (Code::Tab, "Tab", "Tab"),
    (Code::BackTab, "S-Tab", "S-Tab"),
    (Code::Backspace, "Bksp", "Bksp"),
    (Code::Delete, "Del", "Del"),
    (Code::Insert, "Ins", "Ins"),
    (Code::Up, "↑", "Up"),
    (Code::Down, "↓", "Down"),
    (Code::Left, "←", "Left"),
    (Code::Right, "→", "Right"),
    (Code::Home, "Home", "Home"),
    (Code::End, "End", "End"),
    (Code::PageUp, "PgUp", "PgUp"),
    (Code::PageDown, "PgDn", "PgDn"),
];

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
}

impl Key {
    pub const fn plain(code: Code) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
        }
    }

    pub const fn ctrl(letter: char) -> Self {
        Self {
            code: Code::Char(letter),
            ctrl: true,
            alt: false,
        }
    }

    /// The character that it types into a field, if any.
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Its name, in ASCII if requested.
    pub fn name(self, ascii: bool) -> String {
        let name = self.to_string();
        if !ascii {
            return name;
        }
        NAMED
            .iter()
            .fold(name, |name, (_, shown, plain)| name.replace(shown, plain))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alt {
            f.write_str("M-")?;
        }
        if self.ctrl {
            f.write_str("^")?;
        }
        match self.code {
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) => write!(f, "{c}"),
            Code::F(number) => write!(f, "F{number}"),
            code => {
                let named = NAMED.iter().find(|(known, ..)| *known == code);
                f.write_str(named.map_or("", |(_, shown, _)| shown))
            }
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// Reads `j`, `^d`, `M-x`, `Space`, `F5`, `PgDn`, `↓` or `Down`.
    fn from_str(name: &str) -> Result<Self, String> {
        let (alt, rest) = match name.strip_prefix("M-") {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, name),
        };
        let (ctrl, rest) = match rest.strip_prefix('^') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, rest),
        };
        let mut letters = rest.chars();
        let code = match (letters.next(), letters.next()) {
            (Some(c), None) if ctrl => named(rest).unwrap_or(Code::Char(c.to_ascii_lowercase())),
            (Some(c), None) => named(rest).unwrap_or(Code::Char(c)),
            _ => named(rest).ok_or_else(|| {
                format!(
                    "{name:?} is not a key; expected one like j, ^d, Space, Enter, Tab, PgDn, Down or F5"
                )
            })?,
        };
        Ok(Self { code, ctrl, alt })
    }
}

fn named(name: &str) -> Option<Code> {
    if name.eq_ignore_ascii_case("space") {
        return Some(Code::Char(' '));
    }
    let function = name.strip_prefix(['F', 'f']).map(str::parse);
    if let Some(Ok(number @ 1..=24)) = function {
        return Some(Code::F(number));
    }
    let is = |(_, shown, plain): &&(Code, &str, &str)| {
        *shown == name || plain.eq_ignore_ascii_case(name)
    };
    NAMED.iter().find(is).map(|(code, ..)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_parsed_from_its_name() {
        for name in [
            "j", "J", "^d", "M-x", "Space", "↓", "PgDn", "F5", "S-Tab", "Enter", "?", "^", "-",
        ] {
            let key: Key = name.parse().unwrap();
            assert_eq!(key.to_string(), name);
        }
        assert_eq!("down".parse::<Key>().unwrap().name(true), "Down");
        assert!("Hyper".parse::<Key>().unwrap_err().contains("Hyper"));
        assert!("".parse::<Key>().is_err());
    }
}
