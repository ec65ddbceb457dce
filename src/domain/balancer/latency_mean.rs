//! A time in a quick and a slow memory, pulled towards what the peers take.

use crate::domain::decay::DecayedMean;
use crate::domain::units::UnixTime;

/// Quick memory of latencies, in seconds: long enough to average, short enough to follow a
/// brownout within half a minute.
const FAST_MEMORY_S: f64 = 20.0;
/// Slow memory of latencies, in seconds: the quick one falls back to it when it is empty.
const SLOW_MEMORY_S: f64 = 300.0;
/// The quick mean is pulled to the slow one as by that many observations, the slow one to the peers.
const FAST_PRIOR_WEIGHT: f64 = 1.0;
const PEER_PRIOR_WEIGHT: f64 = 2.0;

/// Seconds, in a quick and a slow memory. Single observations may be below 0, where they are the
/// remainder of a sum; the means never are.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatencyMean {
    quick: DecayedMean,
    slow: DecayedMean,
}

impl Default for LatencyMean {
    fn default() -> Self {
        Self {
            quick: DecayedMean::new(FAST_MEMORY_S),
            slow: DecayedMean::new(SLOW_MEMORY_S),
        }
    }
}

impl LatencyMean {
    /// Adds one observation, in seconds.
    pub fn add(&mut self, seconds: f64, now: UnixTime) {
        self.add_part(seconds, 1.0, now);
    }

    /// Adds an observation that is worth `weight` of a direct one, 0..1.
    pub fn add_part(&mut self, seconds: f64, weight: f64, now: UnixTime) {
        self.quick.add_part(seconds, weight, now);
        self.slow.add_part(seconds, weight, now);
    }

    /// The expected seconds: the quick mean pulled to the slow one, that to `peers`.
    pub fn expected(&self, peers: f64, now: UnixTime) -> f64 {
        let slow = self.expected_slow(peers, now);
        self.quick.shrunk(slow, FAST_PRIOR_WEIGHT, now).max(0.0)
    }

    /// The slow mean pulled to `peers`.
    pub fn expected_slow(&self, peers: f64, now: UnixTime) -> f64 {
        self.slow.shrunk(peers, PEER_PRIOR_WEIGHT, now).max(0.0)
    }

    /// The slow mean, where more than `min_samples` observations are behind it.
    pub fn slow_mean(&self, min_samples: f64, now: UnixTime) -> Option<f64> {
        (self.samples(now) > min_samples).then(|| self.slow.mean().max(0.0))
    }

    /// Observations in the slow memory.
    pub fn samples(&self, now: UnixTime) -> f64 {
        self.slow.n(now)
    }

    /// Forgets all but `part` of the quick memory.
    pub fn retain_quick(&mut self, part: f64) {
        self.quick.retain(part);
    }
}
