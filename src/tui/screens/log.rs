//! The latest log lines of this process, newest at the bottom.

use super::listing::plain;
use crate::tui::model::Model;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let logs = &model.options.logs;
    let position = match model.log_at {
        0 => "the newest".to_owned(),
        lines => format!("{lines} newer below"),
    };
    let title = format!(
        "LOG of this process: {} lines kept, {position}",
        logs.count()
    );
    rule(&title, model.theme(), area, buffer);
    let available = usize::from(area.height.saturating_sub(1));
    if theme.masked {
        let text = "  masked: lines may contain names of people and addresses";
        line(Line::styled(text, theme.dim()), area, 1, buffer);
        return;
    }
    let mut lines = logs.lines(model.log_at, available);
    if lines.is_empty() {
        let text = "  no lines yet; with --log-file they go only to the file";
        line(Line::styled(text, theme.dim()), area, 1, buffer);
    }
    lines.reverse();
    for (y, text) in (1..area.height).zip(lines) {
        let style = if text.contains("ERROR") {
            theme.bad()
        } else if text.contains("WARN") {
            theme.warn()
        } else {
            Style::default()
        };
        line(
            Line::styled(format!(" {}", plain(&text, theme)), style),
            area,
            y,
            buffer,
        );
    }
}
