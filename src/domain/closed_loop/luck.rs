//! Random numbers that depend on what they are for and on nothing else, so that two drafts meet the
//! same luck.

use crate::domain::random::SplitMix64;

/// Returns the stream of random numbers of these parts.
pub fn luck_of(parts: [u64; 4]) -> SplitMix64 {
    let mix =
        |seed: u64, part: u64| SplitMix64::mix(seed.wrapping_add(SplitMix64::next_state()) ^ part);
    SplitMix64::new(parts.into_iter().fold(0x10AD, mix))
}

/// Returns a number of the standard normal distribution.
pub fn normal(random: &mut SplitMix64) -> f64 {
    let (u, v) = (random.next_f64().max(1e-12), random.next_f64());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Returns a position below `len`, which must not be 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product lies in 0..len"
)]
pub fn position(random: &mut SplitMix64, len: usize) -> usize {
    ((random.next_f64() * len as f64) as usize).min(len - 1)
}
