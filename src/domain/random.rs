//! SplitMix64 (Steele, Lea, Flood 2014): small, fast, and the same on every platform, so that a
//! seed and the same calls give the same decisions.

/// A seeded stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

/// The chance that one decision takes: two numbers in 0..1, whatever comes of them, so that the
/// same seed and the same calls give the same decisions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RandomDraw {
    /// Whether to explore.
    pub gate: f64,
    /// Draw by selection probabilities, 0..1.
    pub draw: f64,
}

impl RandomDraw {
    /// From a stream of chance.
    pub fn of(chance: &mut SplitMix64) -> Self {
        Self {
            gate: chance.next_f64(),
            draw: chance.next_f64(),
        }
    }

    /// No exploration, and that draw.
    pub const fn without_exploration(draw: f64) -> Self {
        Self { gate: 1.0, draw }
    }
}

/// The step of the sequence: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix64 {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in 0..1.
    pub fn next_f64(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GAMMA);
        Self::f64_at(self.0)
    }

    /// The state that follows `state`, for owners that keep it in an atomic.
    pub const fn next_state() -> u64 {
        GAMMA
    }

    /// The number in 0..1 that belongs to a state.
    pub fn f64_at(state: u64) -> f64 {
        (Self::mix(state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// All bits of a state stirred.
    pub const fn mix(state: u64) -> u64 {
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_luck() {
        let draws = |seed| {
            let mut chance = SplitMix64::new(seed);
            (0..5).map(|_| chance.next_f64()).collect::<Vec<_>>()
        };

        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        assert!(draws(7).iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
