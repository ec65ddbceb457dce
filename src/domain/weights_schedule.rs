//! Weights at given hours: which of several schedules is in force, and which comes next.

use super::event::Revision;
use super::units::UnixTime;
use super::weights::Weights;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use std::sync::Arc;

/// Beginning of the author of a revision that a schedule makes.
const AUTHOR: &str = "schedule ";
/// Days within which every schedule has a time.
const DAYS: i32 = 8;

/// Time of day on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeeklyTime {
    /// From Monday.
    days: [bool; 7],
    time: Time,
}

/// Weights that apply from a time of day on.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightsSchedule {
    /// Unique name.
    pub name: Arc<str>,
    /// When they begin.
    pub at: WeeklyTime,
    /// Time zone of that time.
    pub zone: TimeZone,
    /// The weights.
    pub weights: ScheduledWeights,
}

/// Weights of a schedule in points; `None` keeps the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduledWeights {
    /// Points of cost.
    pub cost: f64,
    /// Points of latency.
    pub latency: f64,
    /// Points of reliability.
    pub reliability: f64,
    /// Points of load.
    pub load: Option<f64>,
    /// Points of priority.
    pub priority: Option<f64>,
}

impl ScheduledWeights {
    /// Returns these weights in the place of others.
    pub fn over(&self, others: Weights) -> Weights {
        Weights {
            cost: self.cost,
            latency: self.latency,
            reliability: self.reliability,
            load: self.load.unwrap_or(others.load),
            priority: self.priority.unwrap_or(others.priority),
        }
    }
}

/// A schedule with one of its times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduledTime<'s> {
    /// The schedule.
    pub schedule: &'s WeightsSchedule,
    /// The time.
    pub at: UnixTime,
}

impl WeeklyTime {
    /// Parses `Mon-Fri 08:00`, `Sat,Sun 09:30` or `08:00`, which is every day.
    pub fn parse(text: &str) -> Option<Self> {
        let (days, time) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((days, time)) => (parse_days(days)?, time),
            None => ([true; 7], text.trim()),
        };
        let (hours, minutes) = time.split_once(':')?;
        let number = |text: &str| {
            let is_number = matches!(text.len(), 1..=2) && text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse::<i8>().ok()).flatten()
        };
        let minutes = number(minutes).filter(|_| minutes.len() == 2)?;
        let time = Time::new(number(hours)?, minutes, 0, 0).ok()?;
        Some(Self { days, time })
    }
}

/// Parses days and ranges of days, separated by commas. A range may go over the end of the week.
fn parse_days(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        NAMES.iter().position(|known| *known == name)
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        let length = (last + NAMES.len() - first) % NAMES.len();
        for (at, is_meant) in days.iter_mut().enumerate() {
            *is_meant |= (at + NAMES.len() - first) % NAMES.len() <= length;
        }
    }
    Some(days)
}

impl WeightsSchedule {
    /// Returns the author of the revisions that it makes.
    pub fn author(&self) -> String {
        format!("{AUTHOR}{}", self.name)
    }

    /// Iterates over its times near `now`, oldest first. A time that a change of the clock skips is
    /// as much later as the clock jumps; of one that comes twice, the first counts.
    fn times(&self, now: UnixTime) -> impl Iterator<Item = UnixTime> {
        let now = i64::try_from(now.micros()).ok();
        let now = now.and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let today = now.map(|now| Zoned::new(now, self.zone.clone()).date());
        let days = today.into_iter().flat_map(|today| {
            (-DAYS..=DAYS).filter_map(move |offset| today.checked_add(offset.days()).ok())
        });
        days.filter(|date| self.falls_on(date.weekday()))
            .filter_map(|date| {
                let at = date.to_datetime(self.at.time);
                let at = self.zone.to_ambiguous_zoned(at).compatible().ok()?;
                let micros = at.timestamp().as_microsecond();
                Some(UnixTime::from_micros(u64::try_from(micros).ok()?))
            })
    }

    fn falls_on(&self, day: Weekday) -> bool {
        let place = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.at.days.get(place).copied().unwrap_or_default()
    }
}

/// Returns the schedule that is in force at `now`, with the time at which it began: the one whose
/// latest time is the latest of all; of equal ones the last in the configuration.
pub fn scheduled_now(schedules: &[WeightsSchedule], now: UnixTime) -> Option<ScheduledTime<'_>> {
    let latest = schedules.iter().filter_map(|schedule| {
        let at = schedule.times(now).filter(|at| *at <= now).max()?;
        Some(ScheduledTime { schedule, at })
    });
    latest.max_by_key(|scheduled| scheduled.at)
}

/// Returns the schedule that begins next after `now`, with its time.
pub fn scheduled_next(schedules: &[WeightsSchedule], now: UnixTime) -> Option<ScheduledTime<'_>> {
    let next = schedules.iter().filter_map(|schedule| {
        let at = schedule.times(now).filter(|at| *at > now).min()?;
        Some(ScheduledTime { schedule, at })
    });
    // Of equal ones the last wins, as above.
    next.rev().min_by_key(|scheduled| scheduled.at)
}

/// Returns the schedule to apply at `now`, if any: the one in force, unless its weights are in effect
/// or an operator changed the weights since it began. `revisions` may be in any order.
pub fn scheduled_change<'s>(
    schedules: &'s [WeightsSchedule],
    weights: Weights,
    revisions: &[Revision],
    now: UnixTime,
) -> Option<ScheduledTime<'s>> {
    let due = scheduled_now(schedules, now)?;
    let changed = |revision: &&Revision| {
        revision.at >= due.at
            && revision.before != revision.after
            && !revision.who.starts_with(AUTHOR)
    };
    let is_overridden = revisions.iter().any(|revision| changed(&revision));
    (due.schedule.weights.over(weights) != weights && !is_overridden).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixTime {
        let time: Timestamp = text.parse().unwrap();
        UnixTime::from_micros(u64::try_from(time.as_microsecond()).unwrap())
    }

    /// A schedule in the time of Lisbon: UTC in winter, an hour ahead of it in summer.
    fn schedule(name: &str, at: &str, cost: f64) -> WeightsSchedule {
        WeightsSchedule {
            name: name.into(),
            at: WeeklyTime::parse(at).unwrap(),
            zone: TimeZone::posix("WET0WEST,M3.5.0/1,M10.5.0").unwrap(),
            weights: ScheduledWeights {
                cost,
                latency: 70.0 - cost,
                reliability: 30.0,
                load: None,
                priority: Some(5.0),
            },
        }
    }

    fn shown(scheduled: Option<ScheduledTime<'_>>) -> (String, UnixTime) {
        let scheduled = scheduled.unwrap();
        (scheduled.schedule.name.to_string(), scheduled.at)
    }

    #[test]
    fn times_are_parsed_and_what_is_none_is_refused() {
        let days = |text| WeeklyTime::parse(text).unwrap().days.map(u8::from);
        assert_eq!(days("08:00"), [1; 7]);
        assert_eq!(days("Mon-Fri 8:00"), [1, 1, 1, 1, 1, 0, 0]);
        assert_eq!(days("sat, sun 08:00"), [0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(days("Sat-Mon,Wed 23:59"), [1, 0, 1, 0, 0, 1, 1]);
        for wrong in [
            "",
            "8",
            "24:00",
            "08:60",
            "08:0",
            "-1:00",
            "+8:00",
            "Mon",
            "Mon- 08:00",
            "Day 08:00",
            "08:00 Mon",
            "08:00:00",
        ] {
            assert_eq!(WeeklyTime::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_latest_schedule_is_in_force_and_the_soonest_is_next() {
        let all = [
            schedule("day", "Mon-Fri 08:00", 10.0),
            schedule("night", "Mon-Fri 20:00", 60.0),
        ];
        let day = || "day".to_owned();
        // 2026-11-30 is a Monday.
        let noon = at("2026-11-30T12:00:00Z");
        assert_eq!(
            shown(scheduled_now(&all, noon)),
            (day(), at("2026-11-30T08:00:00Z"))
        );
        let (name, next) = shown(scheduled_next(&all, noon));
        assert_eq!((&*name, next), ("night", at("2026-11-30T20:00:00Z")));
        let early = at("2026-11-30T07:59:59Z");
        let (name, since) = shown(scheduled_now(&all, early));
        assert_eq!(
            (&*name, since),
            ("night", at("2026-11-27T20:00:00Z")),
            "over the weekend"
        );
        assert_eq!(
            shown(scheduled_next(&all, early)),
            (day(), at("2026-11-30T08:00:00Z"))
        );
        let exact = at("2026-11-30T08:00:00Z");
        assert_eq!(shown(scheduled_now(&all, exact)), (day(), exact));
        assert_eq!(scheduled_now(&[], noon), None);

        let equal = [schedule("a", "08:00", 1.0), schedule("b", "08:00", 2.0)];
        assert_eq!(shown(scheduled_now(&equal, noon)).0, "b");
        assert_eq!(shown(scheduled_next(&equal, noon)).0, "b");
    }

    #[test]
    fn a_skipped_time_comes_later_and_a_repeated_one_once() {
        // On 2026-03-29 the clock goes from 01:00 to 02:00, on 2026-10-25 from 02:00 back to 01:00.
        let all = [schedule("s", "01:30", 10.0)];
        let next = |from: &str| scheduled_next(&all, at(from)).unwrap().at;
        assert_eq!(
            next("2026-03-28T12:00:00Z"),
            at("2026-03-29T01:30:00Z"),
            "02:30 there"
        );
        assert_eq!(next("2026-03-29T01:30:00Z"), at("2026-03-30T00:30:00Z"));
        assert_eq!(
            next("2026-10-24T12:00:00Z"),
            at("2026-10-25T00:30:00Z"),
            "the first 01:30"
        );
        assert_eq!(
            next("2026-10-25T00:30:00Z"),
            at("2026-10-26T01:30:00Z"),
            "not twice"
        );
        let summer = [schedule("s", "08:00", 10.0)];
        let next = |from: &str| scheduled_next(&summer, at(from)).unwrap().at;
        assert_eq!(next("2026-03-28T12:00:00Z"), at("2026-03-29T07:00:00Z"));
    }

    #[test]
    fn a_schedule_is_applied_once_and_a_manual_change_holds_until_the_next_time() {
        let all = [
            schedule("day", "08:00", 10.0),
            schedule("night", "20:00", 60.0),
        ];
        let (usual, noon) = (Weights::default(), at("2026-11-30T12:00:00Z"));
        let due = |weights, revisions: &[Revision], now| {
            scheduled_change(&all, weights, revisions, now).map(|due| due.schedule.name.to_string())
        };
        let scheduled = all[0].weights.over(usual);
        assert_eq!((scheduled.load, scheduled.priority), (usual.load, 5.0));
        assert_eq!(
            due(usual, &[], noon).as_deref(),
            Some("day"),
            "at the start"
        );
        assert_eq!(due(scheduled, &[], noon), None, "in effect already");

        let revision = |time: &str, who: &str, before, after| Revision {
            number: 2,
            at: at(time),
            who: who.to_owned(),
            reason: None,
            what: String::new(),
            before,
            after,
            effect: None,
        };
        let applied = revision("2026-11-30T08:00:01Z", "schedule day", usual, scheduled);
        let manual = Weights {
            cost: 50.0,
            latency: 20.0,
            ..usual
        };
        let by_hand = revision("2026-11-30T10:00:00Z", "ops", scheduled, manual);
        let changes = [applied.clone(), by_hand];
        assert_eq!(due(manual, &changes, noon), None, "the manual change holds");
        assert_eq!(due(usual, &changes, noon), None, "also after a restart");
        let evening = at("2026-11-30T20:00:00Z");
        assert_eq!(due(manual, &changes, evening).as_deref(), Some("night"));
        assert_eq!(
            due(usual, &[applied], noon).as_deref(),
            Some("day"),
            "a restart lost it"
        );
        let drained = revision("2026-11-30T10:00:00Z", "ops", usual, usual);
        assert_eq!(
            due(usual, &[drained], noon).as_deref(),
            Some("day"),
            "no change of weights"
        );
    }
}
