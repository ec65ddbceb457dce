//! Amounts and times of budgets as text.

use crate::domain::units::{Money, UnixTime};

/// Formats an amount, small ones with more digits: `$12.40`, `$0.0410`, `$0.0000135`.
pub fn format_usd(amount: Money) -> String {
    match amount.usd() {
        usd if usd >= 1.0 || usd == 0.0 => format!("${usd:.2}"),
        usd if usd >= 0.01 => format!("${usd:.4}"),
        usd => format!("${usd:.7}"),
    }
}

/// Formats a time as `2026-11-24 00:00 UTC`.
pub fn minute(at: UnixTime) -> String {
    let seconds = i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
