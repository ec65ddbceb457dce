//! Histogram with the fixed bounds that a metric promises, and the latest example of every bucket.

use crate::domain::ids::DecisionId;
use crate::domain::units::UnixTime;

/// One counted value, with the decision that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// The decision.
    pub decision: DecisionId,
    /// The value.
    pub value: f64,
    /// Time of the value.
    pub at: UnixTime,
}

/// Counts since the start by upper bound, with their sum.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedHistogram {
    bounds: &'static [f64],
    /// One count per bound, and one for what is larger than the last.
    counts: Box<[u64]>,
    sum: f64,
    /// As `counts`; empty until the first exemplar.
    exemplars: Vec<Option<Exemplar>>,
}

impl FixedHistogram {
    /// Creates an empty histogram; `bounds` ascend and are included in their bucket.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1].into(),
            sum: 0.0,
            exemplars: Vec::new(),
        }
    }

    /// Counts a value; negative values and NaN count as 0.
    pub fn add(&mut self, value: f64) {
        let value = value.max(0.0);
        self.counts[self.bucket(value)] += 1;
        self.sum += value;
    }

    /// Counts the value of a decision.
    pub fn add_of(&mut self, decision: DecisionId, value: f64, at: UnixTime) {
        self.add(value);
        self.exemplars.resize(self.counts.len(), None);
        let value = value.max(0.0);
        let bucket = self.bucket(value);
        self.exemplars[bucket] = Some(Exemplar {
            decision,
            value,
            at,
        });
    }

    fn bucket(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the values.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns each upper bound with the number of values in its bucket; the last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied())
    }

    /// Returns the latest exemplar of a bucket.
    pub fn exemplar(&self, bucket: usize) -> Option<Exemplar> {
        self.exemplars.get(bucket).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_nothing_is_lost() {
        let mut histogram = FixedHistogram::new(&[1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.0, 7.0, -3.0, f64::NAN] {
            histogram.add(value);
        }
        let buckets: Vec<(f64, u64)> = histogram.buckets().collect();

        assert_eq!(buckets, [(1.0, 4), (2.0, 2), (f64::INFINITY, 1)]);
        assert_eq!((histogram.count(), histogram.sum()), (7, 12.0));
        assert_eq!(histogram.exemplar(0), None);
    }

    #[test]
    fn a_bucket_keeps_its_latest_exemplar() {
        let mut histogram = FixedHistogram::new(&[1.0, 2.0]);
        for (id, value) in [(1, 0.5), (2, 9.0), (3, 0.7)] {
            histogram.add_of(DecisionId(id), value, UnixTime::from_seconds(id));
        }
        let kept = |bucket| {
            histogram
                .exemplar(bucket)
                .map(|one: Exemplar| one.decision.0)
        };

        assert_eq!([kept(0), kept(1), kept(2)], [Some(3), None, Some(2)]);
    }
}
