//! A row of columns over time: `▁▂▂▃█·` – height is the value, a dot is "nothing known".

use crate::contract::Bucket;
use crate::tui::theme::Theme;

/// The last columns of a series, `width` cells wide. Where there are more columns than cells,
/// neighbours are merged: requests and errors add up, of latencies the worst counts.
pub fn columns(buckets: &[Bucket], width: usize) -> Vec<Bucket> {
    if width == 0 || buckets.is_empty() {
        return Vec::new();
    }
    let per = buckets.len().div_ceil(width);
    // From the right, so that the newest cell is always whole.
    let mut cells: Vec<Bucket> = buckets.rchunks(per).map(merged).collect();
    cells.reverse();
    while cells.len() < width {
        cells.insert(0, Bucket::default());
    }
    cells
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
        cost_usd: part.iter().map(|bucket| bucket.cost_usd).sum(),
    }
}

/// Success: full from 99.9 %, and in steps down to below 95 %.
pub fn success(buckets: &[Bucket], width: usize, theme: Theme) -> String {
    let heights = theme.heights();
    let cell = |bucket: &Bucket| match bucket.success_rate() {
        None => theme.absent(),
        Some(rate) if rate >= 0.999 => heights[7],
        Some(rate) if rate >= 0.99 => heights[5],
        Some(rate) if rate >= 0.95 => heights[2],
        Some(_) => heights[0],
    };
    columns(buckets, width).iter().map(cell).collect()
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
pub fn latency(buckets: &[Bucket], width: usize, theme: Theme) -> String {
    let values: Vec<Option<f64>> = columns(buckets, width)
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
        Bucket {
            requests,
            errors,
            p95_ms: (requests > 0).then_some(500.0),
            ..Bucket::default()
        }
    }

    #[test]
    fn absence_is_drawn_and_not_bridged() {
        let buckets = [bucket(10, 0), bucket(0, 0), bucket(100, 2), bucket(10, 5)];

        assert_eq!(success(&buckets, 4, Theme::default()), "█·▃▁");
        assert_eq!(
            latency(&buckets, 4, Theme::default())
                .chars()
                .filter(|c| *c == '·')
                .count(),
            1
        );
    }

    #[test]
    fn a_strip_is_as_wide_as_it_was_asked_for() {
        let buckets = vec![bucket(1, 0); 60];
        for width in [0, 1, 7, 59, 60, 61, 200] {
            assert_eq!(
                success(&buckets, width, Theme::default()).chars().count(),
                width
            );
        }
    }
}
