//! Hold times: how the levels of a condition become the begin and the end of an alert.

use super::condition::Level;
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Progress of one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// No problem.
    #[default]
    Idle,
    /// A problem since then, not told yet.
    Pending(UnixTime),
    /// A problem since then, told.
    Firing(UnixTime),
    /// A told problem since the first time, gone since the second.
    Clearing(UnixTime, UnixTime),
}

/// What a step of a phase means for its alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    None,
    /// The alert begins; the problem is as old as that.
    Raise(UnixTime),
    /// The alert ends.
    Resolve,
}

impl Phase {
    /// Returns true if the alert is told.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Firing(_) | Self::Clearing(..))
    }

    /// Advances by one level. With `may_raise` unset a problem is watched, but not told.
    pub fn step(&mut self, level: Level, hold: Duration, may_raise: bool, now: UnixTime) -> Step {
        use Level::{Between, Cleared, Gone, Raised};
        let before = *self;
        *self = match (before, level) {
            (Self::Idle, Raised) => Self::Pending(now),
            (Self::Pending(_) | Self::Idle, Cleared) | (_, Gone) => Self::Idle,
            (Self::Firing(since), Cleared) => Self::Clearing(since, now),
            (Self::Clearing(since, _), Raised | Between) => Self::Firing(since),
            (same, _) => same,
        };
        match *self {
            // The condition must be true now, not only before.
            Self::Pending(since) if level == Raised && may_raise && now.since(since) >= hold => {
                *self = Self::Firing(since);
                Step::Raise(since)
            }
            Self::Clearing(_, gone) if now.since(gone) >= hold => {
                *self = Self::Idle;
                Step::Resolve
            }
            Self::Idle if before.is_told() => Step::Resolve,
            _ => Step::None,
        }
    }
}
