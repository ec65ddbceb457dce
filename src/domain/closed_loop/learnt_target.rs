//! What was learnt of one target.

use super::load_curve::LearntCurve;
use crate::domain::failure::Failure;
use crate::domain::upstream_quota::BucketTerms;

/// Rate limits on requests and tokens.
pub type RateTerms = [Option<BucketTerms>; 2];

/// A target as a run simulates it.
#[derive(Debug, Clone)]
pub struct LearntTarget {
    /// Seconds to the first token and per token of recorded responses, without the effect of load.
    pub responses: Vec<(f64, f64)>,
    /// Effect of load.
    pub curve: LearntCurve,
    /// Probability of a failure, 0..1.
    pub failure: f64,
    /// Recorded failures with their seconds.
    pub failures: Vec<(Failure, f64)>,
    /// Rate limits on requests and tokens, of each key with its own or of the target; at least one.
    pub limits: Vec<RateTerms>,
    /// Why each of several keys is not accepted, if it is not.
    pub denials: Vec<Option<Failure>>,
    /// True if the provider states them.
    pub states_limits: bool,
    /// Uncertainty of its level: the standard deviation of its logarithm.
    pub level_spread: f64,
    /// True if there were too few responses to learn from.
    pub is_hardly_measured: bool,
    /// Ratio of the measured cost to that of the estimated tokens.
    pub cost_ratio: f64,
    /// Limit on concurrent attempts.
    pub max_concurrent: Option<u32>,
}

impl LearntTarget {
    /// Returns the refill per second of the requests (0) or tokens (1) of all keys that are accepted;
    /// `None` without a limit.
    pub fn usable_refill(&self, of: usize) -> Option<f64> {
        let limits = self.limits.iter().enumerate();
        let usable = limits.filter(|(key, _)| {
            self.limits.len() == 1 || self.denials.get(*key).is_none_or(Option::is_none)
        });
        let refills = usable.map(|(_, limits)| limits[of].map(|terms| terms.refill));
        refills.sum()
    }

    /// Returns the mean seconds to the first token and per token without load.
    pub fn mean(&self) -> (f64, f64) {
        mean_of(&self.responses)
    }
}

/// Returns the means of both parts.
pub fn mean_of(responses: &[(f64, f64)]) -> (f64, f64) {
    let n = responses.len().max(1) as f64;
    let (first, rest) = responses
        .iter()
        .fold((0.0, 0.0), |(first, rest), it| (first + it.0, rest + it.1));
    (first / n, rest / n)
}
