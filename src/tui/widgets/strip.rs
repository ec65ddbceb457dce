//! A row of columns over time: `▁▂▂▃█·` – height is the value, a dot is "nothing known".

use crate::contract::{Bucket, Factors, Series, WeightPoints};
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::Span;

/// The last columns of a series, `width` cells wide. Where there are more columns than cells,
/// neighbours are merged: requests and errors add up, of latencies the worst counts. Who is merged
/// with whom follows from the time alone, so that a picture moves on and does not shimmer.
pub fn columns(series: &Series, width: usize) -> Vec<Bucket> {
    let buckets = &series.buckets;
    if width == 0 || buckets.is_empty() {
        return vec![Bucket::default(); width];
    }
    let per = buckets.len().div_ceil(width);
    let last = usize::try_from(series.last_start / series.bucket_seconds.max(1)).unwrap_or(0);
    // How many columns the newest cell holds so far.
    let newest = (last % per + 1).min(buckets.len());
    let (older, young) = buckets.split_at(buckets.len() - newest);
    let mut cells: Vec<Bucket> = older.rchunks(per).rev().map(merged).collect();
    cells.push(merged(young));
    let missing = width.saturating_sub(cells.len());
    let mut padded = vec![Bucket::default(); missing];
    padded.extend(cells.into_iter().rev().take(width).rev());
    padded
}

fn merged(part: &[Bucket]) -> Bucket {
    let worst = |of: fn(&Bucket) -> Option<f32>| {
        part.iter()
            .filter_map(of)
            .fold(None, |worst: Option<f32>, value| {
                Some(worst.map_or(value, |worst| worst.max(value)))
            })
    };
    Bucket {
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

/// Success: full from 99.9 %, and in steps down to below 95 %.
pub fn success(series: &Series, width: usize, theme: Theme) -> String {
    columns(series, width)
        .iter()
        .map(|bucket| success_cell(bucket, theme).0)
        .collect()
}

/// The same with each cell in the colour of its own rate.
pub fn success_spans(series: &Series, width: usize, theme: Theme) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for bucket in columns(series, width) {
        let (cell, style) = success_cell(&bucket, theme);
        match spans.last_mut().filter(|span| span.style == style) {
            Some(span) => span.content.to_mut().push(cell),
            None => spans.push(Span::styled(cell.to_string(), style)),
        }
    }
    spans
}

fn success_cell(bucket: &Bucket, theme: Theme) -> (char, Style) {
    let heights = theme.heights();
    match bucket.success_rate() {
        None => (theme.absent(), theme.dim()),
        Some(rate) if rate >= 0.999 => (heights[7], theme.good()),
        Some(rate) if rate >= 0.99 => (heights[5], theme.good()),
        Some(rate) if rate >= 0.95 => (heights[2], theme.warn()),
        Some(_) => (heights[0], theme.bad()),
    }
}

/// What a score is made of, each objective by its letter, as long as its part of the best score:
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

/// Any value on a scale from 0 to `top`.
pub fn bars(values: &[Option<f64>], top: f64, theme: Theme) -> String {
    let heights = theme.heights();
    let cell = |value: &Option<f64>| match value {
        None => theme.absent(),
        Some(value) => heights[level(*value, top, heights.len())],
    };
    values.iter().map(cell).collect()
}

/// Latency on a scale by decades, so that 200 ms and 20 s stand in one picture.
pub fn latency(series: &Series, width: usize, theme: Theme) -> String {
    let values: Vec<Option<f64>> = columns(series, width)
        .iter()
        .map(|bucket| bucket.p95_ms.map(|ms| decade(f64::from(ms))))
        .collect();
    bars(&values, 1.0, theme)
}

/// 0 at 100 ms and below, 1 at 30 s and above.
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

    fn bucket(requests: u32, errors: u32) -> Bucket {
        let p95_ms = (requests > 0).then_some(500.0);
        Bucket {
            requests,
            errors,
            p95_ms,
            ..Bucket::default()
        }
    }

    fn series(buckets: Vec<Bucket>, last: u64) -> Series {
        Series {
            bucket_seconds: 15,
            last_start: last * 15,
            buckets,
        }
    }

    #[test]
    fn absence_is_drawn_and_not_bridged() {
        let series = series(
            vec![bucket(10, 0), bucket(0, 0), bucket(100, 2), bucket(10, 5)],
            100,
        );

        assert_eq!(success(&series, 4, Theme::default()), "█·▃▁");
        assert_eq!(
            latency(&series, 4, Theme::default()).matches('·').count(),
            1
        );
    }

    #[test]
    fn a_strip_is_as_wide_as_it_was_asked_for() {
        for width in [0, 1, 7, 59, 60, 61, 200] {
            for last in 100..110 {
                let series = series(vec![bucket(1, 0); 60], last);
                assert_eq!(
                    success(&series, width, Theme::default()).chars().count(),
                    width
                );
            }
        }
    }

    #[test]
    fn cells_that_are_whole_do_not_change_as_time_moves_on() {
        let all: Vec<Bucket> = (0..70).map(|at| bucket(at + 1, 0)).collect();
        let requests = |last: u64| -> Vec<u32> {
            let from = usize::try_from(last).unwrap() - 59;
            let cells = columns(&series(all[from..from + 60].to_vec(), last), 12);
            cells.iter().map(|cell| cell.requests).collect()
        };

        let (before, after) = (requests(64), requests(65));
        assert_eq!(before[1..], after[..11], "one cell further");
        assert_eq!(requests(65)[1..11], requests(66)[1..11], "and then still");
    }
}
