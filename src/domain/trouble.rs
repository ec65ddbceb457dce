//! Troubles: a stretch of time in which requests to one provider go wrong, told as one event.

use super::health_state::HealthState;
use super::units::UnixTime;
use std::time::Duration;

/// Time without a failure and in a healthy state after which single failures are a new trouble, and
/// a provider that gets worse again has a new one.
pub(in crate::domain) const QUIET: Duration = Duration::from_mins(1);

/// Begin, end and effect of a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TroubleSummary {
    /// Begin.
    pub since: UnixTime,
    /// End; `None` while it lasts.
    pub until: Option<UnixTime>,
    /// Most severe state in it; `None` if single requests failed in a provider that stayed healthy.
    pub worst: Option<HealthState>,
    /// Requests that failed there and succeeded at another target.
    pub saved: u64,
    /// Requests that failed there and for the client.
    pub lost: u64,
}

/// The current or latest trouble of a provider.
#[derive(Debug, Clone)]
pub(in crate::domain) struct Trouble {
    /// Number of its event, once it has one.
    pub event: Option<u64>,
    /// What is told of it.
    pub summary: TroubleSummary,
    /// State at present, if it needs attention.
    pub state: Option<HealthState>,
    /// True if it had several states.
    is_mixed: bool,
    /// Reason of the present or last state.
    cause: String,
    /// Time of the last request in it.
    pub last: UnixTime,
}

impl Trouble {
    pub fn new(now: UnixTime) -> Self {
        Self {
            event: None,
            summary: TroubleSummary {
                since: now,
                until: None,
                worst: None,
                saved: 0,
                lost: 0,
            },
            state: None,
            is_mixed: false,
            cause: String::new(),
            last: now,
        }
    }

    /// Returns true if what happens now belongs to it.
    pub fn goes_on(&self, now: UnixTime) -> bool {
        let ended = self.summary.until.unwrap_or(now);
        now.since(ended.max(self.last)) < QUIET || self.state.is_some()
    }

    /// Enters a state; returns true if it is worse than all before.
    pub fn enter(&mut self, state: HealthState, cause: String) -> bool {
        let worst = self.summary.worst;
        self.is_mixed |= worst.is_some_and(|worst| !worst.continues(state));
        self.state = Some(state);
        self.cause = cause;
        self.summary.until = None;
        let is_worse = worst.is_none_or(|worst| worst.severity() < state.severity());
        if is_worse {
            self.summary.worst = Some(state);
        }
        is_worse
    }

    pub fn text(&self) -> String {
        let TroubleSummary {
            since,
            until,
            worst,
            saved,
            lost,
        } = self.summary;
        let counts = format!("{saved} saved, {lost} lost");
        let Some(worst) = worst else {
            let requests = if saved == 1 { "request" } else { "requests" };
            return format!("{saved} {requests} saved by a fallback, {lost} lost");
        };
        let because = if self.cause.is_empty() {
            String::new()
        } else {
            format!(": {}", self.cause)
        };
        match (until, self.state) {
            (Some(until), _) => {
                let lasted = duration(until.since(since));
                let at_worst = if self.is_mixed { " at worst" } else { "" };
                format!("OK after {lasted}, {}{at_worst}; {counts}", worst.label())
            }
            (None, state) => {
                let state = state.unwrap_or(worst);
                format!("{}{because}; {counts}", state.label())
            }
        }
    }
}

/// A length of time in its largest unit: `58 s`, `12 min`, `3 h`.
fn duration(length: Duration) -> String {
    match length.as_secs() {
        seconds @ ..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
