//! What runs come to.

use super::learnt_target::LearntTarget;
use super::load_curve::{Growth, quantile};
use crate::domain::index::TargetIdx;

/// Exponent from which a target works on a fixed number of requests at once.
const SLOT_EXPONENT: f64 = 0.5;
/// Margin of a share: this much, and this part of its distance to 0 or 1.
const SHARE_MARGIN: f64 = 0.005;
const SHARE_MARGIN_PART: f64 = 0.05;
/// Margin of other figures, as a part of them.
const MARGIN_PART: f64 = 0.05;
/// Share of its attempts beyond the seen load from which a target's figures are doubtful, and the least
/// share of all attempts.
const UNSEEN_SHARE: f64 = 0.1;
const UNSEEN_MIN_SHARE: f64 = 0.05;

/// A predicted figure with its range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Mean of the runs.
    pub value: f64,
    /// Lowest value to expect.
    pub low: f64,
    /// Highest value to expect.
    pub high: f64,
}

/// Predicted figures of one target, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ForecastFigures {
    /// Requests that it answers or fails in one run, in the mean.
    pub requests: f64,
    /// Share of all attempts, 0..1.
    pub share: Spread,
    /// Mean latency of successes, milliseconds.
    pub mean_latency_ms: Option<f64>,
    /// Median latency, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the latency, milliseconds.
    pub p95_ms: Option<Spread>,
    /// Share of successes, 0..1.
    pub success_rate: Option<f64>,
    /// Cost per hour, USD; `None` without a price.
    pub usd_per_hour: Option<Spread>,
    /// Cost of 1000 requests, USD; `None` without a price.
    pub usd_per_1k: Option<Spread>,
}

/// What a target can take.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Capacity {
    /// Attempts at once: its limit, or the number from which it slows down in proportion.
    pub slots: Option<f64>,
    /// Requests per second, by its slots and its rate limits.
    pub per_second: Option<f64>,
}

/// Prediction for one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetForecast {
    /// The target.
    pub target: TargetIdx,
    /// Under the settings in force.
    pub now: ForecastFigures,
    /// Under the draft.
    pub then: ForecastFigures,
    /// True if it is hardly measured.
    pub is_hardly_measured: bool,
    /// True if the draft takes it to a load that was never seen.
    pub is_beyond_seen: bool,
    /// What it can take.
    pub capacity: Capacity,
}

/// Counts of one target in one run, or of all.
#[derive(Debug, Clone, Default)]
pub struct RunTally {
    /// Attempts, and those at a load that was never seen.
    pub attempts: f64,
    pub unseen: f64,
    pub failed: f64,
    /// Responses with a known price, and their cost.
    pub priced: f64,
    pub usd: f64,
    /// Seconds of each success.
    pub latencies: Vec<f64>,
}

impl RunTally {
    /// Returns the figures of one run in which all targets got `all` attempts within `seconds`.
    pub fn figures(&mut self, all: f64, seconds: f64) -> ForecastFigures {
        self.latencies.sort_by(f64::total_cmp);
        let succeeded = self.latencies.len() as f64;
        let at = |share| quantile(&self.latencies, share).map(|seconds| seconds * 1e3);
        let exact = |value: f64| Spread {
            value,
            low: value,
            high: value,
        };
        let ended = succeeded + self.failed;
        let priced = self.priced > 0.0;
        ForecastFigures {
            requests: ended,
            share: exact(if all > 0.0 { self.attempts / all } else { 0.0 }),
            mean_latency_ms: (succeeded > 0.0)
                .then(|| self.latencies.iter().sum::<f64>() / succeeded * 1e3),
            p50_ms: at(0.5),
            p95_ms: at(0.95).map(exact),
            success_rate: (ended > 0.0).then(|| succeeded / ended),
            usd_per_hour: priced.then(|| exact(self.usd / seconds * 3_600.0)),
            usd_per_1k: priced.then(|| exact(self.usd / self.priced * 1e3)),
        }
    }

    /// Returns true if too much of it was at a load that was never seen.
    pub fn is_beyond_seen(&self, all: f64) -> bool {
        self.attempts > UNSEEN_MIN_SHARE * all && self.unseen > UNSEEN_SHARE * self.attempts
    }
}

/// Combines the figures of several runs.
pub fn combined(runs: &[ForecastFigures]) -> ForecastFigures {
    let mean = |of: fn(&ForecastFigures) -> Option<f64>| {
        let values: Vec<f64> = runs.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let spread = |of: fn(&ForecastFigures) -> Option<Spread>| {
        let values: Vec<f64> = runs.iter().filter_map(of).map(|it| it.value).collect();
        Spread::of(&values)
    };
    let widened = |spread: Spread| Spread {
        low: spread.low * (1.0 - MARGIN_PART),
        high: spread.high * (1.0 + MARGIN_PART),
        ..spread
    };
    let share = spread(|it| Some(it.share)).unwrap_or_default();
    let margin = SHARE_MARGIN + SHARE_MARGIN_PART * share.value.min(1.0 - share.value);
    // A target that no run used gets nothing: it is drained or cannot serve any request.
    let margin = if share.high > 0.0 { margin } else { 0.0 };
    ForecastFigures {
        requests: mean(|it| Some(it.requests)).unwrap_or_default(),
        share: Spread {
            value: share.value,
            low: (share.low - margin).max(0.0),
            high: (share.high + margin).min(1.0),
        },
        mean_latency_ms: mean(|it| it.mean_latency_ms),
        p50_ms: mean(|it| it.p50_ms),
        p95_ms: spread(|it| it.p95_ms).map(widened),
        success_rate: mean(|it| it.success_rate),
        usd_per_hour: spread(|it| it.usd_per_hour).map(widened),
        usd_per_1k: spread(|it| it.usd_per_1k).map(widened),
    }
}

impl Spread {
    /// Returns mean, minimum and maximum; `None` without values.
    fn of(values: &[f64]) -> Option<Self> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        Some(Self {
            value: values.iter().sum::<f64>() / values.len() as f64,
            low,
            high,
        })
    }
}

impl Capacity {
    /// Returns what a target can take of requests with these mean tokens in and out.
    pub fn of(learnt: &LearntTarget, (input, output): (f64, f64)) -> Self {
        let curve = &learnt.curve;
        let knee = match curve.growth {
            Growth::Knee { exponent, knee } if exponent >= SLOT_EXPONENT => Some(knee),
            _ => None,
        };
        let limit = learnt.max_concurrent.map(f64::from);
        let slots = [knee, limit].into_iter().flatten().reduce(f64::min);
        let (first, rest) = learnt.mean();
        let by_slots = slots.map(|slots| {
            let seconds = (first + rest * output) * curve.at(slots);
            slots / seconds.max(1e-6)
        });
        let refill = |of: usize| learnt.usable_refill(of);
        let by_requests = refill(0);
        let by_tokens = refill(1).map(|refill| refill / (input + output).max(1.0));
        let bounds = [by_slots, by_requests, by_tokens];
        Self {
            slots,
            per_second: bounds.into_iter().flatten().reduce(f64::min),
        }
    }
}
