//! The boxes that open on top of a screen.

use crate::tui::confirm_dialog::ConfirmDialog;

/// A box on top of a screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Dialog {
    Help(Help),
    /// The actions on a provider, a revision or an alert.
    Menu(Subject),
    Sort,
    Presets,
    Filter(String),
    Palette {
        text: String,
        row: usize,
    },
    Confirm(Box<ConfirmDialog>),
    /// Text that is too long for one line.
    Report {
        title: String,
        lines: Vec<String>,
        /// The first row shown.
        first: usize,
    },
}

impl Dialog {
    /// The command line with nothing typed.
    pub fn empty_palette() -> Self {
        Self::Palette {
            text: String::new(),
            row: 0,
        }
    }

    pub fn report(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::Report {
            title: title.into(),
            lines,
            first: 0,
        }
    }
}

/// The open help.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Help {
    /// The first row shown.
    pub first: usize,
    /// Only rows with these words; all if empty.
    pub search: String,
    /// Letters go to the search.
    pub is_typing: bool,
}

/// The subject of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Provider(String),
    Revision(u64),
    /// Id of an alert.
    Alert(String),
}
