//! Effect of the prompt length on the time to the first token of a target: a regression of seconds
//! on thousands of prompt tokens, without those read from the provider's cache. Observations have
//! the weight `1 / (expected seconds)²`, because the spread of a time grows with the time. The slope
//! of the peers is a prior, as in a ridge regression: few or equal prompts show little.

use super::decay::DecayedMean;
use super::units::UnixTime;

/// Memory of the regression, in seconds.
const MEMORY_S: f64 = 900.0;
/// Relative spread of the seconds to a first token, and of the slopes of the targets around their
/// median.
const SECONDS_SPREAD: f64 = 0.5;
const SLOPE_SPREAD: f64 = 1.0;
/// Lower bound of the peers' slope, in seconds per 1000 tokens.
const MIN_PEERS_SLOPE: f64 = 0.01;
/// Upper bound of the slope, in seconds per 1000 tokens.
const MAX_SLOPE: f64 = 10.0;
/// Lower bound of the expected seconds in the weight of an observation.
const MIN_EXPECTED_S: f64 = 0.05;
/// Prior (ratio and weight) and upper bound of counted over estimated prompt tokens.
const COUNT_PRIOR: (f64, f64) = (1.0, 2.0);
const MAX_COUNT_RATIO: f64 = 4.0;

/// The statistics of one target.
#[derive(Debug, Clone, Copy)]
pub struct PromptSensitivity {
    at: UnixTime,
    /// Weighted sums of 1, x, z, x² and x·z; x in 1000 tokens, z in seconds.
    weight: f64,
    x: f64,
    z: f64,
    xx: f64,
    xz: f64,
    /// Counted prompt tokens, without those read from the cache, over estimated ones.
    counted: DecayedMean,
    counted_ratio: f64,
    /// Mean prompt, in estimated tokens, of the requests pending at a random moment.
    waiting: DecayedMean,
}

/// Effect of the prompt length on the first token, for the selection.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PromptCurve {
    /// Seconds per estimated prompt token.
    pub per_token: f64,
    /// Mean estimated prompt tokens of the requests pending at a random moment.
    pub waiting: f64,
}

impl PromptCurve {
    /// Returns the seconds that a prompt of `prompt` estimated tokens adds.
    pub fn seconds(&self, prompt: f64) -> f64 {
        self.per_token * prompt.max(0.0)
    }
}

impl Default for PromptSensitivity {
    fn default() -> Self {
        Self {
            at: UnixTime::default(),
            weight: 0.0,
            x: 0.0,
            z: 0.0,
            xx: 0.0,
            xz: 0.0,
            counted: DecayedMean::new(MEMORY_S),
            counted_ratio: COUNT_PRIOR.0,
            waiting: DecayedMean::new(MEMORY_S),
        }
    }
}

impl PromptSensitivity {
    /// Records seconds to a first token, paired with their weight, 0..1. `prompt` holds the tokens
    /// counted by the provider, `estimated` the tokens estimated before, `usual` the expected
    /// seconds after an empty prompt, and the slope of the peers.
    pub fn observe(
        &mut self,
        prompt: Option<f64>,
        estimated: f64,
        (seconds, share): (f64, f64),
        (usual, peers): (f64, f64),
        now: UnixTime,
    ) {
        if let Some(prompt) = prompt
            && estimated > 0.0
        {
            let ratio = (prompt / estimated).clamp(0.0, MAX_COUNT_RATIO);
            self.counted.add(ratio, now);
            let (prior, strength) = COUNT_PRIOR;
            self.counted_ratio = self.counted.shrunk(prior, strength, now);
        }
        let x = prompt.unwrap_or(estimated * self.counted_ratio) / 1e3;
        let expected = (usual + self.slope(peers) * x).max(MIN_EXPECTED_S);
        let weight = share / expected.powi(2);
        if !(x.is_finite() && seconds.is_finite() && weight > 0.0 && weight.is_finite()) {
            return;
        }
        self.fade(now);
        self.weight += weight;
        self.x += weight * x;
        self.z += weight * seconds;
        self.xx += weight * x * x;
        self.xz += weight * x * seconds;
    }

    /// Records a wait of `seconds` by a request with `estimated` prompt tokens. Its weight is its
    /// wait: that is the probability of it being pending at a random moment.
    pub fn observe_wait(&mut self, estimated: f64, seconds: f64, now: UnixTime) {
        self.waiting.add_part(estimated, seconds, now);
    }

    /// Returns the own slope in seconds per 1000 tokens, if it says more than `peers`.
    pub fn own_slope(&self, peers: f64) -> Option<f64> {
        let (xx, xz) = self.about_means();
        (xx > prior_precision(peers)).then(|| (xz / xx).clamp(0.0, MAX_SLOPE))
    }

    /// Returns the slope in seconds per 1000 tokens. That of the peers counts as much as the
    /// observations show it worse: prompts of one length show nothing.
    pub fn slope(&self, peers: f64) -> f64 {
        let (xx, xz) = self.about_means();
        let prior = prior_precision(peers);
        ((xz + prior * peers) / (xx + prior)).clamp(0.0, MAX_SLOPE)
    }

    /// Returns the weighted sums of squares and products about the means.
    fn about_means(&self) -> (f64, f64) {
        if self.weight <= 0.0 {
            return (0.0, 0.0);
        }
        let xx = self.xx - self.x * self.x / self.weight;
        (xx.max(0.0), self.xz - self.x * self.z / self.weight)
    }

    /// Returns the effect per estimated token; `peers` is their slope.
    pub fn curve(&self, peers: f64) -> PromptCurve {
        PromptCurve {
            per_token: self.slope(peers) * self.counted_ratio / 1e3,
            waiting: self.waiting.mean(),
        }
    }

    /// Returns the seconds that a prompt adds, by the provider's count if there is one.
    pub fn curve_of(&self, prompt: Option<f64>, estimated: f64, peers: f64) -> f64 {
        match prompt {
            Some(prompt) => self.slope(peers) * prompt / 1e3,
            None => self.curve(peers).seconds(estimated),
        }
    }

    fn fade(&mut self, now: UnixTime) {
        let fade = (-now.seconds_since(self.at) / MEMORY_S).exp();
        for sum in [
            &mut self.weight,
            &mut self.x,
            &mut self.z,
            &mut self.xx,
            &mut self.xz,
        ] {
            *sum *= fade;
        }
        self.at = self.at.max(now);
    }
}

/// Returns the weight of the peers' slope, in the unit of a sum of squares.
fn prior_precision(peers: f64) -> f64 {
    (SECONDS_SPREAD / (SLOPE_SPREAD * peers.max(MIN_PEERS_SLOPE))).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slope of the peers.
    const PEERS: f64 = 0.05;

    fn at(second: u32) -> UnixTime {
        UnixTime::from_seconds(1_000 + u64::from(second))
    }

    #[test]
    fn cached_tokens_take_no_time() {
        let mut sensitivity = PromptSensitivity::default();
        for step in 0..200 {
            let estimated = f64::from(1 + step % 7) * 10_000.0;
            let uncached = 0.1 * estimated;
            let seconds = 0.3 + 0.2 * uncached / 1e3;
            sensitivity.observe(
                Some(uncached),
                estimated,
                (seconds, 1.0),
                (0.3, PEERS),
                at(step),
            );
        }
        let added = sensitivity.curve(PEERS).seconds(50_000.0);
        assert!((added - 1.0).abs() < 0.15, "{added}");
    }

    #[test]
    fn prompts_of_one_length_show_no_slope() {
        let mut sensitivity = PromptSensitivity::default();
        for step in 0..200 {
            sensitivity.observe(None, 500.0, (0.4, 1.0), (0.4, 0.0), at(step));
        }
        assert_eq!(sensitivity.curve(0.0).seconds(100_000.0), 0.0);
    }

    #[test]
    fn without_observations_the_slope_is_the_peers_and_with_them_its_own() {
        let mut sensitivity = PromptSensitivity::default();
        assert!((sensitivity.curve(0.1).seconds(10_000.0) - 1.0).abs() < 1e-9);
        assert_eq!(sensitivity.own_slope(0.1), None);
        for step in 0..200 {
            let prompt = f64::from(step % 7) * 1_000.0;
            let seconds = 0.3 + 0.02 * prompt / 1e3;
            sensitivity.observe(Some(prompt), prompt, (seconds, 1.0), (0.3, 0.1), at(step));
        }
        let added = sensitivity.curve(0.1).seconds(10_000.0);
        assert!((added - 0.2).abs() < 0.05, "{added}");
    }
}
