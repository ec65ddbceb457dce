//! How much slower a target gets when it is busy, learnt from what it did: the slope of
//! `ln(time per token)` over `ln(1 + requests in flight)`. It turns load into a price that is seen
//! before the latency is.

use super::decay::DecayedMean;
use super::units::UnixTime;

/// Memory of the slope, in seconds: load moves within minutes, a vendor's hardware does not.
const SLOPE_MEMORY_S: f64 = 300.0;
/// Memory of the usual load, in seconds: that of the quick estimates which it belongs to.
const LOAD_MEMORY_S: f64 = 20.0;
/// With less spread of load, or fewer answers, a slope is noise.
const MIN_VARIANCE: f64 = 0.02;
const MIN_SAMPLES: f64 = 20.0;
/// The slope counts half at that many answers.
const HALF_TRUST_SAMPLES: f64 = 30.0;
/// Steeper than in proportion to load is a coincidence.
const MAX_SLOPE: f64 = 1.2;
/// Bounds of the logarithm of what load does to an estimate: a factor of 4.5 either way.
const MAX_LOG_FACTOR: f64 = 1.5;

/// What was learnt of one target.
#[derive(Debug, Clone, Copy)]
pub struct LoadSensitivity {
    load: DecayedMean,
    pace: DecayedMean,
    load_load: DecayedMean,
    load_pace: DecayedMean,
    usual: DecayedMean,
    slope: f64,
}

/// As the next choice needs it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadCurve {
    /// 0 where nothing is known: load changes nothing.
    pub slope: f64,
    /// `ln(1 + in flight)` that the estimates were made at.
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
    /// An answer that began at `load = ln(1 + in flight)` took `per_token` seconds for each token;
    /// it is worth `weight` of a direct observation, 0..1.
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

    pub fn curve(&self) -> LoadCurve {
        LoadCurve {
            slope: self.slope,
            usual: self.usual.mean(),
        }
    }
}

impl LoadCurve {
    /// What to multiply an estimate by while so many are in flight.
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
    fn a_target_that_slows_down_in_proportion_is_found_out() {
        let mut elasticity = LoadSensitivity::default();
        assert_eq!(elasticity.curve().at(1_000), 1.0, "nothing is known yet");
        for step in 0..400_u32 {
            let in_flight = step % 16;
            let now = UnixTime::from_micros(1_000_000_000 + u64::from(step) * 100_000);
            let per_token = 0.01 * f64::from(1 + in_flight);
            elasticity.add(f64::from(in_flight).ln_1p(), per_token, 1.0, now);
        }

        let curve = elasticity.curve();
        assert!((curve.slope - 0.9).abs() < 0.1, "{curve:?}");
        assert!(curve.at(40) > 2.0 * curve.at(10));
    }

    #[test]
    fn a_target_that_does_not_care_has_no_slope() {
        let mut elasticity = LoadSensitivity::default();
        for step in 0..400_u32 {
            let now = UnixTime::from_micros(1_000_000_000 + u64::from(step) * 100_000);
            elasticity.add(f64::from(step % 16).ln_1p(), 0.01, 1.0, now);
        }

        assert!(elasticity.curve().slope.abs() < 1e-6);
    }
}
