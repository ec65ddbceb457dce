//! Latencies in buckets that grow by a tenth: 1 ms, 1.1 ms, 1.21 ms … ten minutes. A quantile is
//! read to within 5 %, and histograms of neighbouring times can be added, which averages of
//! percentiles cannot.

/// How much one bucket is wider than the one before.
const GROWTH: f64 = 1.1;
/// The last bucket starts at 1.1^140 ms, ten minutes; what is longer falls into it.
const LAST_BUCKET: u8 = 140;

/// Counts per bucket; only buckets with something in them take memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// (bucket, count), by bucket.
    cells: Vec<(u8, u32)>,
}

impl Histogram {
    /// Counts one latency in milliseconds; what is not a number counts as 0.
    pub fn add(&mut self, milliseconds: f64) {
        self.count(bucket(milliseconds), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.cells {
            self.count(bucket, count);
        }
    }

    pub fn total(&self) -> u64 {
        self.cells.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// The latency below which the part `quantile` (0..1) lies, in milliseconds; nothing where
    /// nothing was counted.
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

    /// How many lie below the first bound, between each two, and beyond the last; in milliseconds,
    /// rising, read to within one bucket.
    pub fn spread<const N: usize>(&self, bounds: [f64; N]) -> Vec<u32> {
        let mut parts = vec![0_u32; N + 1];
        for &(bucket, count) in &self.cells {
            let middle = edge(bucket).midpoint(edge(bucket + 1));
            let part = bounds.iter().filter(|bound| **bound <= middle).count();
            parts[part] = parts[part].saturating_add(count);
        }
        parts
    }

    fn count(&mut self, bucket: u8, count: u32) {
        match self.cells.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(place) => self.cells[place].1 = self.cells[place].1.saturating_add(count),
            Err(place) => self.cells.insert(place, (bucket, count)),
        }
    }
}

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
    fn strange_latencies_land_in_the_outer_buckets() {
        let mut histogram = Histogram::default();
        for strange in [f64::NAN, -1.0, 0.0, f64::INFINITY, 1e300] {
            histogram.add(strange);
        }

        assert_eq!(histogram.total(), 5);
        assert!(histogram.quantile(0.99).unwrap().is_finite());
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_a_bucket_of_the_truth(
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
