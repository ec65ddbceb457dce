//! Strips: one-row charts over time, such as `▁▂▂▃▇·`. The height is the value, a dot means no
//! data.

use crate::contract::{Factors, Series, TimeBucket, WeightPoints};
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::Span;

/// A rate of fewer requests is drawn dim.
const MIN_REQUESTS: u32 = 5;

/// One cell of a strip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StripCell {
    pub bucket: TimeBucket,
    /// Its time is not over, so its sums still grow.
    pub is_open: bool,
}

/// The last columns of a series in at most `width` cells, oldest first. If there are more columns
/// than cells, neighbours are merged: requests and errors add up, the worst latency counts. If
/// there are fewer, all get the same number of cells. Merging and widths depend only on time and
/// width, so that a strip moves without shimmering; [`fitting`] returns the number of cells used.
pub fn columns(series: &Series, width: usize) -> Vec<StripCell> {
    let buckets = &series.buckets;
    if width == 0 || buckets.is_empty() {
        return vec![StripCell::default(); width];
    }
    let (per, count, wide) = layout(buckets.len(), width);
    let last = usize::try_from(series.last_start / series.bucket_seconds.max(1)).unwrap_or(0);
    // Columns in the newest cell so far.
    let newest = (last % per + 1).min(buckets.len());
    let (older, young) = buckets.split_at(buckets.len() - newest);
    let mut cells: Vec<TimeBucket> = older.rchunks(per).rev().map(merged).collect();
    cells.push(merged(young));
    let first = cells.len().saturating_sub(count);
    let drawn = cells.drain(first..).enumerate();
    drawn
        .flat_map(|(at, bucket)| {
            let is_open = at + 1 == count;
            std::iter::repeat_n(StripCell { bucket, is_open }, wide)
        })
        .collect()
}

/// The number of `width` cells that the columns of a series take. The rest belongs to the text
/// before them, because an empty cell would mean that there were no requests.
pub fn fitting(series: &Series, width: usize) -> usize {
    match series.buckets.len() {
        0 => width,
        _ if width == 0 => 0,
        length => {
            let (_, count, wide) = layout(length, width);
            count * wide
        }
    }
}

/// Columns merged into one, the number of merged columns, and the cells of each.
fn layout(length: usize, width: usize) -> (usize, usize, usize) {
    let per = length.div_ceil(width);
    let count = length.div_ceil(per);
    (per, count, width / count)
}

fn merged(part: &[TimeBucket]) -> TimeBucket {
    let worst = |of: fn(&TimeBucket) -> Option<f32>| {
        part.iter()
            .filter_map(of)
            .fold(None, |worst: Option<f32>, value| {
                Some(worst.map_or(value, |worst| worst.max(value)))
            })
    };
    TimeBucket {
        requests: part.iter().map(|bucket| bucket.requests).sum(),
        errors: part.iter().map(|bucket| bucket.errors).sum(),
        p50_ms: worst(|bucket| bucket.p50_ms),
        p95_ms: worst(|bucket| bucket.p95_ms),
        p99_ms: worst(|bucket| bucket.p99_ms),
        first_token_p50_ms: worst(|bucket| bucket.first_token_p50_ms),
        first_token_p95_ms: worst(|bucket| bucket.first_token_p95_ms),
        first_token_p99_ms: worst(|bucket| bucket.first_token_p99_ms),
        spread: part.iter().fold([0; 5], |sum, bucket| {
            std::array::from_fn(|at| sum[at] + bucket.spread[at])
        }),
        cost_usd: part.iter().map(|bucket| bucket.cost_usd).sum(),
    }
}

/// The success rate, each cell in the colour of its rate: full from 99.9 % on, in steps down to
/// below 95 %. A cell that is not over, or has few requests, is dim.
pub fn success(series: &Series, width: usize, theme: Theme) -> Vec<Span<'static>> {
    let cells = columns(series, width);
    spans(width, cells.iter().map(|cell| success_cell(cell, theme)))
}

/// Spans of cells of equal style, aligned to the right of `width` cells.
fn spans(width: usize, cells: impl ExactSizeIterator<Item = (char, Style)>) -> Vec<Span<'static>> {
    let blank = width.saturating_sub(cells.len());
    let mut spans: Vec<Span<'static>> = Vec::new();
    if blank > 0 {
        spans.push(Span::raw(" ".repeat(blank)));
    }
    for (cell, style) in cells {
        match spans.last_mut().filter(|span| span.style == style) {
            Some(span) => span.content.to_mut().push(cell),
            None => spans.push(Span::styled(cell.to_string(), style)),
        }
    }
    spans
}

fn success_cell(cell: &StripCell, theme: Theme) -> (char, Style) {
    let heights = theme.heights();
    let (height, style) = match cell.bucket.success_rate() {
        None => return (theme.absent(), theme.dim()),
        Some(rate) if rate >= 0.999 => (heights[6], theme.good()),
        Some(rate) if rate >= 0.99 => (heights[4], theme.good()),
        Some(rate) if rate >= 0.95 => (heights[2], theme.warn()),
        Some(_) => (heights[0], theme.bad()),
    };
    if cell.is_open || cell.bucket.requests < MIN_REQUESTS {
        (height, style.patch(theme.dim()))
    } else {
        (height, style)
    }
}

/// The components of a score, each objective by its letter, as long as its part of the best score:
/// `CCCC|LLLLLL|RRR`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the width, 0..=1"
)]
pub fn score_bar(factors: &Factors, weights: &WeightPoints, width: usize) -> String {
    let parts = [
        ('C', weights.cost, factors.cost),
        ('L', weights.latency, factors.latency),
        ('R', weights.reliability, factors.reliability),
        ('O', weights.load, factors.load),
        ('P', weights.priority, factors.priority),
    ];
    let all: f64 = parts.iter().map(|(_, weight, _)| weight).sum();
    let bar = |&(letter, weight, factor): &(char, f64, f64)| {
        let cells = (weight * factor / all * width as f64).round() as usize;
        letter.to_string().repeat(cells)
    };
    let bars: Vec<String> = parts
        .iter()
        .filter(|(_, weight, _)| *weight > 0.0)
        .map(bar)
        .collect();
    bars.join("|")
}

/// Values on a scale from 0 to `top`.
pub fn bars(values: &[Option<f64>], top: f64, theme: Theme) -> String {
    let heights = theme.heights();
    let cell = |value: &Option<f64>| match value {
        None => theme.absent(),
        Some(value) => heights[level(*value, top, heights.len())],
    };
    values.iter().map(cell).collect()
}

/// The cost of each cell on a scale from 0 to `top` USD; a cell that is not over is dim, because
/// its cost still grows.
pub fn amounts(cells: &[StripCell], top: f64, theme: Theme) -> Vec<Span<'static>> {
    let heights = theme.heights();
    let drawn = cells.iter().map(|cell| {
        let height = match cell.bucket.requests {
            0 => theme.absent(),
            _ => heights[level(cell.bucket.cost_usd, top, heights.len())],
        };
        (height, style(cell.is_open, theme))
    });
    spans(cells.len(), drawn)
}

/// p95 latency on a logarithmic scale, so that 200 ms and 20 s fit in one strip.
pub fn latency(series: &Series, width: usize, theme: Theme) -> Vec<Span<'static>> {
    let heights = theme.heights();
    let cells = columns(series, width);
    let drawn = cells.iter().map(|cell| {
        let height = match cell.bucket.p95_ms {
            None => theme.absent(),
            Some(ms) => heights[level(decade(f64::from(ms)), 1.0, heights.len())],
        };
        (height, style(cell.is_open, theme))
    });
    spans(width, drawn)
}

fn style(is_dim: bool, theme: Theme) -> Style {
    if is_dim {
        theme.dim()
    } else {
        Style::default()
    }
}

/// Position on the logarithmic scale: 0 at 100 ms and below, 1 at 30 s and above.
pub fn decade(milliseconds: f64) -> f64 {
    ((milliseconds.max(1.0) / 100.0).log10() / 300_f64.log10()).clamp(0.0, 1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the number of heights"
)]
fn level(value: f64, top: f64, levels: usize) -> usize {
    if top > 0.0 && value.is_finite() {
        ((value / top * levels as f64) as usize).min(levels - 1)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Modifier;

    fn bucket(requests: u32, errors: u32) -> TimeBucket {
        let p95_ms = (requests > 0).then_some(500.0);
        TimeBucket {
            requests,
            errors,
            p95_ms,
            ..TimeBucket::default()
        }
    }

    fn series(buckets: Vec<TimeBucket>, last: u64) -> Series {
        Series {
            bucket_seconds: 15,
            last_start: last * 15,
            buckets,
        }
    }

    fn drawn(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn missing_data_is_drawn_and_not_bridged() {
        let series = series(
            vec![bucket(10, 0), bucket(0, 0), bucket(100, 2), bucket(10, 5)],
            100,
        );
        let theme = Theme::default();

        assert_eq!(drawn(&success(&series, 4, theme)), "▇·▃▁");
        let latency = drawn(&latency(&series, 4, theme));
        assert_eq!(latency.matches('·').count(), 1);
    }

    #[test]
    fn a_strip_has_the_requested_width() {
        for width in [0, 1, 7, 28, 59, 60, 61, 200] {
            for last in 100..110 {
                let series = series(vec![bucket(1, 0); 60], last);
                let strip = drawn(&success(&series, width, Theme::default()));
                assert_eq!(strip.chars().count(), width);
            }
        }
    }

    #[test]
    fn a_strip_of_requests_has_no_empty_cell() {
        for width in 1..=200 {
            for last in 100..160 {
                let series = series(vec![bucket(9, 0); 60], last);
                let strip = drawn(&success(&series, width, Theme::default()));
                let (blank, full) = strip.split_at(strip.find('▇').unwrap());
                assert_eq!(blank.trim(), "", "{width}: {strip}");
                assert_eq!(full.replace('▇', ""), "", "{width}: {strip}");
                let taken = fitting(&series, width);
                assert_eq!(full.chars().count(), taken, "{width}: {strip}");
            }
        }
    }

    #[test]
    fn a_cell_that_is_not_over_or_has_few_requests_is_dim() {
        let dims = |spans: Vec<Span<'_>>| -> String {
            let look = |span: &Span<'_>| {
                let is_dim = span.style.add_modifier.contains(Modifier::DIM);
                let mark = if is_dim { "d" } else { "-" };
                mark.repeat(span.content.chars().count())
            };
            spans.iter().map(look).collect()
        };
        let buckets = vec![bucket(10, 1), bucket(4, 1), bucket(10, 0), bucket(10, 0)];
        let (theme, series) = (Theme::default(), series(buckets, 100));

        assert_eq!(dims(success(&series, 8, theme)), "--dd--dd");
        assert_eq!(dims(latency(&series, 4, theme)), "---d");
        assert_eq!(dims(amounts(&columns(&series, 4), 1.0, theme)), "---d");
    }

    #[test]
    fn complete_cells_do_not_change_as_time_moves_on() {
        let all: Vec<TimeBucket> = (0..70).map(|at| bucket(at + 1, 0)).collect();
        let requests = |last: u64| -> Vec<u32> {
            let from = usize::try_from(last).unwrap() - 59;
            let cells = columns(&series(all[from..from + 60].to_vec(), last), 12);
            cells.iter().map(|cell| cell.bucket.requests).collect()
        };

        let (before, after) = (requests(64), requests(65));
        assert_eq!(before[1..], after[..11], "one cell further");
        assert_eq!(requests(65)[1..11], requests(66)[1..11], "and then still");
    }
}
