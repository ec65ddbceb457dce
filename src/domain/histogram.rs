//! Latency histogram with buckets that grow by 10 %: 1 ms, 1.1 ms, 1.21 ms … ten minutes. Quantiles
//! are accurate to 5 %. Histograms of adjacent periods can be added; percentiles cannot.

/// Width of a bucket relative to the previous one.
const GROWTH: f64 = 1.1;
/// Index of the last bucket. It starts at 1.1^140 ms, ten minutes, and has no upper end.
const LAST_BUCKET: u8 = 140;

/// Counts per bucket. Empty buckets take no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// (bucket, count), by bucket.
    cells: Vec<(u8, u32)>,
}

impl Histogram {
    /// Counts one latency in milliseconds; NaN counts as 0.
    pub fn add(&mut self, milliseconds: f64) {
        self.count(bucket(milliseconds), 1);
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.cells {
            self.count(bucket, count);
        }
    }

    /// Iterates over the buckets that are not empty with their counts, to store them.
    pub fn cells(&self) -> impl Iterator<Item = (u8, u32)> {
        self.cells.iter().copied()
    }

    /// Creates a histogram from stored buckets with their counts.
    pub fn from_cells(cells: impl IntoIterator<Item = (u8, u32)>) -> Self {
        let mut histogram = Self::default();
        for (bucket, count) in cells {
            histogram.count(bucket.min(LAST_BUCKET), count);
        }
        histogram
    }

    /// Returns the number of latencies.
    pub fn total(&self) -> u64 {
        self.cells.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// Returns the quantile (0..1) in milliseconds; `None` if the histogram is empty.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = (quantile * total as f64).clamp(0.5, total as f64 - 0.5);
        let mut below = 0.0;
        for &(bucket, count) in &self.cells {
            let count = f64::from(count);
            if below + count >= rank {
                let part = (rank - below) / count;
                let low = if bucket == 0 { 0.0 } else { edge(bucket) };
                return Some(low + part * (edge(bucket + 1) - low));
            }
            below += count;
        }
        None
    }

    /// Returns the counts below the first bound, between adjacent bounds, and above the last. Bounds
    /// are in milliseconds and ascending; the result is accurate to one bucket.
    pub fn spread<const N: usize>(&self, bounds: [f64; N]) -> Vec<u32> {
        let mut parts = vec![0_u32; N + 1];
        for &(bucket, count) in &self.cells {
            let middle = edge(bucket).midpoint(edge(bucket + 1));
            let part = bounds.iter().filter(|bound| **bound <= middle).count();
            parts[part] = parts[part].saturating_add(count);
        }
        parts
    }

    /// Returns the number of latencies above a bound in milliseconds, accurate to one bucket.
    pub fn above(&self, bound_ms: f64) -> u64 {
        let above = |&&(bucket, _): &&(u8, u32)| edge(bucket).midpoint(edge(bucket + 1)) > bound_ms;
        let cells = self.cells.iter().filter(above);
        cells.map(|&(_, count)| u64::from(count)).sum()
    }

    fn count(&mut self, bucket: u8, count: u32) {
        match self.cells.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(at) => self.cells[at].1 = self.cells[at].1.saturating_add(count),
            Err(at) => self.cells.insert(at, (bucket, count)),
        }
    }
}

/// Lower bound of a bucket in milliseconds.
fn edge(bucket: u8) -> f64 {
    GROWTH.powi(i32::from(bucket))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of buckets before the cast"
)]
fn bucket(milliseconds: f64) -> u8 {
    if milliseconds > 1.0 {
        (milliseconds.ln() / GROWTH.ln()).clamp(0.0, f64::from(LAST_BUCKET)) as u8
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_has_no_quantiles() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_spread_counts_every_latency_once() {
        let mut histogram = Histogram::default();
        for latency in [100.0, 600.0, 700.0, 30_000.0] {
            histogram.add(latency);
        }
        assert_eq!(histogram.spread([500.0, 1_000.0, 2_000.0]), [1, 2, 0, 1]);
    }

    #[test]
    fn invalid_latencies_count_in_the_first_or_last_bucket() {
        let mut histogram = Histogram::default();
        for invalid in [f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300] {
            histogram.add(invalid);
        }

        assert_eq!(histogram.total(), 5);
        assert!(histogram.quantile(0.99).unwrap().is_finite());
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_one_bucket_of_the_exact_value(
            mut values in prop::collection::vec(2.0..500_000.0_f64, 20..200),
        ) {
            let mut histogram = Histogram::default();
            for &value in &values { histogram.add(value); }
            values.sort_by(f64::total_cmp);
            let median = histogram.quantile(0.5).unwrap();
            prop_assert!(median >= values[values.len() / 2 - 1] / 1.11);
            prop_assert!(median <= values[values.len() / 2] * 1.11);
        }

        #[test]
        fn merging_equals_counting_together(
            left in prop::collection::vec(1.0..1e6_f64, 0..50),
            right in prop::collection::vec(1.0..1e6_f64, 0..50),
        ) {
            let of = |values: &[f64]| {
                let mut histogram = Histogram::default();
                for &value in values { histogram.add(value); }
                histogram
            };
            let mut merged = of(&left);
            merged.merge(&of(&right));
            prop_assert_eq!(merged, of(&[left, right].concat()));
        }
    }
}
