//! Chance that depends on what it is for and on nothing else: the luck of (seed, request, vendor,
//! attempt) is the same for every strategy.

use aibal_tui::domain::SplitMix64;

/// One stream of numbers.
#[derive(Debug, Clone)]
pub struct Dice(SplitMix64);

impl Dice {
    pub fn of(parts: &[u64]) -> Self {
        let mix = |seed: u64, part: &u64| {
            SplitMix64::mix(seed.wrapping_add(SplitMix64::next_state()) ^ part)
        };
        Self(SplitMix64::new(parts.iter().fold(0x5EED, mix)))
    }

    /// Uniform in 0..1.
    pub fn uniform(&mut self) -> f64 {
        self.0.next_f64()
    }

    /// Lognormal around a mean; `sigma` is that of the logarithm.
    pub fn lognormal(&mut self, mean: f64, sigma: f64) -> f64 {
        let (u, v) = (self.uniform().max(1e-12), self.uniform());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        mean * (sigma * normal - sigma * sigma / 2.0).exp()
    }

    /// Time to the next of events that come at `rate`.
    pub fn exponential(&mut self, rate: f64) -> f64 {
        -self.uniform().max(1e-12).ln() / rate
    }
}
