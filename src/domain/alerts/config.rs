//! Configured thresholds.

use std::time::Duration;

/// Thresholds of the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertConfig {
    /// Share of failed attempts, 0..1, above which a provider raises an alert.
    pub error_rate: f64,
    /// Mean latency in milliseconds above which a provider raises an alert.
    pub latency_ms: f64,
    /// Shares of a budget that are told, ascending.
    pub fractions: Vec<f64>,
    /// Time for which a problem must last before it is told, and be gone before that is told.
    pub hold: Duration,
    /// Number of attempts below which rates and means say nothing.
    pub min_samples: u64,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            error_rate: 0.05,
            latency_ms: 10_000.0,
            fractions: vec![0.8, 1.0],
            hold: Duration::from_mins(1),
            min_samples: 20,
        }
    }
}
