//! Effect of load on the latency of a target: the regression slope of `ln(time per token)` over
//! `ln(1 + requests in flight)`. It predicts the higher latency of additional requests before that
//! latency is measured.

use super::decay::DecayedMean;
use super::units::UnixTime;

/// Time constant of the slope in seconds: load changes within minutes, a vendor's hardware does not.
const SLOPE_MEMORY_S: f64 = 300.0;
/// Time constant of the usual load in seconds; the same as that of the short-term estimates.
const LOAD_MEMORY_S: f64 = 20.0;
/// Minimum variance of the load, and minimum number of responses; below them a slope is noise.
const MIN_VARIANCE: f64 = 0.02;
const MIN_SAMPLES: f64 = 20.0;
/// Number of responses at which the slope has half its weight.
const HALF_TRUST_SAMPLES: f64 = 30.0;
/// Upper bound of the slope; 1 is proportional to load, and steeper slopes are noise.
const MAX_SLOPE: f64 = 1.2;
/// Bound of the logarithm of the load factor: a factor of 4.5 in both directions.
const MAX_LOG_FACTOR: f64 = 1.5;

/// Load statistics of one target.
#[derive(Debug, Clone, Copy)]
pub struct LoadSensitivity {
    load: DecayedMean,
    pace: DecayedMean,
    load_load: DecayedMean,
    load_pace: DecayedMean,
    usual: DecayedMean,
    slope: f64,
}

/// Load curve of one target, as the selection uses it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadCurve {
    /// Slope; 0 if unknown, so that load has no effect.
    pub slope: f64,
    /// Mean `ln(1 + in flight)` of the requests behind the estimates.
    pub usual: f64,
}

impl Default for LoadSensitivity {
    fn default() -> Self {
        let slow = DecayedMean::new(SLOPE_MEMORY_S);
        Self {
            load: slow,
            pace: slow,
            load_load: slow,
            load_pace: slow,
            usual: DecayedMean::new(LOAD_MEMORY_S),
            slope: 0.0,
        }
    }
}

impl LoadSensitivity {
    /// Adds a response that began at `load = ln(1 + in flight)` and took `per_token` seconds per token;
    /// it counts as `weight` of a direct observation, 0..1.
    pub fn add(&mut self, load: f64, per_token: f64, weight: f64, now: UnixTime) {
        let pace = per_token.max(1e-6).ln();
        if !load.is_finite() || !pace.is_finite() {
            return;
        }
        self.usual.add_part(load, weight, now);
        self.load.add_part(load, weight, now);
        self.pace.add_part(pace, weight, now);
        self.load_load.add_part(load * load, weight, now);
        self.load_pace.add_part(load * pace, weight, now);
        let n = self.load.n(now);
        let variance = self.load_load.mean() - self.load.mean().powi(2);
        if variance > MIN_VARIANCE && n > MIN_SAMPLES {
            let covariance = self.load_pace.mean() - self.load.mean() * self.pace.mean();
            self.slope =
                (covariance / variance).clamp(0.0, MAX_SLOPE) * n / (n + HALF_TRUST_SAMPLES);
        }
    }

    /// Returns the load curve.
    pub fn curve(&self) -> LoadCurve {
        LoadCurve {
            slope: self.slope,
            usual: self.usual.mean(),
        }
    }
}

impl LoadCurve {
    /// Returns the factor for a latency estimate at `in_flight` concurrent requests.
    pub fn at(&self, in_flight: u32) -> f64 {
        if self.slope == 0.0 {
            return 1.0;
        }
        let more = f64::from(in_flight).ln_1p() - self.usual;
        (self.slope * more)
            .clamp(-MAX_LOG_FACTOR, MAX_LOG_FACTOR)
            .exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_slows_down_in_proportion_to_load_gets_a_slope_near_1() {
        let mut sensitivity = LoadSensitivity::default();
        assert_eq!(sensitivity.curve().at(1_000), 1.0, "nothing is known yet");
        for step in 0..400_u32 {
            let in_flight = step % 16;
            let now = UnixTime::from_micros(1_000_000_000 + u64::from(step) * 100_000);
            let per_token = 0.01 * f64::from(1 + in_flight);
            sensitivity.add(f64::from(in_flight).ln_1p(), per_token, 1.0, now);
        }

        let curve = sensitivity.curve();
        assert!((curve.slope - 0.9).abs() < 0.1, "{curve:?}");
        assert!(curve.at(40) > 2.0 * curve.at(10));
    }

    #[test]
    fn a_target_that_does_not_slow_down_has_no_slope() {
        let mut sensitivity = LoadSensitivity::default();
        for step in 0..400_u32 {
            let now = UnixTime::from_micros(1_000_000_000 + u64::from(step) * 100_000);
            sensitivity.add(f64::from(step % 16).ln_1p(), 0.01, 1.0, now);
        }

        assert!(sensitivity.curve().slope.abs() < 1e-6);
    }
}
