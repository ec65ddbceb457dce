//! Statistics → factors → score. The founding formula: `score = Σ weight·factor / Σ weight`.
//!
//! Each factor is 0..1 and 1 is best, measured against *fixed* references, so that a target's
//! score does not move because another one left:
//! - cost: `1 − C`, C = expected cost over the cost at the dearest configured prices;
//! - latency: `1 − T`, T = expected latency over `2 s + 30 ms · tokens`;
//! - reliability: `1 −` share of failures, decayed;
//! - load: `1 −` requests in flight over the limit; priority: the operator's, over 100.

use super::pricing::Price;
use super::weights::Weights;

/// A stream's start that is worth nothing, in seconds.
pub const LATENCY_REFERENCE: f64 = 2.0;
/// A token's time that is worth nothing, in seconds.
pub const TOKEN_REFERENCE: f64 = 0.030;
/// Load is measured against this where a provider states no limit.
pub const UNLIMITED: f64 = 300.0;
/// Factor of a target whose price nobody knows: neither cheap nor dear.
const UNKNOWN_COST: f64 = 0.5;

/// What is expected of a target's next request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds to the first content.
    pub first_token: f64,
    /// Seconds per output token after that.
    pub per_token: f64,
    /// Odds of failing, 0..1.
    pub failure: f64,
    /// Whether any of it was measured on this target, or all taken from its peers.
    pub measured: bool,
}

impl Estimate {
    /// Seconds for an answer of so many tokens.
    pub fn latency(&self, tokens: f64) -> f64 {
        self.first_token + tokens * self.per_token
    }
}

/// The five goods, 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    pub cost: f64,
    pub latency: f64,
    pub reliability: f64,
    pub load: f64,
    pub priority: f64,
}

/// `1 − C`; `dearest` holds the highest input and the highest output price of the catalogue, USD
/// per token.
pub fn cost_factor(price: Option<&Price>, dearest: (f64, f64), input: f64, output: f64) -> f64 {
    let Some(price) = price else {
        return UNKNOWN_COST;
    };
    let reference = dearest.0 * input + dearest.1 * output;
    if reference > 0.0 {
        good(1.0 - price.of(input, output) / reference)
    } else {
        1.0
    }
}

/// `1 − T` for an answer of `tokens`.
pub fn latency_factor(estimate: &Estimate, tokens: f64) -> f64 {
    good(1.0 - estimate.latency(tokens) / (LATENCY_REFERENCE + TOKEN_REFERENCE * tokens))
}

/// `1 − L`.
pub fn load_factor(in_flight: u32, max_concurrent: Option<u32>) -> f64 {
    let limit = max_concurrent.map_or(UNLIMITED, f64::from).max(1.0);
    good(1.0 - f64::from(in_flight) / limit)
}

/// The founding formula, 0..1.
pub fn combine(weights: &Weights, factors: &Factors) -> f64 {
    points(weights, factors) * 100.0 / weights.total()
}

/// `Σ weight·factor / 100`: the same order as the score, on a scale where one point of the
/// objectives is 0.01 whatever the weights of load and priority. The odds are made of it.
pub fn points(weights: &Weights, factors: &Factors) -> f64 {
    (weights.cost * factors.cost
        + weights.latency * factors.latency
        + weights.reliability * factors.reliability
        + weights.load * factors.load
        + weights.priority * factors.priority)
        / 100.0
}

/// A good in 0..1; what is not a number is no good.
pub fn good(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn free_is_best_and_the_dearest_is_worst() {
        let dearest = (3e-6, 15e-6);
        let free = Price::flat(0.0, 0.0);
        let dear = Price::flat(3.0, 15.0);

        assert_eq!(cost_factor(Some(&free), dearest, 500.0, 300.0), 1.0);
        assert!(cost_factor(Some(&dear), dearest, 500.0, 300.0).abs() < 1e-9);
        assert_eq!(cost_factor(Some(&free), (0.0, 0.0), 500.0, 300.0), 1.0);
    }

    #[test]
    fn all_weights_on_one_objective_leave_that_factor() {
        let factors = Factors {
            cost: 0.9,
            latency: 0.2,
            reliability: 0.4,
            load: 1.0,
            priority: 0.5,
        };
        let weights = Weights {
            cost: 100.0,
            latency: 0.0,
            reliability: 0.0,
            load: 0.0,
            priority: 0.0,
        };

        assert!((combine(&weights, &factors) - 0.9).abs() < 1e-12);
    }

    fn unit() -> impl Strategy<Value = f64> {
        0.0..=1.0_f64
    }

    proptest! {
        #[test]
        fn a_score_lies_in_its_range_and_no_better_factor_lowers_it(
            parts in (unit(), unit(), unit(), unit(), unit()),
            more in unit(),
            cost in 0.0..=100.0_f64, split in unit(), load in 0.0..=100.0_f64, priority in 0.0..=100.0_f64,
        ) {
            let weights = Weights {
                cost,
                latency: (100.0 - cost) * split,
                reliability: (100.0 - cost) * (1.0 - split),
                load,
                priority,
            };
            let factors = Factors {
                cost: parts.0, latency: parts.1, reliability: parts.2, load: parts.3, priority: parts.4,
            };
            let score = combine(&weights, &factors);
            prop_assert!((-1e-9..=1.0 + 1e-9).contains(&score));
            let better = Factors { latency: factors.latency.max(more), ..factors };
            prop_assert!(combine(&weights, &better) >= score - 1e-12);
        }

        #[test]
        fn no_input_makes_a_factor_that_is_not_a_number(
            first_token in prop::num::f64::ANY, per_token in prop::num::f64::ANY, tokens in 0.0..1e7_f64,
        ) {
            let estimate = Estimate { first_token, per_token, failure: 0.0, measured: true };
            prop_assert!((0.0..=1.0).contains(&latency_factor(&estimate, tokens)));
        }
    }
}
