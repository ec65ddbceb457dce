//! Estimates the response time of one target: seconds to the first token, seconds per output
//! token, and their dependence on load and prompt length.
//!
//! A stream shows both times: its first token is an observation of the first, its end one of the
//! second. A whole response shows only their sum `y`. It counts as an observation of each part,
//! with the expectation of the other part subtracted, and with the weight `Var(part) / Var(sum)`.
//! With `a` and `b` expected before the response, `n` output tokens, and `x` thousand prompt tokens
//! at `c` seconds each:
//!
//! ```text
//! A = 0.5  · max(a + c·x, y / 20)      spread of the first part, seconds
//! B = 0.25 · max(b·n, y / 20)          spread of the rest, seconds; 0 without output tokens
//! g = A² / (A² + B²)                   weight of the sum for the first part
//! p = (a / (a + c·x))²                 weight of the first part for `a`
//! first token ← y − c·x − b·n          with weight g·p
//! per token   ← (y − c·x − a) / n      with weight 1 − g
//! ```
//!
//! The first token of a stream has the weight `p` too: the time of a long prompt varies with its
//! length, and says little about `a`. Without a prompt the weights add up to one observation. `a + b·n` is unbiased at the observed lengths for any
//! split of the sum; the split becomes more precise with the spread of lengths and with every stream.

use super::latency_mean::LatencyMean;
use crate::domain::load_sensitivity::{LoadCurve, LoadSensitivity};
use crate::domain::prompt_sensitivity::{PromptCurve, PromptSensitivity};
use crate::domain::units::UnixTime;

/// Relative spread (standard deviation over mean) of first tokens and of times per token.
const FIRST_TOKEN_SPREAD: f64 = 0.5;
const PER_TOKEN_SPREAD: f64 = 0.25;
/// Minimum share of a whole response for each part when spreads are compared: an estimate of 0
/// would never change again.
const MIN_PART: f64 = 0.05;
/// Relative spread of an expected number of output tokens.
const TOKENS_SPREAD: f64 = 1.0;

/// Seconds to the first token after an empty prompt, per output token, and per 1000 prompt tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed {
    pub first_token: f64,
    pub per_token: f64,
    pub per_prompt: f64,
}

impl Speed {
    /// Speed assumed before any target is measured; 20,000 prompt tokens a second are usual.
    pub const PRIOR: Self = Self {
        first_token: 1.0,
        per_token: 0.020,
        per_prompt: 0.05,
    };
}

/// Observation of a response that was not streamed.
#[derive(Debug, Clone, Copy)]
pub(super) struct WholeAnswer {
    /// Seconds from the start of the attempt to its end.
    pub seconds: f64,
    /// Output tokens; `None` if neither reported nor estimable.
    pub tokens: Option<f64>,
    /// Expected output tokens.
    pub expected_tokens: f64,
    /// Prompt tokens not read from the provider's cache; `None` if the provider did not count
    /// them.
    pub prompt: Option<f64>,
    /// Prompt tokens as estimated when the attempt began.
    pub estimated_prompt: f64,
    /// `ln(1 + attempts in flight)` when the attempt began.
    pub load: f64,
}

/// The statistics of one target.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LatencyEstimator {
    first_token: LatencyMean,
    per_token: LatencyMean,
    load: LoadSensitivity,
    prompt: PromptSensitivity,
}

impl LatencyEstimator {
    /// Records the seconds to the first token of a stream. A wait without a first token counts the
    /// same, as a lower bound.
    pub fn observe_first_token(
        &mut self,
        seconds: f64,
        estimated_prompt: f64,
        peers: Speed,
        now: UnixTime,
    ) {
        let prefill = self
            .prompt
            .curve(peers.per_prompt)
            .seconds(estimated_prompt);
        let weight = weight_without_prompt(self.first_token(peers, now), prefill);
        self.first_token
            .add((seconds - prefill).max(0.0), weight, now);
        self.prompt
            .observe_wait(estimated_prompt, seconds.max(0.0), now);
    }

    /// Records the prompt tokens of a stream: `prompt` as counted by the provider, without those
    /// read from its cache, and `estimated_prompt` as estimated before.
    pub fn observe_stream_prompt(
        &mut self,
        first_token: f64,
        (prompt, estimated_prompt): (Option<f64>, f64),
        peers: Speed,
        now: UnixTime,
    ) {
        let usual = self.first_token(peers, now);
        self.prompt.observe(
            prompt,
            estimated_prompt,
            (first_token, 1.0),
            (usual, peers.per_prompt),
            now,
        );
    }

    /// Records a stream's time per output token, at the load at its start.
    pub fn observe_token_pace(&mut self, per_token: f64, load: f64, now: UnixTime) {
        self.per_token.add(per_token, 1.0, now);
        self.load.add(load, per_token, 1.0, now);
    }

    /// Records a whole response by the formulas in the module documentation.
    pub fn observe_whole(&mut self, answer: &WholeAnswer, peers: Speed, now: UnixTime) {
        let (a, b) = (self.first_token(peers, now), self.per_token(peers, now));
        let total = answer.seconds;
        let prefill =
            self.prompt
                .curve_of(answer.prompt, answer.estimated_prompt, peers.per_prompt);
        let y = total - prefill;
        let tokens = answer.tokens.unwrap_or(answer.expected_tokens).max(0.0);
        let least = MIN_PART * total.max(0.0);
        let first_part = (FIRST_TOKEN_SPREAD * (a + prefill).max(least)).powi(2);
        let rest = match answer.tokens {
            Some(_) if tokens > 0.0 => (PER_TOKEN_SPREAD * (b * tokens).max(least)).powi(2),
            Some(_) => 0.0,
            None => (b * tokens).powi(2) * (PER_TOKEN_SPREAD.powi(2) + TOKENS_SPREAD.powi(2)),
        };
        let of_first_token = if first_part + rest > 0.0 {
            first_part / (first_part + rest)
        } else {
            1.0
        };
        let slow_first_token = self.first_token.expected_slow(peers.first_token, now);
        let slow_per_token = self.per_token.expected_slow(peers.per_token, now);
        let weight = of_first_token * weight_without_prompt(a.max(least), prefill);
        self.first_token.add_part(y - b * tokens, weight, now);
        self.prompt.observe(
            answer.prompt,
            answer.estimated_prompt,
            (total - b * tokens, of_first_token),
            (a, peers.per_prompt),
            now,
        );
        if answer.tokens.is_none() || tokens <= 0.0 {
            return;
        }
        self.per_token
            .add_part((y - a) / tokens, 1.0 - of_first_token, now);
        // Weight of the sum as an observation of the whole speed: small if its parts vary much.
        let expected = slow_first_token + slow_per_token * tokens;
        let pace = slow_per_token * y / expected;
        let weight = (PER_TOKEN_SPREAD * (a + b * tokens)).powi(2) / (first_part + rest);
        self.load.add(answer.load, pace, weight.min(1.0), now);
    }

    /// Returns the expected times at the usual load and with an empty prompt.
    pub fn speed(&self, peers: Speed, now: UnixTime) -> Speed {
        Speed {
            first_token: self.first_token(peers, now),
            per_token: self.per_token(peers, now),
            per_prompt: self.prompt.slope(peers.per_prompt),
        }
    }

    /// Returns the effect of load on both times.
    pub fn load_curve(&self) -> LoadCurve {
        self.load.curve()
    }

    /// Returns the effect of the prompt length on the first token; `peers` is their slope.
    pub fn prompt_curve(&self, peers: Speed) -> PromptCurve {
        self.prompt.curve(peers.per_prompt)
    }

    /// Returns its own seconds per 1000 prompt tokens, if enough observations show them.
    pub fn per_prompt(&self) -> Option<f64> {
        self.prompt.own_slope(Speed::PRIOR.per_prompt)
    }

    /// Returns the part of the first token's seconds that is due to outliers.
    pub fn outliers(&self, now: UnixTime) -> f64 {
        self.first_token.mean_excess(now)
    }

    /// Returns the decayed number of observations; a whole response counts with its weight.
    pub fn samples(&self, now: UnixTime) -> f64 {
        self.first_token
            .samples(now)
            .max(self.per_token.samples(now))
    }

    /// Returns the slow mean if it has more than `min_samples` observations.
    pub fn slow_first_token(&self, min_samples: f64, now: UnixTime) -> Option<f64> {
        self.first_token.slow_mean(min_samples, now)
    }

    pub fn slow_per_token(&self, min_samples: f64, now: UnixTime) -> Option<f64> {
        self.per_token.slow_mean(min_samples, now)
    }

    /// Reduces the fast memory of first tokens to the share `part`.
    pub fn retain_quick(&mut self, part: f64) {
        self.first_token.retain_quick(part);
    }

    fn first_token(&self, peers: Speed, now: UnixTime) -> f64 {
        self.first_token.expected(peers.first_token, now)
    }

    fn per_token(&self, peers: Speed, now: UnixTime) -> f64 {
        self.per_token.expected(peers.per_token, now)
    }
}

/// Returns the weight, 0..1, of a first token for the seconds `own` after an empty prompt, if the prompt
/// took `prefill` seconds besides.
fn weight_without_prompt(own: f64, prefill: f64) -> f64 {
    if prefill > 0.0 {
        (own / (own + prefill)).max(MIN_PART).powi(2)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::SplitMix64;

    const PEERS: Speed = Speed::PRIOR;

    fn at(tenth: u64) -> UnixTime {
        UnixTime::from_micros(1_000_000_000 + tenth * 100_000)
    }

    fn answer(seconds: f64, tokens: f64) -> WholeAnswer {
        WholeAnswer {
            seconds,
            tokens: Some(tokens),
            expected_tokens: tokens,
            prompt: None,
            estimated_prompt: 0.0,
            load: 0.0,
        }
    }

    fn latency(estimator: &LatencyEstimator, tokens: f64, now: UnixTime) -> f64 {
        let speed = estimator.speed(PEERS, now);
        speed.first_token + tokens * speed.per_token
    }

    #[test]
    fn short_whole_responses_separate_fast_targets_from_slow_ones() {
        for tokens in [0.0, 5.0] {
            for truth in [0.020, 0.200, 0.400] {
                let mut estimator = LatencyEstimator::default();
                for step in 0..20 {
                    estimator.observe_whole(&answer(truth, tokens), PEERS, at(step));
                }
                let estimate = latency(&estimator, tokens, at(20));
                let error = (estimate / truth - 1.0).abs();
                assert!(error < 0.25, "{tokens} tokens: {estimate} for {truth}");
            }
        }
    }

    #[test]
    fn a_slow_first_token_does_not_count_as_slow_tokens() {
        // Answers of one length cannot show the pace itself: it stays at what the peers take.
        for (per_token, most) in [(0.006, 9.0), (PEERS.per_token, 20.0)] {
            let peers = Speed { per_token, ..PEERS };
            let mut estimator = LatencyEstimator::default();
            for step in 0..30 {
                estimator.observe_whole(&answer(3.0 + 10.0 * 0.006, 10.0), peers, at(step * 5));
            }
            let speed = estimator.speed(peers, at(150));
            let long = speed.first_token + 600.0 * speed.per_token;
            assert!((3.0..=most).contains(&long), "{long}");
        }
    }

    #[test]
    fn a_spread_of_lengths_separates_the_two_times() {
        let mut estimator = LatencyEstimator::default();
        let mut random = SplitMix64::new(7);
        for step in 0..200 {
            let tokens = 20.0 + 980.0 * random.next_f64();
            let noise = 1.0 + 0.25 * 3.0_f64.sqrt() * (2.0 * random.next_f64() - 1.0);
            let seconds = 0.5 + 0.01 * tokens * noise;
            estimator.observe_whole(&answer(seconds, tokens), PEERS, at(step * 5));
        }
        let Speed {
            first_token,
            per_token,
            ..
        } = estimator.speed(PEERS, at(1_000));
        assert!((first_token / 0.5 - 1.0).abs() < 0.4, "{first_token}");
        assert!((per_token / 0.01 - 1.0).abs() < 0.1, "{per_token}");
    }

    #[test]
    fn a_response_of_unknown_length_changes_the_first_token_alone() {
        let mut estimator = LatencyEstimator::default();
        let unknown = WholeAnswer {
            tokens: None,
            expected_tokens: 10.0,
            ..answer(2.0, 0.0)
        };
        for step in 0..50 {
            estimator.observe_whole(&unknown, PEERS, at(step));
        }
        let speed = estimator.speed(PEERS, at(50));
        assert_eq!(speed.per_token, PEERS.per_token);
        assert!((speed.first_token - 1.8).abs() < 0.1, "{speed:?}");
    }

    #[test]
    fn the_prompt_s_effect_is_separated_from_the_target_s_own_time() {
        let mut estimator = LatencyEstimator::default();
        for step in 0..200_u32 {
            let prompt = f64::from(step % 10) * 4_000.0;
            let seconds = 0.4 + 0.1 * prompt / 1e3;
            let now = at(u64::from(step) * 5);
            estimator.observe_first_token(seconds, prompt, PEERS, now);
            estimator.observe_stream_prompt(seconds, (Some(prompt), prompt), PEERS, now);
        }
        let now = at(1_000);
        let curve = estimator.prompt_curve(PEERS);
        let seconds = |prompt| estimator.speed(PEERS, now).first_token + curve.seconds(prompt);
        assert!((seconds(0.0) - 0.4).abs() < 0.2, "{}", seconds(0.0));
        assert!(
            (seconds(40_000.0) - 4.4).abs() < 0.5,
            "{}",
            seconds(40_000.0)
        );
    }
}
