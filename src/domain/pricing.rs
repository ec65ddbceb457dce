//! Usage × price → money.
//!
//! `cost = (input − cached − written)·p_in + cached·p_cached + written·p_write + output·p_out`;
//! past a threshold of prompt tokens the whole call is billed at the higher tier.

use super::units::Money;

/// Tokens of one call, each counted once: `cached` and `written` are parts of `input`,
/// `reasoning` is a part of `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    /// Read from the provider's prompt cache.
    pub cached: u64,
    /// Written to it.
    pub written: u64,
    pub reasoning: u64,
}

/// How sure a count of tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The provider reported it.
    Exact,
    /// Reckoned from the length of what was sent and said: an answer that broke off or was left
    /// has no report.
    Estimated,
}

/// Tokens, and how sure they are. Where nothing is known there is none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    pub usage: Usage,
    pub basis: Basis,
}

impl Metered {
    pub fn exact(usage: Usage) -> Self {
        Self {
            usage,
            basis: Basis::Exact,
        }
    }

    /// What a provider reported of a whole answer, or else what lengths tell: `prompt` in tokens,
    /// `said` in bytes. Nothing where the answer had not begun: nobody knows whether it is billed.
    pub fn of(reported: Option<Usage>, is_whole: bool, prompt: u64, said: usize) -> Option<Self> {
        match reported {
            Some(usage) if is_whole => Some(Self::exact(usage)),
            None if said == 0 => None,
            reported => {
                let usage = reported.unwrap_or_default();
                let input = if usage.input == 0 {
                    prompt
                } else {
                    usage.input
                };
                Some(Self {
                    usage: Usage {
                        input,
                        output: usage.output.max(tokens_of(said)),
                        ..usage
                    },
                    basis: Basis::Estimated,
                })
            }
        }
    }
}

/// Tokens of so many bytes of text: four bytes each, a usual average of English and code.
pub fn tokens_of(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// Prices per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pub input: Money,
    pub output: Money,
    /// Without one, cached tokens cost as much as others.
    pub cached: Option<Money>,
    pub written: Option<Money>,
    pub above: Option<PriceTier>,
}

/// Prices for calls whose prompt is longer than `threshold` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceTier {
    pub threshold: u64,
    pub input: Money,
    pub output: Money,
    pub cached: Option<Money>,
}

impl Price {
    /// A flat price from USD per million tokens.
    pub fn flat(input_usd_per_1m: f64, output_usd_per_1m: f64) -> Self {
        Self {
            input: Money::per_token(input_usd_per_1m),
            output: Money::per_token(output_usd_per_1m),
            cached: None,
            written: None,
            above: None,
        }
    }

    /// The dearer of the two prices per token, which `maxCost` is compared with.
    pub fn dearest(&self) -> Money {
        self.input.max(self.output)
    }

    /// What so many tokens in and out would cost.
    pub fn of(&self, input: f64, output: f64) -> f64 {
        self.input.usd() * input + self.output.usd() * output
    }
}

/// What a call cost.
pub fn cost(usage: Usage, price: &Price) -> Money {
    let tier = price.above.filter(|tier| usage.input > tier.threshold);
    let (input, output, cached) = match tier {
        Some(tier) => (tier.input, tier.output, tier.cached.or(price.cached)),
        None => (price.input, price.output, price.cached),
    };
    let plain = usage
        .input
        .saturating_sub(usage.cached)
        .saturating_sub(usage.written);
    input.times(plain)
        + cached.unwrap_or(input).times(usage.cached)
        + price.written.unwrap_or(input).times(usage.written)
        + output.times(usage.output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cached_tokens_are_counted_once() {
        let price = Price {
            cached: Some(Money::per_token(0.3)),
            written: Some(Money::per_token(3.75)),
            ..Price::flat(3.0, 15.0)
        };
        let usage = Usage {
            input: 1_000,
            output: 100,
            cached: 600,
            written: 200,
            reasoning: 50,
        };

        let expected = (200.0 * 3.0 + 600.0 * 0.3 + 200.0 * 3.75 + 100.0 * 15.0) / 1e6;
        assert!((cost(usage, &price).usd() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_long_prompt_is_billed_at_the_higher_tier_as_a_whole() {
        let tier = PriceTier {
            threshold: 1_000,
            input: Money::per_token(4.0),
            output: Money::per_token(15.0),
            cached: None,
        };
        let price = Price {
            above: Some(tier),
            ..Price::flat(2.0, 10.0)
        };
        let usage = |input| Usage {
            input,
            ..Usage::default()
        };

        assert!((cost(usage(1_000), &price).usd() - 0.002).abs() < 1e-12);
        assert!((cost(usage(1_001), &price).usd() - 0.004_004).abs() < 1e-12);
    }

    #[test]
    fn zero_is_a_price() {
        let usage = Usage {
            input: 10_000,
            output: 10_000,
            ..Usage::default()
        };

        assert_eq!(cost(usage, &Price::flat(0.0, 0.0)), Money::ZERO);
    }

    proptest! {
        #[test]
        fn the_cost_of_a_sum_is_the_sum_of_costs(
            a in 0_u64..100_000, b in 0_u64..100_000, c in 0_u64..100_000, d in 0_u64..100_000,
        ) {
            let price = Price::flat(1.25, 10.0);
            let usage = |input, output| Usage { input, output, ..Usage::default() };
            prop_assert_eq!(
                cost(usage(a + b, c + d), &price),
                cost(usage(a, c), &price) + cost(usage(b, d), &price)
            );
        }
    }
}
