//! The layout for screens that are too small for tables: providers in trouble, and the notice.

use super::notice::notice;
use super::trouble::{since, troubled};
use crate::contract::Status;
use crate::tui::input_context::Screen;
use crate::tui::model::Model;
use crate::tui::widgets::line::line;
use crate::tui::widgets::strip;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Maximum rows of a notice.
const MAX_NOTICE: usize = 3;
/// Rows below the troubles: the count of the other providers, and the success strip.
const FOOTER_ROWS: u16 = 2;

/// Draws one line per provider in trouble, the count of the others, and the notice at the bottom.
/// Trouble is never frozen.
pub(super) fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let notice = notice(model, status);
    let (style, text) = (notice.style, notice.to_string());
    let mut lines = wrapped(text.trim(), usize::from(area.width.saturating_sub(2)));
    lines.truncate(MAX_NOTICE);
    let footer = u16::from(area.height > 3);
    let bottom = u16::try_from(lines.len()).unwrap_or(0) + footer;
    let upper = Rect {
        height: area.height.saturating_sub(bottom),
        ..area
    };
    let hint = u16::from(lines.is_empty());
    let available = upper.height.saturating_sub(2 + FOOTER_ROWS + hint);
    let y = troubles(model, status, upper, available, buffer);
    let width = usize::from(area.width.saturating_sub(6));
    let mut row = vec![Span::raw(" ok ")];
    row.extend(strip::success(&status.series, width, theme));
    line(Line::from(row), upper, y + 1, buffer);
    if lines.is_empty() {
        let text = match model.screen {
            Screen::Overview => " small screen: 60x15 shows charts".to_owned(),
            // Keys act on a screen that is not visible.
            screen => format!(" {}: too small, 60x15 shows it", screen.as_str()),
        };
        line(Line::styled(text, theme.dim()), upper, y + 2, buffer);
    }
    for (y, text) in (upper.height..).zip(lines) {
        line(Line::styled(format!(" {text}"), style), area, y, buffer);
    }
}

/// Draws the troubles that fit, and a row that counts the other providers; returns that row.
fn troubles(
    model: &Model,
    status: &Status,
    area: Rect,
    available: u16,
    buffer: &mut Buffer,
) -> u16 {
    let theme = model.theme();
    let now = model.status.as_deref().unwrap_or(status);
    let troubled = troubled(now);
    let selected = model.selected_name();
    let mut y = 2;
    for provider in troubled.iter().take(usize::from(available)) {
        let performance = &provider.performance;
        let is_selected = selected.as_ref() == Some(&performance.provider);
        let text = Line::from(vec![
            Span::raw(if is_selected { ">" } else { " " }),
            Span::styled(
                format!("{:6}", theme.state_word(performance.state)),
                theme.state(performance.state),
            ),
            Span::raw(format!(
                " {}{}: {}",
                performance.provider,
                since(provider, now),
                provider.why
            )),
        ]);
        line(text, area, y, buffer);
        y += 1;
    }
    let others = now.providers.len() - troubled.len();
    let hidden = troubled.len().saturating_sub(usize::from(available));
    let hidden = if hidden > 0 {
        format!(" +{hidden} more in trouble,")
    } else {
        String::new()
    };
    let rest = format!("{hidden} +{others} not in trouble");
    line(Line::raw(rest), area, y, buffer);
    y
}

/// Wraps a sentence between words into lines of at most `width` cells.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.width() + 1 + word.width() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
