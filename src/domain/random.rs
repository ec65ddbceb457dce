//! SplitMix64 (Steele, Lea, Flood 2014): small, fast, and the same on every platform, so that a
//! seed and the same calls give the same decisions.

/// Seeded stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

/// Random numbers of one decision, 0..1. Always two, used or not, so that the same seed and the same
/// calls give the same decisions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RandomDraw {
    /// Compared with the exploration share: below it, the selection explores.
    pub gate: f64,
    /// Draw by selection probabilities, 0..1.
    pub draw: f64,
}

impl RandomDraw {
    /// Draws both numbers from a stream.
    pub fn of(random: &mut SplitMix64) -> Self {
        Self {
            gate: random.next_f64(),
            draw: random.next_f64(),
        }
    }

    /// Returns the given draw without exploration.
    pub const fn without_exploration(draw: f64) -> Self {
        Self { gate: 1.0, draw }
    }
}

/// Increment of the state: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix64 {
    /// Creates the stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number, uniform in 0..1.
    pub fn next_f64(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GAMMA);
        Self::f64_at(self.0)
    }

    /// Returns the increment of the state, for owners that keep it in an atomic.
    pub const fn next_state() -> u64 {
        GAMMA
    }

    /// Returns the number of a state, uniform in 0..1.
    pub fn f64_at(state: u64) -> f64 {
        (Self::mix(state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mixes all bits of a state.
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
    fn the_same_seed_gives_the_same_numbers() {
        let draws = |seed| {
            let mut random = SplitMix64::new(seed);
            (0..5).map(|_| random.next_f64()).collect::<Vec<_>>()
        };

        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        assert!(draws(7).iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
