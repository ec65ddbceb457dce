//! Single lines of text, and the title lines of panels.

use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// Draws a line of an area, `y` rows below its top. A line that is too long ends with `~`.
pub fn line(text: Line<'_>, area: Rect, y: u16, buffer: &mut Buffer) {
    if y < area.height {
        let too_long = text.width() > usize::from(area.width);
        text.render(
            Rect {
                y: area.y + y,
                height: 1,
                ..area
            },
            buffer,
        );
        if too_long && let Some(cell) = buffer.cell_mut((area.x + area.width - 1, area.y + y)) {
            cell.set_char('~');
        }
    }
}

/// Draws a title line: `── TITLE ─────────`.
pub fn rule(title: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let dash = theme.mark('─', '-').to_string();
    let used = title.chars().count() + 5;
    let rest = usize::from(area.width).saturating_sub(used);
    let text = Line::from(vec![
        Span::styled(format!("{dash}{dash} "), theme.dim()),
        Span::styled(title.to_owned(), theme.strong()),
        Span::styled(format!(" {}", dash.repeat(rest)), theme.dim()),
    ]);
    text.render(Rect { height: 1, ..area }, buffer);
}
