//! The interface of a panel.

use crate::contract::Status;
use crate::tui::model::Model;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A part of the overview.
pub trait Panel: Sync {
    /// For its frame.
    fn title(&self, model: &Model) -> String;
    /// Draws its inside.
    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer);
}
