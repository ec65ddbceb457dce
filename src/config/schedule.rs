//! Weights at given hours.

use super::file;
use super::report::Report;
use super::setting_error::SettingError;
use super::time_zone::time_zone;
use crate::domain::{ScheduledWeights, WeeklyTime, Weights, WeightsSchedule};
use jiff::tz::TimeZone;

/// The schedules; every one that is wrong is an error.
pub(super) fn schedules(
    schedules: &[file::Schedule],
    report: &mut Report<'_>,
) -> Vec<WeightsSchedule> {
    let mut found: Vec<WeightsSchedule> = Vec::new();
    // What is missing or invalid was reported when the file was read.
    let named = schedules.iter().filter(|it| !it.name.is_empty());
    for (at, schedule) in named.clone().enumerate() {
        if named.clone().take(at).any(|it| it.name == schedule.name) {
            let problem = "is also the name of another schedule, but must be unique";
            report_at(schedule, "name", problem, report);
            continue;
        }
        let zone = schedule.zone.as_deref().map(time_zone);
        let zone = zone.unwrap_or(Some(TimeZone::UTC));
        let weights = weights(schedule, report);
        if let (Some(at), Some(zone), Some(weights)) =
            (WeeklyTime::parse(&schedule.at), zone, weights)
        {
            found.push(WeightsSchedule {
                name: schedule.name.as_str().into(),
                at,
                zone,
                weights,
            });
        }
    }
    found
}

/// Reports a problem at the line of the schedule's name.
fn report_at(schedule: &file::Schedule, setting: &str, problem: &str, report: &mut Report<'_>) {
    let key = |name: &str| format!("schedules[{}].{name}", schedule.name);
    let origin = super::resolved::origin_of(report.entries, &key("name"));
    let error = SettingError::new(origin, key(setting), problem);
    report.errors.push(error);
}

fn weights(schedule: &file::Schedule, report: &mut Report<'_>) -> Option<ScheduledWeights> {
    let key = format!("schedules[{}].weights", schedule.name);
    let stated = schedule.weights.as_ref();
    let all = stated.and_then(|it| Some((it.cost?, it.latency?, it.reliability?)));
    let Some((cost, latency, reliability)) = all else {
        if !report.has_error(&key) {
            let problem = "must have cost, latency and reliability, which sum to 100";
            report_at(schedule, "weights", problem, report);
        }
        return None;
    };
    let weights = ScheduledWeights {
        cost,
        latency,
        reliability,
        load: stated.and_then(|it| it.load),
        priority: stated.and_then(|it| it.priority),
    };
    if let Err(error) = weights.over(Weights::default()).validated() {
        report_at(schedule, "weights", &error.to_string(), report);
        return None;
    }
    Some(weights)
}
