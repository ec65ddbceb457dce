//! Latency over time on a logarithmic axis; gaps stay gaps:
//!
//! ```text
//!  10s│
//!   3s│          ⢀⡠⠤⠒⠉⠉  p95 3.9s
//!   1s│⠤⠤⠤⠤⠤⠤⠒⠉
//! 300 │⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀    p50 512
//! ```

use crate::contract::{Series, TimeBucket};
use crate::tui::format;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Cells left of the axis.
pub const AXIS: u16 = 5;
/// Decades of an axis, in milliseconds.
const DECADES: [f64; 5] = [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
/// Ticks within a decade.
const TICKS: [f64; 3] = [1.0, 2.0, 5.0];
/// The ticks of a short axis.
const FINE_TICKS: [f64; 6] = [1.0, 1.5, 2.0, 3.0, 5.0, 7.0];
/// Where an axis may start and end, tight to the data.
const ENDS: [f64; 9] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
/// With fewer ticks an axis is short.
const FEWEST_TICKS: usize = 3;
/// Braille dots of a cell, by column, from the top.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// One line of the chart.
struct Line {
    values: Vec<Option<f64>>,
    style: Style,
    plain: char,
}

/// The quantity in a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measure {
    /// The whole response.
    #[default]
    Whole,
    /// The first token of a stream.
    FirstToken,
}

impl Measure {
    pub fn other(self) -> Self {
        match self {
            Self::Whole => Self::FirstToken,
            Self::FirstToken => Self::Whole,
        }
    }

    /// p50, p99 and p95 of a column. The most important is last, because in a shared cell the
    /// colour drawn last wins.
    fn lines(self) -> [fn(&TimeBucket) -> Option<f32>; 3] {
        match self {
            Self::Whole => [|it| it.p50_ms, |it| it.p99_ms, |it| it.p95_ms],
            Self::FirstToken => [
                |it| it.first_token_p50_ms,
                |it| it.first_token_p99_ms,
                |it| it.first_token_p95_ms,
            ],
        }
    }
}

/// An event below a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Unix seconds.
    pub at: u64,
    /// A short word for what happened.
    pub word: String,
    /// The provider that it happened to, which is named where there is room for all names.
    pub of: Option<String>,
}

/// Cells that each mark must have for names to be shown.
const NAMED: u64 = 14;

/// Draws p50, p99 and p95 into `area`; the last row has the times and the marks.
pub fn draw(
    (series, measure): (&Series, Measure),
    marks: &[Mark],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height < 3 || area.width < AXIS + 10 {
        return;
    }
    let plot = Rect {
        x: area.x + AXIS,
        y: area.y,
        width: area.width - AXIS,
        height: area.height - 1,
    };
    let values = |of: fn(&TimeBucket) -> Option<f32>| -> Vec<Option<f64>> {
        series
            .buckets
            .iter()
            .map(|bucket| of(bucket).map(f64::from))
            .collect()
    };
    let [p50, p99, p95] = measure.lines();
    let lines = [
        Line {
            values: values(p50),
            style: theme.good(),
            plain: '.',
        },
        Line {
            values: values(p99),
            style: theme.dim(),
            plain: ':',
        },
        Line {
            values: values(p95),
            style: theme.warn(),
            plain: '*',
        },
    ];
    let (low, high) = scale(lines.iter().flat_map(|line| line.values.iter().flatten()));
    axis(low, high, theme, area, buffer);
    for line in &lines {
        trace(line, (low, high), theme, plot, buffer);
    }
    times(series, marks, theme, area, buffer);
}

/// The axis around all values; 100 ms to 3 s without values.
fn scale<'v>(values: impl Iterator<Item = &'v f64>) -> (f64, f64) {
    let (least, most) = values.fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), &value| {
        (least.min(value), most.max(value))
    });
    if most <= 0.0 {
        return (100.0, 3_000.0);
    }
    let steps = || steps(&ENDS);
    let low = steps().filter(|step| *step <= least).last();
    let low = low.unwrap_or(DECADES[0]);
    let high = steps().find(|step| *step >= most && *step > low);
    (low, high.unwrap_or(DECADES[DECADES.len() - 1] * 10.0))
}

/// All values with these mantissas, ascending.
fn steps(mantissas: &[f64]) -> impl Iterator<Item = f64> {
    let in_decade = move |decade: f64| mantissas.iter().map(move |step| decade * step);
    DECADES.into_iter().flat_map(in_decade)
}

/// The ticks of an axis: 1, 2, 5 and so on, finer ones if these are too few.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let within = |mantissas: &'static [f64]| -> Vec<f64> {
        steps(mantissas)
            .filter(|step| (low..=high).contains(step))
            .collect()
    };
    let coarse = within(&TICKS);
    if coarse.len() < FEWEST_TICKS {
        within(&FINE_TICKS)
    } else {
        coarse
    }
}

/// Draws the axis, and a faint line at each tick.
fn axis(low: f64, high: f64, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = area.height - 1;
    for y in 0..rows {
        buffer.set_string(
            area.x + AXIS - 1,
            area.y + y,
            theme.mark('│', '|').to_string(),
            theme.dim(),
        );
    }
    let mut free = rows;
    for step in ticks(low, high) {
        let part = (step / low).ln() / (high / low).ln();
        let row = from_top(part, rows);
        // Labels in neighbouring rows would look like one number.
        if row + 1 >= free && free < rows {
            continue;
        }
        free = row;
        let label = format::right(&format::latency(Some(step)), usize::from(AXIS) - 1);
        buffer.set_string(area.x, area.y + row, label, theme.dim());
        if theme.ascii {
            continue;
        }
        buffer.set_string(area.x + AXIS - 1, area.y + row, "┤", theme.dim());
        for x in (area.x + AXIS + 1..area.x + area.width).step_by(2) {
            buffer.set_string(x, area.y + row, "·", theme.dim());
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the rows, 0..=1"
)]
fn from_top(part: f64, rows: u16) -> u16 {
    (((1.0 - part.clamp(0.0, 1.0)) * f64::from(rows - 1)).round()) as u16
}

/// Draws a line. A value is in the middle of its column, neighbours are joined, gaps stay gaps.
fn trace(line: &Line, (low, high): (f64, f64), theme: Theme, plot: Rect, buffer: &mut Buffer) {
    let columns = usize::from(plot.width) * 2;
    let count = line.values.len().max(1);
    let dots = f64::from(plot.height) * 4.0 - 1.0;
    let height =
        |value: f64| (1.0 - ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0)) * dots;
    let middle = |at: usize| (at * 2 + 1) * columns / (count * 2);
    let mut before: Option<(usize, f64)> = None;
    for (at, value) in line.values.iter().enumerate() {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let (x, y) = (middle(at), height(*value));
        let (from_x, from_y) = before.unwrap_or((x, y));
        let mut last = from_y;
        for column in from_x..=x {
            let part = (column - from_x) as f64 / (x - from_x).max(1) as f64;
            let here = from_y + (y - from_y) * part;
            for dot in between(last, here) {
                set(column, dot, line, theme, plot, buffer);
            }
            last = here;
        }
        before = Some((x, y));
    }
}

/// All dots from one height to another.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the rows of the plot, at least 0"
)]
fn between(one: f64, other: f64) -> std::ops::RangeInclusive<u32> {
    let (one, other) = (one.round() as u32, other.round() as u32);
    one.min(other)..=one.max(other)
}

fn set(column: usize, dot: u32, line: &Line, theme: Theme, plot: Rect, buffer: &mut Buffer) {
    let (Ok(x), Ok(y)) = (u16::try_from(column / 2), u16::try_from(dot / 4)) else {
        return;
    };
    let Some(cell) = buffer.cell_mut((plot.x + x, plot.y + y)) else {
        return;
    };
    if theme.ascii {
        cell.set_char(line.plain).set_style(line.style);
        return;
    }
    let bit = DOTS[column % 2][dot as usize % 4];
    let old = cell.symbol().chars().next().map_or(0, u32::from);
    let kept = if (0x2800..=0x28ff).contains(&old) {
        old
    } else {
        // What was there, a faint line, is drawn dim.
        cell.reset();
        0x2800
    };
    if let Some(braille) = char::from_u32(kept | bit) {
        cell.set_char(braille).set_style(line.style);
    }
}

/// Draws the row of times and marks, each at its time. Marks replace times, newer marks older ones.
pub(super) fn times(
    series: &Series,
    marks: &[Mark],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let width = u64::from(area.width - AXIS);
    let seconds = series.bucket_seconds * series.buckets.len() as u64;
    let end = series.last_start + series.bucket_seconds;
    let start = end.saturating_sub(seconds);
    let mut used: Vec<(u64, u64)> = Vec::new();
    let mut put = |x: u64, word: &str, style: Style| {
        let cells = word.width() as u64;
        let x = x.min(width.saturating_sub(cells));
        let meets = |&(from, to): &(u64, u64)| x <= to && from <= x + cells;
        if cells > width / 2 || used.iter().any(meets) {
            return false;
        }
        used.push((x, x + cells));
        let x = area.x + AXIS + u16::try_from(x).unwrap_or(0);
        buffer.set_string(x, area.y + area.height - 1, word, style);
        true
    };
    let seen = marks.iter().filter(|mark| (start..end).contains(&mark.at));
    let has_names = seen.clone().count() as u64 * NAMED <= width;
    for mark in seen.rev() {
        let x = (mark.at - start) * width / seconds.max(1);
        let named = mark.of.as_ref().filter(|_| has_names);
        let named = named.map(|of| format!("{} {of}", mark.word));
        if !named.is_some_and(|text| put(x, &text, theme.warn())) {
            put(x, &mark.word, theme.warn());
        }
    }
    for quarter in 0..4 {
        let at = start + seconds * quarter / 4;
        let label = if series.bucket_seconds < 5 {
            format!("{}:{:02}", format::minute(at), at % 60)
        } else {
            format::minute(at)
        };
        put(width * quarter / 4, &label, theme.dim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<f64> {
        ticks(low, high)
    }

    #[test]
    fn an_axis_is_tight_around_its_values_and_has_ticks() {
        assert_eq!(scale([820.0, 2_300.0].iter()), (800.0, 2_500.0));
        assert_eq!(
            labels(700.0, 3_000.0),
            [700.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0]
        );
        assert_eq!(scale([90.0, 9_000.0].iter()), (80.0, 10_000.0));
        let ticks = [100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0];
        assert_eq!(labels(70.0, 10_000.0), ticks);
        assert_eq!(scale([500.0].iter()), (500.0, 600.0));
        assert_eq!(scale([].iter()), (100.0, 3_000.0));
    }
}
