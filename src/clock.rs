//! The only place that asks the time.

use crate::domain::UnixTime;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Now: the wall clock as it was at the first call, moved on by a clock that never goes back and
/// that tests can pause.
pub fn now() -> UnixTime {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    let (start, unix_micros) = START.get_or_init(|| {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        (
            Instant::now(),
            u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX),
        )
    });
    let passed = Instant::now().saturating_duration_since(*start);
    UnixTime::from_micros(
        unix_micros.saturating_add(u64::try_from(passed.as_micros()).unwrap_or(0)),
    )
}
