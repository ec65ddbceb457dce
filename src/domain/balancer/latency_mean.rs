//! Mean of a time with a fast and a slow memory, shrunk towards the peers' median, and robust against
//! outliers.
//!
//! A direct observation counts in both memories with at most [`OUTLIER_FACTOR`] times the expected
//! time. What exceeds this bound counts in a memory of its own, as long as the slow one: the mean stays
//! unbiased, but a single outlier among hundreds of responses moves it little.

use crate::domain::decay::DecayedMean;
use crate::domain::units::UnixTime;

/// Fast memory of latencies, in seconds: long enough to average, short enough to follow a
/// brownout within half a minute.
const FAST_MEMORY_S: f64 = 20.0;
/// Slow memory of latencies, in seconds: the fallback of an empty fast memory.
const SLOW_MEMORY_S: f64 = 300.0;
/// Prior weights, in observations: of the slow mean for the fast one, of the peers for the slow one,
/// of no excess for the excess.
const FAST_PRIOR_WEIGHT: f64 = 1.0;
const PEER_PRIOR_WEIGHT: f64 = 1.0;
const EXCESS_PRIOR_WEIGHT: f64 = 2.0;
/// Times the expected seconds from which a direct observation is an outlier, and the number of observations
/// from which outliers are known.
const OUTLIER_FACTOR: f64 = 4.0;
const OUTLIER_MIN_SAMPLES: f64 = 3.0;
/// Minimum expected seconds for the bound of outliers.
const MIN_EXPECTED_S: f64 = 0.01;

/// Mean seconds in a fast and a slow memory. An observation that is the remainder of a sum may be
/// negative; the means never are.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatencyMean {
    fast: DecayedMean,
    slow: DecayedMean,
    /// Seconds of observations above the bound of outliers.
    excess: DecayedMean,
}

impl Default for LatencyMean {
    fn default() -> Self {
        Self {
            fast: DecayedMean::new(FAST_MEMORY_S),
            slow: DecayedMean::new(SLOW_MEMORY_S),
            excess: DecayedMean::new(SLOW_MEMORY_S),
        }
    }
}

impl LatencyMean {
    /// Adds a direct observation, in seconds, with the weight `weight`, 0..1.
    pub fn add(&mut self, seconds: f64, weight: f64, now: UnixTime) {
        let bounded = seconds.min(self.outlier_bound(now));
        self.add_bounded(bounded, seconds - bounded, weight, now);
    }

    /// Adds the remainder of a sum with the weight `weight`, 0..1, relative to a direct observation. It
    /// has no bound, because the lengths of responses make it vary.
    pub fn add_part(&mut self, seconds: f64, weight: f64, now: UnixTime) {
        self.add_bounded(seconds, 0.0, weight, now);
    }

    fn add_bounded(&mut self, bounded: f64, excess: f64, weight: f64, now: UnixTime) {
        self.fast.add_part(bounded, weight, now);
        self.slow.add_part(bounded, weight, now);
        self.excess.add_part(excess, weight, now);
    }

    fn outlier_bound(&self, now: UnixTime) -> f64 {
        if self.samples(now) <= OUTLIER_MIN_SAMPLES {
            return f64::INFINITY;
        }
        let own = self.fast.shrunk(self.slow.mean(), FAST_PRIOR_WEIGHT, now);
        OUTLIER_FACTOR * own.max(MIN_EXPECTED_S)
    }

    /// Returns the expected seconds: the fast mean shrunk to the slow one, which is shrunk to
    /// `peers`, and the mean excess of outliers.
    pub fn expected(&self, peers: f64, now: UnixTime) -> f64 {
        let slow = self.slow_shrunk(peers, now);
        self.fast.shrunk(slow, FAST_PRIOR_WEIGHT, now).max(0.0) + self.mean_excess(now)
    }

    /// Returns the slow mean shrunk to `peers`.
    pub fn expected_slow(&self, peers: f64, now: UnixTime) -> f64 {
        self.slow_shrunk(peers, now) + self.mean_excess(now)
    }

    fn slow_shrunk(&self, peers: f64, now: UnixTime) -> f64 {
        self.slow.shrunk(peers, PEER_PRIOR_WEIGHT, now).max(0.0)
    }

    /// Returns the mean seconds of observations above the bound of outliers.
    pub fn mean_excess(&self, now: UnixTime) -> f64 {
        self.excess.shrunk(0.0, EXCESS_PRIOR_WEIGHT, now)
    }

    /// Returns the slow mean if it has more than `min_samples` observations.
    pub fn slow_mean(&self, min_samples: f64, now: UnixTime) -> Option<f64> {
        let has_enough = self.samples(now) > min_samples;
        has_enough.then(|| self.slow.mean().max(0.0) + self.excess.mean())
    }

    /// Returns the decayed number of observations in the slow memory.
    pub fn samples(&self, now: UnixTime) -> f64 {
        self.slow.n(now)
    }

    /// Reduces the fast memory to the share `part`, and forgets outliers: those of an outage are not
    /// the target's usual ones.
    pub fn retain_quick(&mut self, part: f64) {
        self.fast.retain(part);
        self.excess.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenth: u64) -> UnixTime {
        UnixTime::from_micros(1_000_000_000 + tenth * 100_000)
    }

    /// Every 20th of `count` observations takes ten times as long as the others.
    fn with_outliers(count: u64) -> LatencyMean {
        let mut mean = LatencyMean::default();
        for step in 0..count {
            let seconds = if step % 20 == 10 { 5.0 } else { 0.5 };
            mean.add(seconds, 1.0, at(step * 2));
        }
        mean
    }

    #[test]
    fn an_outlier_moves_the_mean_little_and_many_are_not_lost() {
        let mut mean = with_outliers(2_000);
        let before = mean.expected(1.0, at(4_000));
        assert!((before / 0.725 - 1.0).abs() < 0.05, "{before}");

        mean.add(50.0, 1.0, at(4_000));
        let after = mean.expected(1.0, at(4_000));
        assert!(after < 1.15 * before, "{after} after {before}");
    }

    #[test]
    fn a_slowdown_is_followed_at_once() {
        let mut mean = with_outliers(2_000);
        for step in 0..120 {
            mean.add(2.5, 1.0, at(4_000 + step * 5));
        }
        let slow = mean.expected(1.0, at(4_600));
        assert!((slow / 2.5 - 1.0).abs() < 0.2, "{slow}");
    }
}
