//! The interface of a panel.

use crate::contract::Status;
use crate::tui::model::Model;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A panel of the overview.
pub trait Panel: Sync {
    /// The text of its title line.
    fn title(&self, model: &Model) -> String;
    /// Draws its content.
    fn draw(&self, model: &Model, status: &Status, area: Rect, buffer: &mut Buffer);
}
