//! What a reader wants to know of an alert besides itself.

use super::alert::{Alert, AlertId};
use crate::domain::units::UnixTime;
use std::time::Duration;

/// An alert with what came of it, and what came before it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertDetails {
    /// The alert.
    pub alert: Alert,
    /// What happened while it lasted; `None` where the figures do not reach back so far.
    pub effect: Option<AlertEffect>,
    /// Earlier alerts of the same problem.
    pub history: AlertHistory,
}

/// Requests and attempts that ended while an alert lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertEffect {
    /// Client requests that count in the rates.
    pub requests: u64,
    /// Those that failed for the client.
    pub failed_requests: u64,
    /// Attempts at its provider that count in the rates; 0 where it concerns none.
    pub attempts: u64,
    /// Those that failed.
    pub failed_attempts: u64,
}

/// Earlier alerts of the same problem among those that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertHistory {
    /// Number of them.
    pub times: u64,
    /// Duration of the longest.
    pub longest: Option<Duration>,
    /// End of the latest.
    pub ended: Option<UnixTime>,
}

impl AlertHistory {
    /// Returns the history of the problem `id` before `since`, from alerts that ended.
    pub(super) fn of<'a>(
        id: AlertId,
        since: UnixTime,
        ended: impl Iterator<Item = &'a Alert>,
    ) -> Self {
        let mut history = Self::default();
        let earlier = ended.filter(|it| it.id == id && it.since < since);
        for (from, until) in earlier.filter_map(|it| Some((it.since, it.until?))) {
            history.times += 1;
            history.longest = history.longest.max(Some(until.since(from)));
            history.ended = history.ended.max(Some(until));
        }
        history
    }
}
