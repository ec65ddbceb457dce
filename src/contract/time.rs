use crate::domain::UnixTime;

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
