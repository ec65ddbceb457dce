//! What a forecast starts from.

use crate::domain::balancer::BalancerState;
use crate::domain::index::TargetIdx;
use crate::domain::traffic_recording::{RecordedAttempt, RecordedRequest};
use crate::domain::units::UnixTime;

/// Copy of the state and of the recorded traffic at one time. It shares nothing that changes, so that
/// a forecast may run on another thread.
#[derive(Debug)]
pub struct TrafficData {
    /// Time of the copy.
    pub(super) at: UnixTime,
    pub(super) state: BalancerState,
    /// Requests of the last 15 minutes, oldest first.
    pub(super) requests: Vec<RecordedRequest>,
    /// Attempts of the last 15 minutes by target index.
    pub(super) attempts: Vec<Vec<RecordedAttempt>>,
    /// True if older requests had to be removed.
    pub(super) is_full: bool,
}

impl TrafficData {
    /// Copies the state and its record.
    pub fn of(state: &BalancerState, now: UnixTime) -> Self {
        let recording = state.recording();
        let targets = TargetIdx::all(state.catalogue().targets.len());
        Self {
            at: now,
            state: state.fork(now),
            requests: recording.requests(now),
            attempts: targets
                .map(|target| recording.attempts(target, now))
                .collect(),
            is_full: recording.is_full(),
        }
    }

    /// Returns the state.
    pub fn state(&self) -> &BalancerState {
        &self.state
    }

    /// Returns the seconds since the oldest request.
    pub(super) fn history_s(&self) -> f64 {
        let first = self.requests.first();
        first.map_or(0.0, |first| self.at.seconds_since(first.at))
    }
}
