//! Exponentially decayed statistics: an observation of age `a` has the weight `exp(-a / tau)`.
//!
//! `mean = Σ w·x / Σ w`, `n = Σ w`. Decay by time, not by count, keeps the statistics of a target
//! with little traffic as recent as those of a busy one. Reads do not change the state.

use super::units::UnixTime;

/// Decayed mean. Without observations `n` and the mean are 0.
#[derive(Debug, Clone, Copy)]
pub struct DecayedMean {
    tau: f64,
    weight: f64,
    sum: f64,
    at: UnixTime,
}

impl DecayedMean {
    /// Creates an empty mean with the time constant `tau` in seconds.
    pub const fn new(tau: f64) -> Self {
        Self {
            tau,
            weight: 0.0,
            sum: 0.0,
            at: UnixTime::from_micros(0),
        }
    }

    /// Adds one observation. Ignores values that are not finite, because they would make every later
    /// mean invalid.
    pub fn add(&mut self, value: f64, now: UnixTime) {
        self.add_part(value, 1.0, now);
    }

    /// Adds an observation that is worth `weight` of a usual one; without a weight above 0 it is
    /// left out.
    pub fn add_part(&mut self, value: f64, weight: f64, now: UnixTime) {
        if !value.is_finite() || !weight.is_finite() || weight <= 0.0 {
            return;
        }
        let fade = self.fade(now);
        self.weight = self.weight * fade + weight;
        self.sum = self.sum * fade + weight * value;
        self.at = self.at.max(now);
    }

    /// Returns the total weight of the observations at `now`.
    pub fn n(&self, now: UnixTime) -> f64 {
        self.weight * self.fade(now)
    }

    /// Returns the mean; 0 without observations.
    pub fn mean(&self) -> f64 {
        if self.weight > 0.0 {
            self.sum / self.weight
        } else {
            0.0
        }
    }

    /// Returns the decayed sum at `now`.
    pub fn sum(&self, now: UnixTime) -> f64 {
        self.sum * self.fade(now)
    }

    /// Returns the mean with `prior` added as `strength` observations.
    pub fn shrunk(&self, prior: f64, strength: f64, now: UnixTime) -> f64 {
        let n = self.n(now);
        (n * self.mean() + strength * prior) / (n + strength)
    }

    /// Returns whether no observation was ever added.
    pub fn is_empty(&self) -> bool {
        self.weight == 0.0
    }

    /// Removes all observations.
    pub fn clear(&mut self) {
        self.retain(0.0);
    }

    /// Scales the weight of all observations by `part` (0..1), so that later ones dominate after a
    /// recovery.
    pub fn retain(&mut self, part: f64) {
        self.weight *= part;
        self.sum *= part;
    }

    fn fade(&self, now: UnixTime) -> f64 {
        (-now.seconds_since(self.at) / self.tau).exp()
    }
}

/// Decayed count of events, read as a rate.
#[derive(Debug, Clone, Copy)]
pub struct DecayedCount(DecayedMean);

impl DecayedCount {
    /// Creates an empty count with the time constant `tau` in seconds.
    pub const fn new(tau: f64) -> Self {
        Self(DecayedMean::new(tau))
    }

    /// Counts one event.
    pub fn add(&mut self, now: UnixTime) {
        self.0.add(0.0, now);
    }

    /// Returns events per second; exact for a steady stream after several `tau`.
    pub fn per_second(&self, now: UnixTime) -> f64 {
        self.0.n(now) / self.0.tau
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_old_observation_fades() {
        let mut mean = DecayedMean::new(10.0);
        mean.add(1.0, UnixTime::from_seconds(100));
        mean.add(3.0, UnixTime::from_seconds(200));

        assert!((mean.mean() - 3.0).abs() < 1e-3);
        assert!((mean.n(UnixTime::from_seconds(200)) - 1.0).abs() < 1e-3);
        assert!(mean.n(UnixTime::from_seconds(300)) < 1e-3);
    }

    #[test]
    fn a_steady_stream_is_reported_at_its_rate() {
        let mut count = DecayedCount::new(10.0);
        for tenth in 0..1_000_u64 {
            count.add(UnixTime::from_micros(tenth * 100_000));
        }

        let rate = count.per_second(UnixTime::from_seconds(100));
        assert!((rate - 10.0).abs() < 0.2, "{rate}");
    }

    proptest! {
        #[test]
        fn a_mean_lies_between_its_observations(
            values in prop::collection::vec((0.0..1e6_f64, 0_u64..1_000_000), 1..50),
        ) {
            let mut mean = DecayedMean::new(20.0);
            let mut now = 0;
            for (value, step) in &values {
                now += step;
                mean.add(*value, UnixTime::from_micros(now));
            }
            let low = values.iter().map(|v| v.0).fold(f64::INFINITY, f64::min);
            let high = values.iter().map(|v| v.0).fold(0.0, f64::max);
            prop_assert!(mean.mean() >= low - 1e-6 && mean.mean() <= high + 1e-6);
        }
    }
}
