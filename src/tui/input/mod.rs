//! Input from the terminal.

mod decoder;
mod keyboard;
mod sequence;

pub use decoder::Decoder;
pub use keyboard::Keyboard;

use super::key::Key;

/// An input of the operator, or a reply of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// Pasted text.
    Paste(String),
    /// Wheel steps: negative is up, positive is down.
    Wheel(i8),
    /// A press of the left button on a cell, counted from 0.
    Click {
        column: u16,
        row: u16,
    },
    /// The terminal has processed everything before the query of the frame pacer.
    Answered,
}
