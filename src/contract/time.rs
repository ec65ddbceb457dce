use crate::domain::UnixTime;
use std::time::Duration;

/// Reads a time such as `90s`, `15m`, `24h` or `7d`: digits and one of these units.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let (digits, seconds) = units
        .iter()
        .find_map(|&(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A time as RFC 3339 in UTC, to the millisecond; empty for a time that a date cannot express.
pub fn rfc3339(time: UnixTime) -> String {
    let micros = i64::try_from(time.micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// Parses an RFC 3339 time; times before 1970 become 1970.
pub(super) fn parse_rfc3339(text: &str) -> Result<UnixTime, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| format!("{text:?} is not an RFC 3339 time"))?;
    Ok(UnixTime::from_micros(
        u64::try_from(time.as_microsecond()).unwrap_or(0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_digits_and_a_unit() {
        let seconds = |text| parse_duration(text).map(|time| time.as_secs());

        assert_eq!(seconds("0s"), Some(0));
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("24h"), Some(86_400));
        assert_eq!(seconds("7d"), Some(604_800));
        for wrong in [
            "",
            "d",
            "7",
            "+1d",
            "-1m",
            "1.5h",
            "1w",
            "7é",
            "1 h",
            "99999999999999999999d",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
