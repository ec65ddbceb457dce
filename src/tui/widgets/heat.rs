//! The latency distribution over time; the darker a cell, the larger its part of the column:
//!
//! ```text
//!   >5s│              ░░▒▒▒
//!  2-5s│        ░░▒▒▒▓▓▓▓▓▓
//!  1-2s│░░░░░░▒▒▒▒▒▒▒▒░░░░░
//! .5-1s│▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░░░
//!  <.5s│██████████▓▓▓▓▓▒▒▒▒
//! ```

use super::strip;
use crate::contract::Series;
use crate::tui::theme::Theme;
use crate::tui::widgets::line::line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Labels of the rows, longest latency first.
const LABELS: [&str; 5] = ["  >5s", " 2-5s", " 1-2s", ".5-1s", " <.5s"];
/// Cells left of the map.
const AXIS: u16 = 6;

/// Draws up to five rows, the longest latencies first.
pub fn draw(series: &Series, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width.saturating_sub(AXIS));
    let columns = strip::columns(series, width.min(series.buckets.len()));
    for (row, label) in (0..area.height).zip(LABELS) {
        let part = LABELS.len() - 1 - usize::from(row);
        let cell = |cell: usize| {
            let column = columns.get(cell * columns.len() / width.max(1));
            let spread = column.map_or([0; 5], |column| column.bucket.spread);
            shade(spread[part], spread.iter().sum(), theme)
        };
        let cells: String = (0..width).map(cell).collect();
        let axis = format!("{label}{}", theme.mark('│', '|'));
        let text = Line::from(vec![Span::styled(axis, theme.dim()), Span::raw(cells)]);
        line(text, area, row, buffer);
    }
}

/// The shade for a part of all responses: none, below 5 %, 20 %, 50 %, and above.
fn shade(count: u32, all: u32, theme: Theme) -> char {
    let shades = if theme.ascii {
        [' ', '.', '-', '+', '#']
    } else {
        [' ', '░', '▒', '▓', '█']
    };
    if all == 0 {
        return theme.absent();
    }
    let part = f64::from(count) / f64::from(all);
    match part {
        _ if count == 0 => shades[0],
        _ if part < 0.05 => shades[1],
        _ if part < 0.2 => shades[2],
        _ if part < 0.5 => shades[3],
        _ => shades[4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_shows_the_part_and_absence_of_requests() {
        let theme = Theme::default();
        let shades = [(0, 0), (0, 100), (1, 100), (19, 100), (49, 100), (100, 100)];
        let drawn: String = shades
            .iter()
            .map(|&(count, all)| shade(count, all, theme))
            .collect();
        assert_eq!(drawn, "· ░▒▓█");
    }
}
