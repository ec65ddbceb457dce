//! The form of a text file that editing must not change: byte order mark and line ends; and texts as TOML
//! writes them.

const MARK: char = '\u{feff}';

/// A text as a TOML string, in quotation marks.
pub fn toml_string(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// Byte order mark and line ends of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TextForm {
    has_mark: bool,
    has_carriage_returns: bool,
}

impl TextForm {
    /// The form of a text, and the text without its byte order mark. The first line decides for all.
    pub fn split(text: &str) -> (Self, &str) {
        let rest = text.strip_prefix(MARK);
        let first = text.split_once('\n').map(|(first, _)| first);
        let form = Self {
            has_mark: rest.is_some(),
            has_carriage_returns: first.is_some_and(|line| line.ends_with('\r')),
        };
        (form, rest.unwrap_or(text))
    }

    /// The text in this form.
    pub fn apply(self, text: &str) -> String {
        let mut text = text.replace("\r\n", "\n");
        if self.has_carriage_returns {
            text = text.replace('\n', "\r\n");
        }
        if self.has_mark {
            text.insert(0, MARK);
        }
        text
    }
}
