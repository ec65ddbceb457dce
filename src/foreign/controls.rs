//! Texts for terminals and logs.

use std::fmt::{self, Display};

/// A text whose unsafe characters are written as `\u001b`, which is valid inside JSON too.
#[derive(Debug, Clone, Copy)]
pub struct EscapeControls<'t> {
    text: &'t str,
    keeps_lines: bool,
}

impl<'t> EscapeControls<'t> {
    /// A text that stays on one line.
    pub fn line(text: &'t str) -> Self {
        Self {
            text,
            keeps_lines: false,
        }
    }

    /// A text that keeps its own line ends and tabs.
    pub fn lines(text: &'t str) -> Self {
        Self {
            text,
            keeps_lines: true,
        }
    }

    fn is_escaped(self, c: char) -> bool {
        is_unsafe(c) && !(self.keeps_lines && matches!(c, '\n' | '\t'))
    }
}

impl Display for EscapeControls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text;
        while let Some(at) = rest.find(|c| self.is_escaped(c)) {
            let (safe, after) = rest.split_at(at);
            f.write_str(safe)?;
            let mut chars = after.chars();
            match chars.next() {
                Some('\n') => f.write_str("\\n")?,
                Some(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

/// Whether a character controls a terminal, ends a line, or changes the direction of the text around it.
pub fn is_unsafe(c: char) -> bool {
    // ASCII first: nearly all characters are.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unsafe_characters_are_written_as_their_numbers() {
        let text = "a\u{1b}[2J\r\n\tb\u{9b}1m\u{202e}c\u{7f}é界";

        assert_eq!(
            EscapeControls::line(text).to_string(),
            r"a\u001b[2J\u000d\n\u0009b\u009b1m\u202ec\u007fé界"
        );
        assert_eq!(
            EscapeControls::lines(text).to_string(),
            "a\\u001b[2J\\u000d\n\tb\\u009b1m\\u202ec\\u007fé界"
        );
    }

    proptest! {
        #[test]
        fn no_unsafe_character_passes_and_json_stays_json(text in any::<String>()) {
            let line = EscapeControls::line(&text).to_string();
            prop_assert!(!line.contains(is_unsafe));
            let json = serde_json::to_string_pretty(&[&text]).unwrap();
            let shown = EscapeControls::lines(&json).to_string();
            prop_assert!(!shown.contains(|c| is_unsafe(c) && c != '\n'));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), vec![text]);
        }
    }
}
