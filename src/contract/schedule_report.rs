//! Schedules of weights, as the status shows them.

use super::time::rfc3339;
use crate::domain::{ScheduledTime, UnixTime, WeightsSchedule, scheduled_next, scheduled_now};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schedule whose hours these are, and the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleReport {
    /// The one that began last; the weights may have been changed by hand since.
    pub current: Option<ScheduledTimeReport>,
    /// The one that begins next.
    pub next: Option<ScheduledTimeReport>,
}

/// A schedule with one of its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledTimeReport {
    /// Name of the schedule.
    pub name: String,
    /// When it began or begins, RFC 3339 in UTC.
    pub at: String,
}

impl ScheduleReport {
    /// The schedules at a time; `None` where there are none.
    pub fn new(schedules: &[WeightsSchedule], now: UnixTime) -> Option<Self> {
        let shown = |scheduled: ScheduledTime<'_>| ScheduledTimeReport {
            name: scheduled.schedule.name.to_string(),
            at: rfc3339(scheduled.at),
        };
        (!schedules.is_empty()).then(|| Self {
            current: scheduled_now(schedules, now).map(shown),
            next: scheduled_next(schedules, now).map(shown),
        })
    }
}
