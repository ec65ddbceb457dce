//! What a screen shows that is too small for tables: what is broken, and what the operator must
//! know before the next key.

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

/// Rows that a notice takes at most.
const MAX_NOTICE: usize = 3;
/// Rows below the troubles: how many are well, and the strip of successes.
const FOOTER_ROWS: u16 = 2;

/// One line for each trouble, then how many are well, and at the bottom the notice. Trouble is
/// never frozen.
pub(super) fn draw(model: &Model, status: &Status, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let said = notice(model, status);
    let (style, text) = (said.style, said.to_string());
    let mut told = wrapped(text.trim(), usize::from(area.width.saturating_sub(2)));
    told.truncate(MAX_NOTICE);
    let footer = u16::from(area.height > 3);
    let bottom = u16::try_from(told.len()).unwrap_or(0) + footer;
    let upper = Rect {
        height: area.height.saturating_sub(bottom),
        ..area
    };
    let hint = u16::from(told.is_empty());
    let room = upper.height.saturating_sub(2 + FOOTER_ROWS + hint);
    let y = troubles(model, status, upper, room, buffer);
    let width = usize::from(area.width.saturating_sub(6));
    let mut row = vec![Span::raw(" ok ")];
    row.extend(strip::success(&status.series, width, theme));
    line(Line::from(row), upper, y + 1, buffer);
    if told.is_empty() {
        let text = match model.screen {
            Screen::Overview => " small screen: 60x15 shows charts".to_owned(),
            // Keys act there, and nothing of it is seen.
            screen => format!(" {}: too small, 60x15 shows it", screen.as_str()),
        };
        line(Line::styled(text, theme.dim()), upper, y + 2, buffer);
    }
    for (y, text) in (upper.height..).zip(told) {
        line(Line::styled(format!(" {text}"), style), area, y, buffer);
    }
}

/// As many troubles as have room, and the row after them, which says how many there are besides.
fn troubles(model: &Model, status: &Status, area: Rect, room: u16, buffer: &mut Buffer) -> u16 {
    let theme = model.theme();
    let now = model.status.as_deref().unwrap_or(status);
    let troubled = troubled(now);
    let chosen = model.selected_name();
    let mut y = 2;
    for provider in troubled.iter().take(usize::from(room)) {
        let performance = &provider.performance;
        let is_chosen = chosen.as_ref() == Some(&performance.provider);
        let text = Line::from(vec![
            Span::raw(if is_chosen { ">" } else { " " }),
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
    let well = now.providers.len() - troubled.len();
    let hidden = troubled.len().saturating_sub(usize::from(room));
    let hidden = if hidden > 0 {
        format!(" +{hidden} more in trouble,")
    } else {
        String::new()
    };
    let rest = format!("{hidden} +{well} not in trouble");
    line(Line::raw(rest), area, y, buffer);
    y
}

/// A sentence in lines of at most so many cells, broken between words.
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
