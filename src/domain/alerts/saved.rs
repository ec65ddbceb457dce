//! What a restart must not forget.

use super::alert::{Alert, AlertId, Mute};

/// State of the alerts, for storage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SavedAlerts {
    /// Active alerts, with whether each was told.
    pub active: Vec<(Alert, bool)>,
    /// Ended alerts, oldest first.
    pub ended: Vec<Alert>,
    /// Silences by alert.
    pub mutes: Vec<(AlertId, Mute)>,
    /// The highest fraction that was told of each budget, and the number of its period.
    pub told: Vec<ToldFraction>,
}

/// The highest fraction that was told of a budget in a period.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldFraction {
    /// Name of the budget.
    pub budget: String,
    /// Number of the period.
    pub period: u64,
    /// Fraction of the limit.
    pub fraction: f64,
}
