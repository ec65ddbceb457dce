//! Statistics → prediction → factors → score.
//!
//! The formulas add penalties; 0 is best.
//! - cost `C`: expected cost over the cost at the highest configured prices;
//! - latency `T`: expected latency over `2 s + 30 ms · tokens`, at most 2;
//! - risk `R = 1 − (1 − p)(1 − q)(1 − miss)`: failure, rate limit, missed deadline;
//! - load `L`: requests in flight over the limit.
//!
//! References are fixed, so that a target's score does not change when another target leaves. The
//! display shows factors, `1 − penalty` in 0..1, and the linear score `Σ weight·factor / Σ weight`.

use super::index::PerTarget;
use super::lease::PendingFirstTokens;
use super::load_sensitivity::LoadCurve;
use super::pricing::Price;
use super::prompt_sensitivity::PromptCurve;
use super::tuning::{GUARD_FREE_RISK, Tuning};
use super::weights::Weights;

/// Concurrency limit assumed for the load of a provider without one.
pub const UNLIMITED: f64 = 300.0;
/// Cost penalty of a target without a price: neither cheap nor expensive.
const UNKNOWN_COST: f64 = 0.5;
/// Upper bound of the latency penalty: twice the reference.
const MAX_LATENCY_PENALTY: f64 = 2.0;
/// Standard deviation of the logarithm of latencies, and the factor with which a logistic curve
/// approximates the normal distribution.
const LATENCY_SIGMA: f64 = 0.5;
const LOGISTIC: f64 = 1.7;
/// Margin, in standard deviations, from which a deadline counts as safe.
const SAFE_DEVIATIONS: f64 = 3.0;
/// Share of outliers in the seconds to the first token from which they are usual.
const USUAL_OUTLIERS: f64 = 0.05;
/// Waiting time, in median first-token times of the peers, that indicates a queue, and the maximum
/// factor by which a queue slows the tokens.
const QUEUE_WAIT_FACTOR: f64 = 3.0;
const QUEUE_SLOWDOWN: f64 = 3.0;

impl PerTarget for Estimate {}

/// Expectation for a target's next request at its usual load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// Seconds to the first content.
    pub first_token: f64,
    /// Seconds per output token after that.
    pub per_token: f64,
    /// Failure probability, 0..1.
    pub failure: f64,
    /// Probability of a rate limit response, 0..1.
    pub limited: f64,
    /// Effect of load on the times.
    pub curve: LoadCurve,
    /// Effect of the prompt length on the first token.
    pub prompt: PromptCurve,
    /// Part of the first token's seconds that is due to outliers.
    pub outliers: f64,
    /// Decayed number of observations.
    pub samples: f64,
    /// True if measured on this target, false if taken from its peers alone.
    pub measured: bool,
}

/// Prediction for a request at the current load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prediction {
    /// Seconds to the first content.
    pub first_token: f64,
    /// Seconds per output token after that.
    pub per_token: f64,
}

impl Estimate {
    /// Returns the seconds for `tokens` output tokens after `prompt` prompt tokens.
    pub fn latency(&self, prompt: f64, tokens: f64) -> f64 {
        self.first_token + self.prompt.seconds(prompt) + tokens * self.per_token
    }

    /// Checks whether outliers are usual at this target.
    fn has_outliers(&self) -> bool {
        self.outliers > USUAL_OUTLIERS * self.first_token
    }

    /// Predicts the times for a prompt of `prompt` tokens at the current load. A stream that has
    /// waited longer than expected is evidence before its first token arrives.
    pub fn predict(
        &self,
        prompt: f64,
        in_flight: u32,
        waiting: PendingFirstTokens,
        peers_first_token: f64,
    ) -> Prediction {
        let load = self.curve.at(in_flight);
        let own = self.first_token * load;
        let mut predicted = Prediction {
            first_token: own + self.prompt.seconds(prompt) * load,
            per_token: self.per_token * load,
        };
        // The part of the wait that the prompts of the pending streams do not explain.
        let age = if self.has_outliers() {
            waiting.age_without_outliers()
        } else {
            waiting.age
        };
        let age = age - self.prompt.seconds(self.prompt.waiting) * load;
        if waiting.count > 0 && age > own {
            predicted.first_token += age - own;
            let queue = QUEUE_WAIT_FACTOR * peers_first_token;
            if waiting.count >= 2 && age > queue && queue > 0.0 {
                predicted.per_token *= (age / queue).clamp(1.0, QUEUE_SLOWDOWN);
            }
        }
        predicted
    }
}

impl Prediction {
    /// Returns the seconds for `tokens` output tokens.
    pub fn latency(&self, tokens: f64) -> f64 {
        self.first_token + tokens * self.per_token
    }
}

/// Failure probabilities of an attempt, each 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Risk {
    /// Probability of a failure.
    pub failure: f64,
    /// Probability of a 429.
    pub limited: f64,
    /// Probability of a missed deadline.
    pub miss: f64,
}

impl Risk {
    /// Returns the probability that at least one of them occurs.
    pub fn total(&self) -> f64 {
        clamp_penalty(
            1.0 - (1.0 - self.failure) * (1.0 - self.limited) * (1.0 - self.miss),
            1.0,
        )
    }
}

/// Returns the probability that a response with the predicted `latency` takes longer than
/// `remaining`, both in seconds.
pub fn deadline_miss(remaining: f64, latency: f64) -> f64 {
    if remaining <= 0.0 {
        return 1.0;
    }
    let deviations = (remaining / latency).ln() / LATENCY_SIGMA;
    if deviations < SAFE_DEVIATIONS {
        1.0 / (1.0 + (LOGISTIC * deviations).exp())
    } else {
        0.0
    }
}

/// Penalties of a target; NaN becomes the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Penalties {
    /// 0..1, or more for a price above all configured ones.
    pub cost: f64,
    /// 0..2.
    pub latency: f64,
    /// 0..1.
    pub risk: f64,
    /// 0..1.
    pub load: f64,
}

impl Penalties {
    /// Returns how much higher these are than others.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            cost: self.cost - other.cost,
            latency: self.latency - other.latency,
            risk: self.risk - other.risk,
            load: self.load - other.load,
        }
    }

    /// Returns the sum with others.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            cost: self.cost + other.cost,
            latency: self.latency + other.latency,
            risk: self.risk + other.risk,
            load: self.load + other.load,
        }
    }

    /// Returns the factors, with the operator's priority.
    pub fn factors(&self, priority: f64) -> Factors {
        Factors {
            cost: clamp_factor(1.0 - self.cost),
            latency: clamp_factor(1.0 - self.latency),
            reliability: clamp_factor(1.0 - self.risk),
            load: clamp_factor(1.0 - self.load),
            priority: clamp_factor(priority),
        }
    }
}

/// Factors of a score, each 0..1; 1 is best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Expected cost; 1 is free.
    pub cost: f64,
    /// Expected latency; 1 is immediate.
    pub latency: f64,
    /// 1 minus the risk.
    pub reliability: f64,
    /// Free part of the concurrency limit.
    pub load: f64,
    /// Priority set by the operator.
    pub priority: f64,
}

/// Returns the cost penalty `C`; `max_prices` holds the highest input and output prices of the
/// catalogue, in USD per token, and `saved` is what a prompt cache saves, in USD.
pub fn cost_penalty(
    price: Option<&Price>,
    max_prices: (f64, f64),
    (input, saved): (f64, f64),
    output: f64,
) -> f64 {
    let Some(price) = price else {
        return UNKNOWN_COST;
    };
    let reference = max_prices.0 * input + max_prices.1 * output;
    if reference > 0.0 {
        clamp_penalty((price.cost_of(input, output) - saved) / reference, f64::MAX)
    } else {
        0.0
    }
}

/// Returns the latency penalty `T` of `tokens` output tokens in `seconds`.
pub fn latency_penalty(seconds: f64, tokens: f64, tuning: &Tuning) -> f64 {
    clamp_penalty(seconds / tuning.reference(tokens), MAX_LATENCY_PENALTY)
}

/// Returns the load penalty `L`.
pub fn load_penalty(in_flight: u32, max_concurrent: Option<u32>) -> f64 {
    let limit = max_concurrent.map_or(UNLIMITED, f64::from).max(1.0);
    clamp_penalty(f64::from(in_flight) / limit, 1.0)
}

/// Returns the utility that `adaptive` compares, with weights as shares of 100:
/// `S = 1 − (w_c·C + w_l·T + w_r·R) − w_load·L + w_prio·priority − guard`. The guard is independent of the weights: no weights may send a request
/// to a target that is expected to fail.
pub fn utility(weights: &Weights, bads: &Penalties, priority: f64, tuning: &Tuning) -> f64 {
    let others = weights.load * bads.load - weights.priority * priority;
    1.0 - objectives_loss(weights, bads, tuning) - others / 100.0
}

/// Returns `w_c·C + w_l·T + w_r·R + guard`, with weights as shares of 100; 0 is best.
pub fn objectives_loss(weights: &Weights, bads: &Penalties, tuning: &Tuning) -> f64 {
    let objectives =
        weights.cost * bads.cost + weights.latency * bads.latency + weights.reliability * bads.risk;
    objectives / 100.0 + tuning.guard * risk_excess(bads.risk)
}

/// Loss of the best target, 0 is best, from which the temperature applies in full, and the least share
/// of it below.
const FULL_TEMPERATURE_LOSS: f64 = 0.10;
const MIN_TEMPERATURE_SHARE: f64 = 0.1;
/// Points of the middle one of the three objectives at which the temperature applies as configured
/// (those of the default weights), and the largest factor above.
const FULL_TEMPERATURE_POINTS: f64 = 30.0;
const MAX_TEMPERATURE_SCALE: f64 = 2.0;

/// Returns the temperature of a selection whose best target has these weights and penalties.
///
/// Where even the whole loss is small, a fixed gap would be a large part of it: two embedding
/// models of 0.01 and 0.02 are not nearly equal. And it follows the middle one of the weights of
/// the three objectives: if one of them gains weight, the gaps that the others make shrink, and a
/// fixed temperature would spread the traffic over targets that are worse in all three.
pub fn temperature(weights: &Weights, bads: &Penalties, tuning: &Tuning) -> f64 {
    let share = objectives_loss(weights, bads, tuning) / FULL_TEMPERATURE_LOSS;
    let middle = weights.middle_objective() / FULL_TEMPERATURE_POINTS;
    tuning.temperature
        * share.clamp(MIN_TEMPERATURE_SHARE, 1.0)
        * middle.clamp(MIN_TEMPERATURE_SHARE, MAX_TEMPERATURE_SCALE)
}

/// Returns the part of a risk that the guard penalizes.
pub fn risk_excess(risk: f64) -> f64 {
    (risk - GUARD_FREE_RISK).max(0.0)
}

/// Converts a utility to the scale of [`linear_score`], 0..1.
pub fn display_score(utility: f64, weights: &Weights) -> f64 {
    let (load, priority) = (weights.load / 100.0, weights.priority / 100.0);
    clamp_factor((utility + load) / (1.0 + load + priority))
}

/// Returns `Σ weight·factor / Σ weight`, 0..1.
pub fn linear_score(weights: &Weights, factors: &Factors) -> f64 {
    weighted_sum(weights, factors) * 100.0 / weights.total()
}

/// Returns `Σ weight·factor / 100`: the order of the linear score, on a scale where one point of
/// the objectives is 0.01 for any weights of load and priority.
pub fn weighted_sum(weights: &Weights, factors: &Factors) -> f64 {
    (weights.cost * factors.cost
        + weights.latency * factors.latency
        + weights.reliability * factors.reliability
        + weights.load * factors.load
        + weights.priority * factors.priority)
        / 100.0
}

/// Clamps a factor to 0..1; NaN becomes 0.
pub fn clamp_factor(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

/// Clamps a penalty to 0..`worst`; NaN becomes the maximum.
fn clamp_penalty(value: f64, worst: f64) -> f64 {
    if value.is_nan() {
        worst.min(MAX_LATENCY_PENALTY)
    } else {
        value.clamp(0.0, worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_free_target_has_no_cost_penalty_and_the_most_expensive_the_highest() {
        let max_prices = (3e-6, 15e-6);
        let free = Price::flat(0.0, 0.0);
        let expensive = Price::flat(3.0, 15.0);

        assert_eq!(
            cost_penalty(Some(&free), max_prices, (500.0, 0.0), 300.0),
            0.0
        );
        assert!(
            (cost_penalty(Some(&expensive), max_prices, (500.0, 0.0), 300.0) - 1.0).abs() < 1e-9
        );
        assert_eq!(
            cost_penalty(Some(&free), (0.0, 0.0), (500.0, 0.0), 300.0),
            0.0
        );
    }

    #[test]
    fn the_displayed_score_is_the_linear_score() {
        let bads = Penalties {
            cost: 0.1,
            latency: 0.8,
            risk: 0.15,
            load: 0.3,
        };
        let weights = Weights::default();
        let utility = utility(&weights, &bads, 0.5, &Tuning::default());

        let linear = linear_score(&weights, &bads.factors(0.5));
        assert!((display_score(utility, &weights) - linear).abs() < 1e-12);
    }

    #[test]
    fn the_guard_holds_at_any_weights() {
        let weights = Weights {
            cost: 100.0,
            latency: 0.0,
            reliability: 0.0,
            ..Weights::default()
        };
        let worth = |cost, risk| {
            let bads = Penalties {
                cost,
                risk,
                ..Penalties::default()
            };
            utility(&weights, &bads, 0.5, &Tuning::default())
        };

        assert_eq!(worth(0.0, 0.20), worth(0.0, 0.0));
        assert!(worth(0.0, 0.90) < worth(0.5, 0.05));
    }

    #[test]
    fn pending_streams_are_evidence_before_their_first_token() {
        let estimate = Estimate {
            first_token: 0.5,
            per_token: 0.01,
            ..Estimate::default()
        };
        let seen = |count, age| {
            let waiting = PendingFirstTokens {
                count,
                age,
                arrived: 0.0,
            };
            estimate.predict(500.0, 3, waiting, 0.6)
        };

        assert_eq!(seen(4, 0.3).first_token, 0.5);
        assert_eq!(
            (seen(1, 4.0).first_token, seen(1, 4.0).per_token),
            (4.0, 0.01)
        );
        assert!((seen(2, 3.6).per_token - 0.02).abs() < 1e-12);
        assert!((seen(2, 60.0).per_token - 0.03).abs() < 1e-12);
    }

    #[test]
    fn where_outliers_are_usual_a_stream_that_others_overtake_is_no_evidence() {
        let waiting = PendingFirstTokens {
            count: 1,
            age: 4.0,
            arrived: 20.0,
        };
        let seen = |outliers| {
            let estimate = Estimate {
                first_token: 0.5,
                outliers,
                ..Estimate::default()
            };
            estimate.predict(500.0, 3, waiting, 0.6).first_token
        };
        assert_eq!(seen(0.0), 4.0);
        assert_eq!(seen(0.1), 0.5);
    }

    #[test]
    fn a_deadline_at_the_predicted_latency_is_missed_half_the_time() {
        assert!((deadline_miss(5.0, 5.0) - 0.5).abs() < 1e-12);
        assert_eq!(
            (deadline_miss(0.0, 5.0), deadline_miss(60.0, 5.0)),
            (1.0, 0.0)
        );
        assert!(deadline_miss(3.0, 5.0) > deadline_miss(8.0, 5.0));
    }

    fn unit() -> impl Strategy<Value = f64> {
        0.0..=1.0_f64
    }

    proptest! {
        #[test]
        fn a_score_stays_in_range_and_no_better_factor_lowers_it(
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
            let score = linear_score(&weights, &factors);
            prop_assert!((-1e-9..=1.0 + 1e-9).contains(&score));
            let better = Factors { latency: factors.latency.max(more), ..factors };
            prop_assert!(linear_score(&weights, &better) >= score - 1e-12);
        }

        #[test]
        fn no_input_makes_a_factor_that_is_not_a_number(
            seconds in prop::num::f64::ANY, remaining in prop::num::f64::ANY, tokens in 0.0..1e7_f64,
        ) {
            let latency = latency_penalty(seconds, tokens, &Tuning::default());
            prop_assert!((0.0..=2.0).contains(&latency));
            let risk = Risk { miss: deadline_miss(remaining, seconds), ..Risk::default() };
            prop_assert!((0.0..=1.0).contains(&risk.total()));
        }
    }
}
