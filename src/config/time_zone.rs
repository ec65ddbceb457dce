//! Names of time zones.

use jiff::tz::TimeZone;

/// The time zone of a name such as `Europe/Lisbon`, if this machine knows it.
pub(super) fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name.trim()).ok()
}
