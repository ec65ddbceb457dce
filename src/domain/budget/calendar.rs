//! Calendar periods of budgets: days, ISO weeks and months of one time zone.

use crate::domain::units::UnixTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

const DAY_SECONDS: u64 = 86_400;
/// Days from 1970-01-01, a Thursday, back to the Monday before.
const DAYS_BEFORE_EPOCH: i64 = 3;

/// A calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// Day.
    Day,
    /// ISO 8601 week, from Monday on.
    Week,
    /// Month.
    Month,
}

impl Period {
    /// All periods, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Returns the name, as in `usd_per_day`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// The periods of one kind in one time zone, numbered without gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// The kind of period.
    pub period: Period,
    /// `None` is UTC, whose days need no rules.
    zone: Option<TimeZone>,
}

impl Calendar {
    /// Returns the periods of a time zone.
    pub fn new(period: Period, zone: &TimeZone) -> Self {
        let zone = Some(zone).filter(|zone| **zone != TimeZone::UTC).cloned();
        Self { period, zone }
    }

    /// Returns the number of the period of `now`; consecutive periods have consecutive numbers.
    pub fn number(&self, now: UnixTime) -> u64 {
        if self.period == Period::Day && self.zone.is_none() {
            return now.unix_seconds() / DAY_SECONDS;
        }
        let date = self.date(now);
        match self.period {
            Period::Day => whole(days(date)),
            Period::Week => whole((days(date) + DAYS_BEFORE_EPOCH) / 7),
            Period::Month => whole(i64::from(date.year()) * 12 + i64::from(date.month()) - 1),
        }
    }

    /// Returns the start of the period of `now`.
    pub fn start(&self, now: UnixTime) -> UnixTime {
        self.midnight(self.first_day(self.number(now)))
    }

    /// Returns the end of the period of `now`.
    pub fn end(&self, now: UnixTime) -> UnixTime {
        self.midnight(self.first_day(self.number(now) + 1))
    }

    /// Returns the name of a period by its number: `2026-11-24`, `2026-W48` or `2026-11`.
    pub fn label(&self, number: u64) -> String {
        let first = self.first_day(number);
        match self.period {
            Period::Day => first.to_string(),
            Period::Week => {
                let week = first.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Period::Month => format!("{:04}-{:02}", first.year(), first.month()),
        }
    }

    /// Returns the first day of a period by its number; the last day that exists for later ones.
    fn first_day(&self, number: u64) -> civil::Date {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let day = match self.period {
            Period::Day => number,
            Period::Week => number.saturating_mul(7).saturating_sub(DAYS_BEFORE_EPOCH),
            Period::Month => {
                let month = i8::try_from(number % 12 + 1);
                let year = i16::try_from(number / 12);
                let first = year.ok().zip(month.ok());
                let first = first.and_then(|(year, month)| civil::Date::new(year, month, 1).ok());
                return first.unwrap_or(civil::Date::MAX);
            }
        };
        let after = SignedDuration::from_hours(day.min(i64::from(i32::MAX)) * 24);
        civil::date(1970, 1, 1)
            .checked_add(after)
            .unwrap_or(civil::Date::MAX)
    }

    /// Returns the start of a day, which is not always midnight: some zones move their clocks then.
    fn midnight(&self, date: civil::Date) -> UnixTime {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let seconds = date
            .to_zoned(zone)
            .map_or(i64::MAX / 1_000_000, |start| start.timestamp().as_second());
        UnixTime::from_seconds(whole(seconds))
    }

    fn date(&self, now: UnixTime) -> civil::Date {
        let seconds = i64::try_from(now.unix_seconds()).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let in_zone = self.zone.as_ref().map(|zone| zone.to_datetime(time));
        in_zone
            .unwrap_or_else(|| TimeZone::UTC.to_datetime(time))
            .date()
    }
}

/// Days from 1970-01-01 to a date.
fn days(date: civil::Date) -> i64 {
    date.duration_since(civil::date(1970, 1, 1)).as_hours() / 24
}

fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn in_zone(period: Period, zone: &str) -> Calendar {
        Calendar::new(period, &TimeZone::get(zone).unwrap())
    }

    fn at(time: &str) -> UnixTime {
        let time: Timestamp = time.parse().unwrap();
        UnixTime::from_seconds(u64::try_from(time.as_second()).unwrap())
    }

    #[test]
    fn periods_end_at_midnight_of_their_zone() {
        // The day on which summer time ends has 25 hours, and some years have 53 weeks.
        let cases = "
            day UTC 2026-11-24T23:59:50Z 2026-11-24 2026-11-24T00:00:00Z 2026-11-25T00:00:00Z
            day America/Sao_Paulo 2026-11-25T02:59:59Z 2026-11-24 2026-11-24T03:00:00Z 2026-11-25T03:00:00Z
            day Europe/Lisbon 2026-10-25T12:00:00Z 2026-10-25 2026-10-24T23:00:00Z 2026-10-26T00:00:00Z
            week UTC 2026-12-01T12:00:00Z 2026-W49 2026-11-30T00:00:00Z 2026-12-07T00:00:00Z
            week UTC 2027-01-03T23:59:59Z 2026-W53 2026-12-28T00:00:00Z 2027-01-04T00:00:00Z
            week Asia/Tokyo 2026-11-29T15:00:00Z 2026-W49 2026-11-29T15:00:00Z 2026-12-06T15:00:00Z
            month UTC 2026-12-31T23:59:59Z 2026-12 2026-12-01T00:00:00Z 2027-01-01T00:00:00Z
            month UTC 2028-02-29T00:00:00Z 2028-02 2028-02-01T00:00:00Z 2028-03-01T00:00:00Z
            month Asia/Tokyo 2026-11-30T15:00:00Z 2026-12 2026-11-30T15:00:00Z 2026-12-31T15:00:00Z";
        for case in cases.lines().skip(1) {
            let words: Vec<&str> = case.split_whitespace().collect();
            let [period, zone, now, label, start, end] = words[..] else {
                panic!("{case}");
            };
            let mut periods = Period::ALL.into_iter();
            let period = periods.find(|known| known.as_str() == period).unwrap();
            let (calendar, now) = (in_zone(period, zone), at(now));
            let number = calendar.number(now);
            assert_eq!(calendar.label(number), label);
            assert_eq!(calendar.start(now), at(start), "{case}");
            assert_eq!(calendar.end(now), at(end), "{case}");
            assert_eq!(calendar.number(at(end)), number + 1, "{case}");
            let last = at(end).minus(Duration::from_secs(1));
            assert_eq!(calendar.number(last), number, "{case}");
        }
    }

    #[test]
    fn a_period_starts_where_the_last_one_ended() {
        for period in Period::ALL {
            for zone in ["UTC", "Europe/Lisbon", "Pacific/Auckland"] {
                let calendar = in_zone(period, zone);
                for seconds in [200_000, 951_782_400, 1_790_000_000] {
                    let now = UnixTime::from_seconds(seconds);
                    let start = calendar.start(now);
                    assert!(start <= now && now < calendar.end(now));
                    assert_eq!(calendar.number(start), calendar.number(now));
                    let before = start.minus(Duration::from_secs(1));
                    assert!(start == UnixTime::default() || calendar.end(before) == start);
                }
            }
        }
    }

    #[test]
    fn times_beyond_the_calendar_have_a_last_period() {
        for period in Period::ALL {
            let calendar = in_zone(period, "UTC");
            let now = UnixTime::from_seconds(u64::MAX / 1_000_000);
            assert!(calendar.end(now) >= calendar.start(now));
            assert!(!calendar.label(u64::MAX).is_empty());
        }
    }
}
