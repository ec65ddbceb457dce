//! The latest log lines of the gateway or of this process, newest at the bottom.
//!
//! ```text
//! ── LOG of the gateway 127.0.0.1:8080: 500 lines, the newest ──
//!  03:14:05 INFO  served request=9f31 provider=az ms=612
//! >03:14:07 WARN  slow provider=az ms=4100
//! ```

use super::listing::plain;
use crate::contract::{LogLevel, LogLine};
use crate::tui::format;
use crate::tui::model::{LogSource, Model};
use crate::tui::panels::no_match;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use crate::tui::widgets::line::rule;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

/// Width from which the part of the program is shown, and its cells.
const TARGET_FROM: u16 = 120;
const TARGET: usize = 20;
/// The name of the program in front of its parts.
const PROGRAM: &str = "aibal_tui::";

pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme();
    let rows = model.log.rows();
    rule(&title(model, &rows), theme, area, buffer);
    let available = usize::from(area.height.saturating_sub(1));
    if theme.masked {
        let text = "  masked: lines may contain names of people and addresses";
        line(Line::styled(text, theme.dim()), area, 1, buffer);
        return;
    }
    if let Some((text, style)) = emptiness(model, rows.len()) {
        line(Line::styled(text, style), area, 1, buffer);
        if rows.is_empty() || model.log.filter.mistake().is_some() {
            return;
        }
    }
    let from = u16::from(model.log.error.is_some());
    let available = available.saturating_sub(usize::from(from));
    let at = model.log.at(&rows);
    // The cursor is in the middle, so that what led to a line and what followed are both visible.
    let last = rows.len().saturating_sub(available);
    let first = at.saturating_sub(available / 2).min(last);
    let shown = rows.iter().enumerate().skip(first);
    for (y, (place, row)) in (1 + from..area.height).zip(shown) {
        line(
            log_row(row, place == at, model, area.width),
            area,
            y,
            buffer,
        );
    }
}

/// Whose lines these are, how many, and the place of the cursor.
fn title(model: &Model, rows: &[&LogLine]) -> String {
    let view = &model.log;
    let address = model.theme().secret(&model.options.address);
    let whose = match view.source {
        _ if model.options.all_in_one => "gateway and dashboard".to_owned(),
        LogSource::Gateway => format!("the gateway {address}"),
        LogSource::Dashboard => "this dashboard".to_owned(),
    };
    let all = view.lines.len();
    let count = if view.filter.is_empty() {
        format!("{all} lines")
    } else {
        format!(
            "{} of {all} lines match {}",
            rows.len(),
            view.filter.as_str()
        )
    };
    let missed = match view.missed {
        0 => String::new(),
        missed => format!(", {} not seen", format::count(missed)),
    };
    let place = match rows.len().saturating_sub(view.at(rows) + 1) {
        _ if rows.is_empty() => String::new(),
        0 if view.cursor.is_none() => ", the newest".to_owned(),
        below => format!(", {below} newer below"),
    };
    let column = match view.column {
        0 => String::new(),
        column => format!(", from column {}", column + 1),
    };
    format!("LOG of {whose}: {count}{missed}{place}{column}")
}

/// What stands in place of lines, or above them.
fn emptiness(model: &Model, shown: usize) -> Option<(String, Style)> {
    let (view, theme) = (&model.log, model.theme());
    if let Some(mistake) = view.filter.mistake() {
        return Some((format!("  {}", plain(mistake, theme)), theme.warn()));
    }
    let text = match &view.error {
        Some(why) => return Some((format!("  no reply: {}", plain(why, theme)), theme.warn())),
        None if view.next.is_none() && view.lines.is_empty() => plain("loading …", theme),
        None if view.lines.is_empty() => "no lines yet".to_owned(),
        None if shown == 0 => no_match(view.lines.len(), theme),
        None => return None,
    };
    Some((format!("  {text}"), theme.dim()))
}

fn log_row<'a>(row: &LogLine, is_selected: bool, model: &Model, width: u16) -> Line<'a> {
    let theme = model.theme();
    let style = level_style(row.level, theme);
    let target = if width < TARGET_FROM {
        String::new()
    } else {
        let target = row.target.strip_prefix(PROGRAM).unwrap_or(&row.target);
        format!("{} ", format::left(&plain(target, theme), TARGET))
    };
    let text = without_cells(&row.text, model.log.column);
    Line::from(vec![
        Span::styled(if is_selected { ">" } else { " " }, theme.accent()),
        Span::styled(format!("{} ", format::clock(&row.at)), theme.dim()),
        Span::styled(
            format!("{} ", format::left(&row.level.as_str().to_uppercase(), 5)),
            style,
        ),
        Span::styled(target, theme.dim()),
        Span::styled(plain(text, theme), style),
    ])
}

fn level_style(level: LogLevel, theme: Theme) -> Style {
    match level {
        LogLevel::Error => theme.bad(),
        LogLevel::Warn => theme.warn(),
        LogLevel::Info => Style::default(),
        LogLevel::Debug | LogLevel::Trace => theme.dim(),
    }
}

/// A text without its first cells.
fn without_cells(text: &str, cells: usize) -> &str {
    let mut passed = 0;
    let start = text.char_indices().find(|(_, c)| {
        let is_beyond = passed >= cells;
        passed += c.width().unwrap_or(0);
        is_beyond
    });
    start.map_or("", |(at, _)| &text[at..])
}
