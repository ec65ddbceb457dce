//! Cost of an attempt from usage and price.
//!
//! `cost = (input − cached − written)·p_in + cached·p_cached + (written − long)·p_write + long·p_long +
//! output·p_out`;
//! above a threshold of prompt tokens the whole call is billed at the higher tier.

use super::units::Money;

/// Price of a token that the prompt cache keeps for an hour, as a multiple of the input price.
const LONG_WRITE_FACTOR: u64 = 2;

/// Tokens of one call. `cached` and `written` are included in `input`, `reasoning` in `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Prompt tokens.
    pub input: u64,
    /// Generated tokens.
    pub output: u64,
    /// Tokens read from the prompt cache of the provider.
    pub cached: u64,
    /// Tokens written to the prompt cache.
    pub written: u64,
    /// Those of `written` that the cache keeps for an hour instead of minutes.
    pub written_long: u64,
    /// Reasoning tokens.
    pub reasoning: u64,
}

/// Source of a token count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBasis {
    /// The provider reported it.
    Exact,
    /// Estimated from the length of prompt and response, because an interrupted response has no
    /// report.
    Estimated,
}

impl UsageBasis {
    /// Returns the code of a basis; `unknown` for `None`.
    pub fn as_str(basis: Option<Self>) -> &'static str {
        match basis {
            Some(Self::Exact) => "exact",
            Some(Self::Estimated) => "estimated",
            None => "unknown",
        }
    }
}

/// Tokens with their source. Unknown usage is `None` in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasuredUsage {
    /// Token counts.
    pub usage: Usage,
    /// Source of the counts.
    pub basis: UsageBasis,
}

impl MeasuredUsage {
    /// Usage of a request that the provider rejected.
    pub const ZERO: Self = Self {
        usage: Usage {
            input: 0,
            output: 0,
            cached: 0,
            written: 0,
            written_long: 0,
            reasoning: 0,
        },
        basis: UsageBasis::Exact,
    };

    /// Adds `other`; the sum is exact only if both are.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (one, two) = (self.usage, other.usage);
        let is_exact = [self.basis, other.basis] == [UsageBasis::Exact; 2];
        Self {
            usage: Usage {
                input: one.input + two.input,
                output: one.output + two.output,
                cached: one.cached + two.cached,
                written: one.written + two.written,
                written_long: one.written_long + two.written_long,
                reasoning: one.reasoning + two.reasoning,
            },
            basis: if is_exact {
                UsageBasis::Exact
            } else {
                UsageBasis::Estimated
            },
        }
    }

    /// Creates a usage that the provider reported.
    pub fn exact(usage: Usage) -> Self {
        Self {
            usage,
            basis: UsageBasis::Exact,
        }
    }

    /// Estimates the usage of an attempt that was cancelled when its provider had read the prompt, of
    /// `prompt` tokens, `cached` of them from its cache.
    pub fn of_prompt(prompt: f64, cached: f64) -> Self {
        Self {
            usage: Usage {
                input: whole_tokens(prompt),
                cached: whole_tokens(cached.min(prompt)),
                ..Usage::default()
            },
            basis: UsageBasis::Estimated,
        }
    }

    /// Returns the reported usage of a complete response, or else an estimate from `prompt` tokens
    /// and `response_bytes`. `None` if the response had not begun, because it may not be
    /// billed.
    pub fn of(
        reported: Option<Usage>,
        is_whole: bool,
        prompt: u64,
        response_bytes: usize,
    ) -> Option<Self> {
        match reported {
            Some(usage) if is_whole => Some(Self::exact(usage)),
            None if response_bytes == 0 => None,
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
                        output: usage.output.max(estimate_tokens(response_bytes)),
                        ..usage
                    },
                    basis: UsageBasis::Estimated,
                })
            }
        }
    }
}

/// Numbers of exact, estimated and unknown amounts in a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CostBasisCounts {
    /// Amounts from reported usage.
    pub exact: u64,
    /// Amounts from estimated usage.
    pub estimated: u64,
    /// Attempts without a price, or without known usage.
    pub unknown: u64,
}

impl CostBasisCounts {
    /// Counts one amount; `None` is unknown.
    pub fn add(&mut self, basis: Option<UsageBasis>) {
        match basis {
            Some(UsageBasis::Exact) => self.exact += 1,
            Some(UsageBasis::Estimated) => self.estimated += 1,
            None => self.unknown += 1,
        }
    }

    /// Adds all counts of `other`.
    pub fn merge(&mut self, other: Self) {
        self.exact += other.exact;
        self.estimated += other.estimated;
        self.unknown += other.unknown;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and counts of tokens are not negative"
)]
fn whole_tokens(tokens: f64) -> u64 {
    tokens.round() as u64
}

/// Estimates the tokens of a text from its bytes: four bytes each, a usual average of English and
/// code.
pub fn estimate_tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// Prices per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Price of a prompt token.
    pub input: Money,
    /// Price of a generated token.
    pub output: Money,
    /// Price of a token read from the prompt cache; `None` is the price of `input`.
    pub cached: Option<Money>,
    /// Price of a token written to the prompt cache for minutes; `None` is the price of `input`.
    pub written: Option<Money>,
    /// Higher tier for long prompts.
    pub above: Option<PriceTier>,
}

/// Prices for calls whose prompt is longer than `threshold` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceTier {
    /// Prompt tokens above which the tier applies.
    pub threshold: u64,
    /// Price of a prompt token.
    pub input: Money,
    /// Price of a generated token.
    pub output: Money,
    /// Price of a token read from the prompt cache; `None` is that of [`Price::cached`].
    pub cached: Option<Money>,
}

impl Price {
    /// Creates a flat price from USD per million tokens.
    pub fn flat(input_usd_per_1m: f64, output_usd_per_1m: f64) -> Self {
        Self {
            input: Money::per_token(input_usd_per_1m),
            output: Money::per_token(output_usd_per_1m),
            cached: None,
            written: None,
            above: None,
        }
    }

    /// Returns true if all prices are 0.
    pub fn is_free(&self) -> bool {
        let others = [self.cached, self.written];
        let tier = self.above.map_or(Money::ZERO, |tier| {
            tier.input
                .max(tier.output)
                .max(tier.cached.unwrap_or(Money::ZERO))
        });
        let highest = others
            .into_iter()
            .flatten()
            .chain([tier, self.max_per_token()]);
        highest.max() == Some(Money::ZERO)
    }

    /// Returns the higher of the prices for input and output, which `maxCost` is compared with.
    pub fn max_per_token(&self) -> Money {
        self.input.max(self.output)
    }

    /// Returns the cost in USD of `input` and `output` tokens at the flat price.
    pub fn cost_of(&self, input: f64, output: f64) -> f64 {
        self.input.usd() * input + self.output.usd() * output
    }

    /// Returns the USD that `tokens` prompt tokens cost less where they are read from the prompt cache;
    /// 0 where no price of them is known.
    pub fn cache_saving(&self, tokens: f64) -> f64 {
        let cached = self.cached.unwrap_or(self.input);
        (self.input.usd() - cached.usd()).max(0.0) * tokens
    }
}

/// Returns the cost of an attempt; `None` if usage or price is unknown. Zero usage costs nothing
/// without a price, and a free target costs nothing without a usage.
pub fn attempt_cost(usage: Option<MeasuredUsage>, price: Option<&Price>) -> Option<Money> {
    match (usage, price) {
        (Some(MeasuredUsage::ZERO), _) => Some(Money::ZERO),
        (Some(measured), Some(price)) => Some(cost(measured.usage, price)),
        (None, Some(price)) if price.is_free() => Some(Money::ZERO),
        _ => None,
    }
}

/// Returns the basis of a cost; `None` if the cost is unknown.
pub fn cost_basis(usage: Option<MeasuredUsage>, cost: Option<Money>) -> Option<UsageBasis> {
    cost.map(|_| usage.map_or(UsageBasis::Exact, |measured| measured.basis))
}

/// Returns the cost of a call.
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
    let long = usage.written_long.min(usage.written);
    input.times(plain)
        + cached.unwrap_or(input).times(usage.cached)
        + price.written.unwrap_or(input).times(usage.written - long)
        + input.times(LONG_WRITE_FACTOR * long)
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
            ..Usage::default()
        };

        let expected = (200.0 * 3.0 + 600.0 * 0.3 + 200.0 * 3.75 + 100.0 * 15.0) / 1e6;
        assert!((cost(usage, &price).usd() - expected).abs() < 1e-12);
    }

    #[test]
    fn what_the_cache_keeps_for_an_hour_costs_twice_the_input() {
        let price = Price {
            written: Some(Money::per_token(3.75)),
            ..Price::flat(3.0, 15.0)
        };
        let usage = Usage {
            input: 1_000,
            written: 900,
            written_long: 600,
            ..Usage::default()
        };
        // 100 × 3 + 300 × 3.75 + 600 × 6
        assert_eq!(cost(usage, &price), Money::from_pico(5_025_000_000));
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

    /// Prices in USD per million: in, out, read from the cache, written to it.
    fn price(input: f64, output: f64, cached: f64, written: Option<f64>) -> Price {
        Price {
            cached: Some(Money::per_token(cached)),
            written: written.map(Money::per_token),
            ..Price::flat(input, output)
        }
    }

    #[test]
    fn costs_match_the_bills_of_vendors() {
        let used = |input, output, cached, written, reasoning| Usage {
            input,
            output,
            cached,
            written,
            reasoning,
            ..Usage::default()
        };
        let sonnet = price(3.0, 15.0, 0.3, Some(3.75));
        let gemini = price(1.25, 10.0, 0.625, None);
        let gpt = price(1.25, 10.0, 0.125, None);
        // In pico-dollars: tokens times a millionth of the price.
        let cases = [
            // litellm #9812: 3 plain tokens and 12 304 written ones; billed $0.0544. Charging the
            // written ones as plain ones too gives $0.0913.
            (used(12_307, 550, 0, 12_304, 0), sonnet, 54_399_000_000),
            // litellm #14849: 257 955 of 262 960 tokens read from the cache; $0.185, not $0.764.
            (used(262_960, 1_744, 257_955, 0, 0), gemini, 184_918_125_000),
            // Reasoning is a part of the output: 1 000 × 1.25 + 900 × 10.
            (used(1_000, 900, 0, 0, 800), gpt, 10_250_000_000),
            // Read and written at once: 100 × 3 + 600 × 0.3 + 300 × 3.75 + 10 × 15.
            (used(1_000, 10, 600, 300, 0), sonnet, 1_755_000_000),
        ];

        for (usage, price, pico) in cases {
            assert_eq!(cost(usage, &price), Money::from_pico(pico), "{usage:?}");
        }
    }

    #[test]
    fn cached_tokens_of_a_long_prompt_have_the_price_of_its_tier() {
        let price = Price {
            above: Some(PriceTier {
                threshold: 200_000,
                input: Money::per_token(2.5),
                output: Money::per_token(15.0),
                cached: Some(Money::per_token(0.25)),
            }),
            ..price(1.25, 10.0, 0.125, None)
        };
        let usage = Usage {
            input: 300_000,
            output: 1_000,
            cached: 250_000,
            ..Usage::default()
        };

        // 50 000 × 2.5 + 250 000 × 0.25 + 1 000 × 15
        assert_eq!(cost(usage, &price), Money::from_pico(202_500_000_000));
    }

    #[test]
    fn an_unknown_price_gives_no_cost_and_zero_usage_costs_nothing() {
        let (free, paid) = (Price::flat(0.0, 0.0), Price::flat(1.0, 2.0));
        let some = Some(MeasuredUsage::exact(Usage {
            input: 1,
            ..Usage::default()
        }));

        assert_eq!(attempt_cost(some, None), None);
        assert_eq!(attempt_cost(None, Some(&paid)), None);
        assert_eq!(attempt_cost(None, Some(&free)), Some(Money::ZERO));
        assert_eq!(
            attempt_cost(Some(MeasuredUsage::ZERO), None),
            Some(Money::ZERO)
        );
        assert_eq!(attempt_cost(some, Some(&paid)), Some(Money::per_token(1.0)));
    }

    #[test]
    fn a_price_of_zero_is_known() {
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
