//! CHANCE THAT CAN BE REPEATED: every draw is a pure hash of (seed, who, which request, what for).
//! Nothing is consumed, so one vendor's luck does not depend on how the others were used, and two
//! runs with one seed meet the same world as long as the requests come in the same order.

/// What a draw is for; each purpose has a number of its own, so that draws stay independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawPurpose {
    Identity,
    FirstToken,
    PerToken,
    Length,
    Words,
    Failure,
    FailureKind,
    RetryAfter,
    BreakPoint,
    Arrival,
    PromptSize,
    MaxTokens,
    Streaming,
    Leaving,
    Kind,
}

/// The luck of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRandom {
    root: u64,
}

impl RequestRandom {
    /// The luck of request number `count` at `who` in the world of `seed`.
    pub fn of(seed: u64, who: &str, count: u64) -> Self {
        let name = who.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            mix(hash ^ u64::from(byte))
        });
        Self {
            root: mix(mix(seed ^ name).wrapping_add(count)),
        }
    }

    /// 64 bits that serve as an identity.
    pub fn identity(self) -> u64 {
        self.bits(DrawPurpose::Identity, 0)
    }

    /// Evenly distributed in 0 (included) to 1 (excluded).
    pub fn uniform(self, draw: DrawPurpose) -> f64 {
        self.fraction(draw, 0)
    }

    /// Whether something of this probability (0 to 1) happens.
    pub fn happens(self, draw: DrawPurpose, probability: f64) -> bool {
        self.uniform(draw) < probability
    }

    /// An even choice of 0 to `count - 1`; 0 where `count` is 0.
    pub fn choice(self, draw: DrawPurpose, count: u64) -> u64 {
        self.bits(draw, 0).checked_rem(count).unwrap_or(0)
    }

    /// A factor with mean 1 and the spread `sigma` of its logarithm: the shape of real latencies,
    /// never negative and with a long right tail.
    pub fn lognormal(self, draw: DrawPurpose, sigma: f64) -> f64 {
        // Box-Muller; 1 - u keeps the logarithm finite.
        let radius = (-2.0 * (1.0 - self.fraction(draw, 1)).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.fraction(draw, 2);
        (sigma * radius * angle.cos() - sigma * sigma / 2.0).exp()
    }

    /// A waiting time of mean 1 between events that know nothing of each other.
    pub fn exponential(self, draw: DrawPurpose) -> f64 {
        -(1.0 - self.uniform(draw)).ln()
    }

    fn fraction(self, draw: DrawPurpose, part: u64) -> f64 {
        // 53 bits are what an f64 holds exactly.
        (self.bits(draw, part) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn bits(self, draw: DrawPurpose, part: u64) -> u64 {
        mix(self.root ^ mix(draw as u64 * 4 + part + 1))
    }
}

/// The finishing step of SplitMix64: every input bit moves about half of the output bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_vendor_and_request_have_the_same_luck() {
        let first = RequestRandom::of(7, "openai", 42);
        let again = RequestRandom::of(7, "openai", 42);

        assert_eq!(
            first.uniform(DrawPurpose::FirstToken),
            again.uniform(DrawPurpose::FirstToken)
        );
        assert_eq!(first.identity(), again.identity());
    }

    #[test]
    fn another_seed_vendor_request_or_purpose_has_another_luck() {
        let luck = RequestRandom::of(7, "openai", 42);
        let value = luck.uniform(DrawPurpose::FirstToken);

        assert_ne!(
            value,
            RequestRandom::of(8, "openai", 42).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(
            value,
            RequestRandom::of(7, "google", 42).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(
            value,
            RequestRandom::of(7, "openai", 43).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(value, luck.uniform(DrawPurpose::PerToken));
    }

    #[test]
    fn long_run_means_are_what_the_formulae_say() {
        let count = 20_000_u32;
        let mean = |of: &dyn Fn(RequestRandom) -> f64| {
            (0..count)
                .map(|n| of(RequestRandom::of(1, "mean", u64::from(n))))
                .sum::<f64>()
                / f64::from(count)
        };

        assert!((mean(&|luck| luck.uniform(DrawPurpose::Failure)) - 0.5).abs() < 0.01);
        assert!((mean(&|luck| luck.lognormal(DrawPurpose::FirstToken, 0.4)) - 1.0).abs() < 0.02);
        assert!((mean(&|luck| luck.exponential(DrawPurpose::Arrival)) - 1.0).abs() < 0.03);
        assert!(
            (mean(&|luck| f64::from(luck.happens(DrawPurpose::Failure, 0.015))) - 0.015).abs()
                < 0.003
        );
    }
}
