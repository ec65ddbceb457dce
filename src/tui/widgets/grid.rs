//! A table with a cursor: columns that a narrow screen leaves out, names that take the room that is
//! left, and rows that scroll with the cursor.

use super::line::line;
use crate::tui::format;
use crate::tui::model::Model;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Where the text of a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
    /// Left, and the column takes the room that is left, as far as its longest cell needs it.
    Grows,
}

/// The content of a cell.
#[derive(Debug, Clone)]
pub enum GridCell {
    Text(String, Style),
    /// As wide as the column.
    Spans(Vec<Span<'static>>),
}

/// A column of a table of `R`.
#[derive(Debug)]
pub struct GridColumn<R> {
    pub head: &'static str,
    /// Cells.
    pub width: usize,
    /// Width of the screen from which it is shown.
    pub from: u16,
    pub align: Align,
    /// The cell of a row, in a column of some width.
    pub cell: fn(&R, &Model, usize) -> GridCell,
}

/// Plain text.
pub fn plain(text: impl Into<String>) -> GridCell {
    GridCell::Text(text.into(), Style::default())
}

/// Draws the head and the rows, scrolled so that the row `at` is visible; returns the number of lines.
pub fn draw<R>(
    columns: &[GridColumn<R>],
    rows: &[R],
    at: Option<usize>,
    model: &Model,
    area: Rect,
    buffer: &mut Buffer,
) -> u16 {
    let theme = model.theme();
    let columns = fitted(columns, rows, model, area.width);
    let heads = columns.iter().map(|&(column, cells)| {
        let text = GridCell::Text(column.head.to_owned(), theme.dim());
        filled(text, column.align, cells)
    });
    line(joined(Span::raw("  "), heads), area, 0, buffer);
    let available = usize::from(area.height.saturating_sub(1));
    let is_cut = rows.len() > available;
    let available = available.saturating_sub(usize::from(is_cut));
    let first = at.map_or(0, |at| (at + 1).saturating_sub(available));
    let mut y = 1;
    for (index, row) in rows.iter().enumerate().skip(first).take(available) {
        let mark = if Some(index) == at { " >" } else { "  " };
        let cells = columns
            .iter()
            .map(|&(column, cells)| filled((column.cell)(row, model, cells), column.align, cells));
        let mark = Span::styled(mark, theme.accent());
        line(joined(mark, cells), area, y, buffer);
        y += 1;
    }
    if is_cut {
        let text = format!("  +{} more", rows.len() - available);
        line(Line::styled(text, theme.dim()), area, y, buffer);
        y += 1;
    }
    y
}

/// The columns of a screen of this width, each with its cells. They do not depend on the rows that
/// are visible, so that nothing moves while scrolling.
fn fitted<'c, R>(
    columns: &'c [GridColumn<R>],
    rows: &[R],
    model: &Model,
    screen: u16,
) -> Vec<(&'c GridColumn<R>, usize)> {
    let shown = columns.iter().filter(|column| column.from <= screen);
    let mut shown: Vec<(&GridColumn<R>, usize)> =
        shown.map(|column| (column, column.width)).collect();
    let used: usize = shown.iter().map(|(_, cells)| cells + 1).sum();
    // One more cell is left of the first column.
    let mut spare = usize::from(screen).saturating_sub(used + 1);
    for (column, cells) in &mut shown {
        if column.align != Align::Grows {
            continue;
        }
        let widths = rows.iter().map(|row| width(&(column.cell)(row, model, 0)));
        let wanted = widths.max().unwrap_or(0).clamp(*cells, *cells + spare);
        spare -= wanted - *cells;
        *cells = wanted;
    }
    shown
}

fn width(cell: &GridCell) -> usize {
    match cell {
        GridCell::Text(text, _) => text.width(),
        GridCell::Spans(spans) => spans.iter().map(Span::width).sum(),
    }
}

fn filled(cell: GridCell, align: Align, cells: usize) -> Vec<Span<'static>> {
    match cell {
        GridCell::Text(text, style) => {
            let text = match align {
                Align::Left | Align::Grows => format::left(&text, cells),
                Align::Right => format::right(&text, cells),
            };
            vec![Span::styled(text, style)]
        }
        GridCell::Spans(mut spans) => {
            let used: usize = spans.iter().map(Span::width).sum();
            spans.push(Span::raw(" ".repeat(cells.saturating_sub(used))));
            spans
        }
    }
}

fn joined(mark: Span<'static>, cells: impl Iterator<Item = Vec<Span<'static>>>) -> Line<'static> {
    let mut spans = vec![mark];
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            spans.push(Span::raw(" "));
        }
        spans.extend(cell);
    }
    Line::from(spans)
}
