//! Points in time as people write them.

use super::units::UnixTime;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Reads a time such as `2027-01-31T18:00:00Z`, or the start of a date in UTC; from 1970 on.
pub fn parse_time(text: &str) -> Option<UnixTime> {
    let text = text.trim();
    // A date with a time and no offset is no point in time.
    let date = || {
        text.parse::<Date>()
            .ok()
            .filter(|_| !text.contains(['T', 't', ' ', ':']))
    };
    let day = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
    let time = text.parse::<Timestamp>().ok();
    let time = time.or_else(|| date().and_then(day))?;
    u64::try_from(time.as_microsecond())
        .ok()
        .map(UnixTime::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_has_an_offset() {
        for (text, seconds) in [
            ("2027-01-31", Some(1_801_353_600)),
            (" 2027-01-31T18:00:00+01:00 ", Some(1_801_414_800)),
            ("2027-01-31T18:00:00", None),
            ("1969-12-31", None),
            ("tomorrow", None),
        ] {
            assert_eq!(
                parse_time(text),
                seconds.map(UnixTime::from_seconds),
                "{text}"
            );
        }
    }
}
