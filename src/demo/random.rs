//! Repeatable random numbers: every draw is a pure hash of seed, source, request number and
//! purpose. There is no state, so draws of one vendor do not depend on the others, and two runs
//! with the same seed and the same order of requests behave the same.

/// The purpose of a draw. Each has its own number, so that draws are independent.
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
    Cancelling,
    Kind,
    Client,
}

/// The random draws of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRandom {
    root: u64,
}

impl RequestRandom {
    /// The draws of request number `count` at `source`, for one seed.
    pub fn new(seed: u64, source: &str, count: u64) -> Self {
        let name = source.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            mix(hash ^ u64::from(byte))
        });
        Self {
            root: mix(mix(seed ^ name).wrapping_add(count)),
        }
    }

    /// 64 bits that serve as an id.
    pub fn identity(self) -> u64 {
        self.bits(DrawPurpose::Identity, 0)
    }

    /// A uniform draw from 0 (inclusive) to 1 (exclusive).
    pub fn uniform(self, draw: DrawPurpose) -> f64 {
        self.fraction(draw, 0)
    }

    /// Whether an event of this probability (0 to 1) happens.
    pub fn happens(self, draw: DrawPurpose, probability: f64) -> bool {
        self.uniform(draw) < probability
    }

    /// A uniform choice of 0 to `count - 1`; 0 if `count` is 0.
    pub fn choice(self, draw: DrawPurpose, count: u64) -> u64 {
        self.bits(draw, 0).checked_rem(count).unwrap_or(0)
    }

    /// A log-normal factor with mean 1; `sigma` is the standard deviation of its logarithm. Real
    /// latencies have this distribution: never negative, with a long right tail.
    pub fn lognormal(self, draw: DrawPurpose, sigma: f64) -> f64 {
        // Box-Muller; 1 - u keeps the logarithm finite.
        let radius = (-2.0 * (1.0 - self.fraction(draw, 1)).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.fraction(draw, 2);
        (sigma * radius * angle.cos() - sigma * sigma / 2.0).exp()
    }

    /// An exponential waiting time with mean 1, as between independent events.
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

/// The output function of SplitMix64: every input bit changes about half of the output bits.
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
    fn the_same_seed_vendor_and_request_give_the_same_draws() {
        let first = RequestRandom::new(7, "openai", 42);
        let again = RequestRandom::new(7, "openai", 42);

        assert_eq!(
            first.uniform(DrawPurpose::FirstToken),
            again.uniform(DrawPurpose::FirstToken)
        );
        assert_eq!(first.identity(), again.identity());
    }

    #[test]
    fn another_seed_vendor_request_or_purpose_gives_other_draws() {
        let random = RequestRandom::new(7, "openai", 42);
        let value = random.uniform(DrawPurpose::FirstToken);

        assert_ne!(
            value,
            RequestRandom::new(8, "openai", 42).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(
            value,
            RequestRandom::new(7, "google", 42).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(
            value,
            RequestRandom::new(7, "openai", 43).uniform(DrawPurpose::FirstToken)
        );
        assert_ne!(value, random.uniform(DrawPurpose::PerToken));
    }

    #[test]
    fn long_run_means_match_the_formulas() {
        let count = 20_000_u32;
        let mean = |of: &dyn Fn(RequestRandom) -> f64| {
            (0..count)
                .map(|n| of(RequestRandom::new(1, "mean", u64::from(n))))
                .sum::<f64>()
                / f64::from(count)
        };

        assert!((mean(&|random| random.uniform(DrawPurpose::Failure)) - 0.5).abs() < 0.01);
        assert!(
            (mean(&|random| random.lognormal(DrawPurpose::FirstToken, 0.4)) - 1.0).abs() < 0.02
        );
        assert!((mean(&|random| random.exponential(DrawPurpose::Arrival)) - 1.0).abs() < 0.03);
        assert!(
            (mean(&|random| f64::from(random.happens(DrawPurpose::Failure, 0.015))) - 0.015).abs()
                < 0.003
        );
    }
}
