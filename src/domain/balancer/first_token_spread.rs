//! How the seconds to the first token of one target vary around what was expected: a decayed histogram
//! of the logarithm of measured over expected seconds.

use crate::domain::units::UnixTime;

/// Memory in seconds: the spread changes slowly, and some tens of observations are needed.
const MEMORY_S: f64 = 900.0;
/// Decayed number of observations from which the spread is known.
const MIN_SAMPLES: f64 = 20.0;
/// Logarithm of the smallest ratio, and the width of a bucket: 1/20 to 27 in steps of 10 %.
const LEAST_LN: f64 = -3.0;
const STEP_LN: f64 = 0.1;
const BUCKETS: usize = 63;
/// Standard deviations of the 90th percentile of a normal distribution.
const P90_DEVIATIONS: f64 = 1.2816;

/// The spread of one target.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstTokenSpread {
    buckets: [f32; BUCKETS],
    at: UnixTime,
}

impl Default for FirstTokenSpread {
    fn default() -> Self {
        Self {
            buckets: [0.0; BUCKETS],
            at: UnixTime::default(),
        }
    }
}

impl FirstTokenSpread {
    /// Records a first token, or a wait without one as a lower bound; both in seconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of buckets before the cast"
    )]
    pub fn add(&mut self, measured: f64, expected: f64, now: UnixTime) {
        let ratio = (measured / expected).ln();
        if !ratio.is_finite() {
            return;
        }
        let fade = (-now.seconds_since(self.at) / MEMORY_S).exp() as f32;
        for count in &mut self.buckets {
            *count *= fade;
        }
        self.at = self.at.max(now);
        let bucket = ((ratio - LEAST_LN) / STEP_LN).clamp(0.0, (BUCKETS - 1) as f64);
        self.buckets[bucket as usize] += 1.0;
    }

    /// Returns the factor over the expected seconds that so many standard deviations above the median
    /// are, judged by the 90th percentile; `None` with too few observations.
    pub fn factor(&self, deviations: f64) -> Option<f64> {
        let total: f32 = self.buckets.iter().sum();
        let total = f64::from(total);
        if total < MIN_SAMPLES {
            return None;
        }
        let (median, high) = (self.quantile(0.5 * total), self.quantile(0.9 * total));
        Some((median + (high - median) * deviations / P90_DEVIATIONS).exp())
    }

    /// Returns the logarithm of the ratio below which `rank` observations are.
    fn quantile(&self, rank: f64) -> f64 {
        let mut below = 0.0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            let count = f64::from(count);
            if below + count >= rank && count > 0.0 {
                return LEAST_LN + STEP_LN * (bucket as f64 + (rank - below) / count);
            }
            below += count;
        }
        LEAST_LN + STEP_LN * BUCKETS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{HedgePoint, SplitMix64};

    /// First tokens with a logarithmic standard deviation of `sigma`, one in `tail` of them ten times
    /// as long.
    fn spread(sigma: f64, tail: Option<u32>) -> FirstTokenSpread {
        let mut spread = FirstTokenSpread::default();
        let mut random = SplitMix64::new(7);
        for at in 0..2_000_u32 {
            let normal: f64 = (0..12).map(|_| random.next_f64()).sum::<f64>() - 6.0;
            let is_slow = tail.is_some_and(|tail| at % tail == 0);
            let slow = if is_slow { 10.0 } else { 1.0 };
            let now = UnixTime::from_seconds(1_700_000_000 + u64::from(at) / 10);
            spread.add(0.5 * (sigma * normal).exp() * slow, 0.5, now);
        }
        spread
    }

    #[test]
    fn a_percentile_is_that_of_the_usual_times() {
        for (point, expected) in [(HedgePoint::P95, 1.645_f64), (HedgePoint::P99, 2.326)] {
            let factor = spread(0.3, None).factor(point.deviations()).unwrap();
            let exact = (0.3 * expected).exp();
            assert!((factor / exact).ln().abs() < 0.1, "{factor} {exact}");
        }
    }

    #[test]
    fn outliers_hardly_move_it() {
        let p99 = HedgePoint::P99.deviations();
        let (usual, tail) = (spread(0.3, None), spread(0.3, Some(20)));
        let times = tail.factor(p99).unwrap() / usual.factor(p99).unwrap();
        assert!((1.0..1.5).contains(&times), "{times}");
    }

    #[test]
    fn few_observations_and_impossible_ones_say_nothing() {
        let mut spread = FirstTokenSpread::default();
        let now = UnixTime::from_seconds(1_700_000_000);
        for _ in 0..19 {
            spread.add(1.0, 1.0, now);
        }
        spread.add(1.0, 0.0, now);
        spread.add(f64::NAN, 1.0, now);
        assert_eq!(spread.factor(2.0), None);
        spread.add(1.0, 1.0, now);
        assert!(spread.factor(2.0).is_some());
    }
}
