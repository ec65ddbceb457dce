//! What the decisions screen holds beside its rows.

use crate::contract::TroubledReport;
use std::time::Duration;

/// While an explanation is on its way, the one before it stays this long: mostly the next one arrives
/// at once, and drawing an empty screen between them takes a slow line twice the time.
const STAYS: Duration = Duration::from_millis(800);

/// The state of the decisions screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecisionView {
    /// The cursor was moved: the rows stay, and what arrives is only counted.
    pub is_held: bool,
    /// Requests that are newer than the first row.
    pub newer: usize,
    /// Time of the latest request for rows.
    pub asked_at: Option<Duration>,
    /// What memory keeps of requests in trouble.
    pub troubled: TroubledReport,
    /// The page of the explanation, counted on beyond the last, after which comes the first.
    pub page: isize,
    /// The request that the operator wants to open by its id.
    pub opening: Option<String>,
    /// Time of the latest request for an explanation.
    pub explaining_at: Duration,
}

impl DecisionView {
    /// Returns whether the explanation that is shown stays until the next one arrives.
    pub fn keeps_explanation(&self, now: Duration) -> bool {
        now.saturating_sub(self.explaining_at) < STAYS
    }
}
