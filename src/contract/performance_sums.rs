//! Sums of attempts or requests → figures of a performance report.

use super::performance::{
    ModelPerformance, Percentiles, PerformanceStep, ProviderPerformance, Totals,
};
use super::time::rfc3339;
use crate::domain::{BucketCounts, Histogram, Money, UnixTime};

impl Totals {
    /// Totals of attempts, where client requests cannot be told apart.
    pub fn of_attempts(sum: &BucketCounts) -> Self {
        let success_rate = sum.success_rate();
        Self {
            requests: sum.all(),
            attempts: sum.all(),
            retries: sum.retries,
            success_rate,
            error_rate: success_rate.map(|rate| 1.0 - rate),
            average_latency_ms: sum.mean_latency_ms(),
            latency_ms: percentiles(&sum.latency),
            time_to_first_token_ms: percentiles(&sum.first_token),
            total_cost_usd: sum.known_cost().map(Money::usd),
            cost_basis: sum.cost_basis.into(),
            total_tokens: sum.tokens,
            refused: sum.rejected.into(),
        }
    }
}

impl ProviderPerformance {
    /// Replaces the figures of the window; what holds now stays.
    pub fn set_figures(&mut self, sum: &BucketCounts) {
        self.requests = sum.all();
        self.success_rate = sum.success_rate();
        self.error_rate = self.success_rate.map(|rate| 1.0 - rate);
        self.average_latency_ms = sum.mean_latency_ms();
        self.latency_ms = percentiles(&sum.latency);
        self.time_to_first_token_ms = percentiles(&sum.first_token);
        self.total_cost_usd = sum.known_cost().map(Money::usd);
        self.cost_basis = sum.cost_basis.into();
        self.average_tokens = (sum.metered > 0).then(|| sum.tokens as f64 / sum.metered as f64);
        self.lost_in_translation = sum.dropped_fields;
    }
}

impl ModelPerformance {
    /// Replaces the figures of the window; what holds now stays.
    pub fn set_figures(&mut self, sum: &BucketCounts) {
        self.requests = sum.all();
        self.success_rate = sum.success_rate();
        self.average_latency_ms = sum.mean_latency_ms();
        self.latency_ms = percentiles(&sum.latency);
        self.total_cost_usd = sum.known_cost().map(Money::usd);
        let cost = self.total_cost_usd.filter(|_| sum.tokens > 0);
        self.cost_per_token = cost.map(|usd| usd / sum.tokens as f64);
    }
}

impl PerformanceStep {
    /// Figures of a step that begins at `at`.
    pub fn new(at: UnixTime, sum: &BucketCounts) -> Self {
        Self {
            at: rfc3339(at),
            requests: sum.all(),
            failed: sum.failed,
            latency_ms: percentiles(&sum.latency),
            time_to_first_token_ms: percentiles(&sum.first_token),
            total_cost_usd: sum.known_cost().map(Money::usd),
            total_tokens: sum.tokens,
        }
    }
}

fn percentiles(histogram: &Histogram) -> Percentiles {
    Percentiles {
        p50: histogram.quantile(0.5),
        p95: histogram.quantile(0.95),
        p99: histogram.quantile(0.99),
    }
}
