//! Mean of a time with a fast and a slow memory, shrunk towards the peers' median.

use crate::domain::decay::DecayedMean;
use crate::domain::units::UnixTime;

/// Fast memory of latencies, in seconds: long enough to average, short enough to follow a
/// brownout within half a minute.
const FAST_MEMORY_S: f64 = 20.0;
/// Slow memory of latencies, in seconds: the fallback of an empty fast memory.
const SLOW_MEMORY_S: f64 = 300.0;
/// Prior weights, in observations: of the slow mean for the fast one, of the peers for the slow one.
const FAST_PRIOR_WEIGHT: f64 = 1.0;
const PEER_PRIOR_WEIGHT: f64 = 2.0;

/// Mean seconds in a fast and a slow memory. An observation that is the remainder of a sum may be
/// negative; the means never are.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatencyMean {
    fast: DecayedMean,
    slow: DecayedMean,
}

impl Default for LatencyMean {
    fn default() -> Self {
        Self {
            fast: DecayedMean::new(FAST_MEMORY_S),
            slow: DecayedMean::new(SLOW_MEMORY_S),
        }
    }
}

impl LatencyMean {
    /// Adds one observation, in seconds.
    pub fn add(&mut self, seconds: f64, now: UnixTime) {
        self.add_part(seconds, 1.0, now);
    }

    /// Adds an observation with the weight `weight`, 0..1, relative to a direct one.
    pub fn add_part(&mut self, seconds: f64, weight: f64, now: UnixTime) {
        self.fast.add_part(seconds, weight, now);
        self.slow.add_part(seconds, weight, now);
    }

    /// Returns the expected seconds: the fast mean shrunk to the slow one, which is shrunk to `peers`.
    pub fn expected(&self, peers: f64, now: UnixTime) -> f64 {
        let slow = self.expected_slow(peers, now);
        self.fast.shrunk(slow, FAST_PRIOR_WEIGHT, now).max(0.0)
    }

    /// Returns the slow mean shrunk to `peers`.
    pub fn expected_slow(&self, peers: f64, now: UnixTime) -> f64 {
        self.slow.shrunk(peers, PEER_PRIOR_WEIGHT, now).max(0.0)
    }

    /// Returns the slow mean if it has more than `min_samples` observations.
    pub fn slow_mean(&self, min_samples: f64, now: UnixTime) -> Option<f64> {
        (self.samples(now) > min_samples).then(|| self.slow.mean().max(0.0))
    }

    /// Returns the decayed number of observations in the slow memory.
    pub fn samples(&self, now: UnixTime) -> f64 {
        self.slow.n(now)
    }

    /// Reduces the fast memory to the share `part`.
    pub fn retain_quick(&mut self, part: f64) {
        self.fast.retain(part);
    }
}
