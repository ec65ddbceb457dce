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
pub enum UsageBasis {
    /// The provider reported it.
    Exact,
    /// Reckoned from the length of what was sent and said: an answer that broke off or was left
    /// has no report.
    Estimated,
}

impl UsageBasis {
    /// The word for how sure an amount is, where there may be none.
    pub fn as_str(basis: Option<Self>) -> &'static str {
        match basis {
            Some(Self::Exact) => "exact",
            Some(Self::Estimated) => "estimated",
            None => "unknown",
        }
    }
}

/// Tokens, and how sure they are. Where nothing is known there is none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasuredUsage {
    pub usage: Usage,
    pub basis: UsageBasis,
}

impl MeasuredUsage {
    /// The provider refused: it used nothing, and that is sure.
    pub const ZERO: Self = Self {
        usage: Usage {
            input: 0,
            output: 0,
            cached: 0,
            written: 0,
            reasoning: 0,
        },
        basis: UsageBasis::Exact,
    };

    /// Both together; no surer than the less sure of them.
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
                reasoning: one.reasoning + two.reasoning,
            },
            basis: if is_exact {
                UsageBasis::Exact
            } else {
                UsageBasis::Estimated
            },
        }
    }

    pub fn exact(usage: Usage) -> Self {
        Self {
            usage,
            basis: UsageBasis::Exact,
        }
    }

    /// What a provider reported of a whole answer, or else what lengths tell: `prompt` in tokens,
    /// `said` in bytes. None if the response had not begun, because it may not be billed.
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
                        output: usage.output.max(estimate_tokens(said)),
                        ..usage
                    },
                    basis: UsageBasis::Estimated,
                })
            }
        }
    }
}

/// How many amounts of a sum are sure, how many are reckoned, and how many are missing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CostBasisCounts {
    pub exact: u64,
    pub estimated: u64,
    /// No price, or the response broke off before its usage was known.
    pub unknown: u64,
}

impl CostBasisCounts {
    /// Counts one amount; nothing is an unknown one.
    pub fn add(&mut self, basis: Option<UsageBasis>) {
        match basis {
            Some(UsageBasis::Exact) => self.exact += 1,
            Some(UsageBasis::Estimated) => self.estimated += 1,
            None => self.unknown += 1,
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.exact += other.exact;
        self.estimated += other.estimated;
        self.unknown += other.unknown;
    }
}

/// Tokens of so many bytes of text: four bytes each, a usual average of English and code.
pub fn estimate_tokens(bytes: usize) -> u64 {
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

    /// Whether nothing costs anything there.
    pub fn is_free(&self) -> bool {
        let others = [self.cached, self.written];
        let tier = self.above.map_or(Money::ZERO, |tier| {
            tier.input
                .max(tier.output)
                .max(tier.cached.unwrap_or(Money::ZERO))
        });
        let dearest = others
            .into_iter()
            .flatten()
            .chain([tier, self.max_per_token()]);
        dearest.max() == Some(Money::ZERO)
    }

    /// The dearer of the two prices per token, which `maxCost` is compared with.
    pub fn max_per_token(&self) -> Money {
        self.input.max(self.output)
    }

    /// What so many tokens in and out would cost.
    pub fn cost_of(&self, input: f64, output: f64) -> f64 {
        self.input.usd() * input + self.output.usd() * output
    }
}

/// What a call cost, as far as usage and price are known. Nothing used costs nothing whatever the
/// price, and what is free costs nothing however much was used.
pub fn attempt_cost(usage: Option<MeasuredUsage>, price: Option<&Price>) -> Option<Money> {
    match (usage, price) {
        (Some(MeasuredUsage::ZERO), _) => Some(Money::ZERO),
        (Some(metered), Some(price)) => Some(cost(metered.usage, price)),
        (None, Some(price)) if price.is_free() => Some(Money::ZERO),
        _ => None,
    }
}

/// How sure an amount is; nothing where there is none.
pub fn cost_basis(usage: Option<MeasuredUsage>, cost: Option<Money>) -> Option<UsageBasis> {
    cost.map(|_| usage.map_or(UsageBasis::Exact, |metered| metered.basis))
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

    /// Prices in USD per million: in, out, read from the cache, written to it.
    fn price(input: f64, output: f64, cached: f64, written: Option<f64>) -> Price {
        Price {
            cached: Some(Money::per_token(cached)),
            written: written.map(Money::per_token),
            ..Price::flat(input, output)
        }
    }

    #[test]
    fn bills_of_vendors_are_matched_to_the_token() {
        let used = |input, output, cached, written, reasoning| Usage {
            input,
            output,
            cached,
            written,
            reasoning,
        };
        let sonnet = price(3.0, 15.0, 0.3, Some(3.75));
        let gemini = price(1.25, 10.0, 0.625, None);
        let gpt = price(1.25, 10.0, 0.125, None);
        // In pico-dollars: tokens times a millionth of the price.
        let cases = [
            // litellm #9812: 3 plain tokens and 12 304 written; the vendor's console billed $0.0544,
            // and $0.0913 came out where the written ones were charged as plain ones too.
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
    fn what_is_not_known_is_no_amount_and_what_was_not_used_costs_nothing() {
        let (free, dear) = (Price::flat(0.0, 0.0), Price::flat(1.0, 2.0));
        let some = Some(MeasuredUsage::exact(Usage {
            input: 1,
            ..Usage::default()
        }));

        assert_eq!(attempt_cost(some, None), None);
        assert_eq!(attempt_cost(None, Some(&dear)), None);
        assert_eq!(attempt_cost(None, Some(&free)), Some(Money::ZERO));
        assert_eq!(
            attempt_cost(Some(MeasuredUsage::ZERO), None),
            Some(Money::ZERO)
        );
        assert_eq!(attempt_cost(some, Some(&dear)), Some(Money::per_token(1.0)));
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
