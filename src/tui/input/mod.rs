//! What comes from the terminal.

mod decoder;
mod keyboard;
mod sequence;

pub use decoder::Decoder;
pub use keyboard::Keyboard;

use super::key::Key;

/// Something that a person did at the terminal, or that the terminal said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// Text that was pasted as one piece.
    Paste(String),
    /// Lines up (below 0) or down.
    Wheel(i8),
    /// The left button went down on a cell, counted from 0.
    Click {
        column: u16,
        row: u16,
    },
    /// The terminal has drawn all that came before our question.
    Answered,
}
