//! The only place that asks the time.

use crate::domain::UnixTime;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The wall clock is followed when it is ahead by more than this, in microseconds: the machine slept, or
/// its clock was set right.
const MAX_BEHIND: u64 = 60_000_000;

/// Now: the wall clock as it was at the first call, moved on by a clock that never goes back and
/// that tests can pause. That clock stands still while the machine sleeps; then the wall clock is
/// followed, so that days begin and waits end when they should.
pub fn now() -> UnixTime {
    static START: OnceLock<(Instant, u64)> = OnceLock::new();
    static SKIPPED: AtomicU64 = AtomicU64::new(0);
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wall = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
    let (start, unix_micros) = START.get_or_init(|| (Instant::now(), wall));
    let passed = Instant::now().saturating_duration_since(*start);
    let passed = u64::try_from(passed.as_micros()).unwrap_or(0);
    UnixTime::from_micros(followed(unix_micros.saturating_add(passed), wall, &SKIPPED))
}

/// Microseconds of the machine's monotonic clock, as service managers compare it.
pub fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds
        .saturating_mul(1_000_000)
        .saturating_add(nanos / 1_000)
}

/// The running clock with all that it skipped so far; `skipped` grows when the wall clock is far ahead.
fn followed(running: u64, wall: u64, skipped: &AtomicU64) -> u64 {
    let ahead = wall.saturating_sub(running);
    let before = skipped.load(Relaxed);
    if ahead <= before.saturating_add(MAX_BEHIND) {
        return running.saturating_add(before);
    }
    let largest = skipped.fetch_max(ahead, Relaxed).max(ahead);
    running.saturating_add(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_wall_clock_over_a_sleep_and_never_goes_back() {
        const SECOND: u64 = 1_000_000;
        let (skipped, hour) = (AtomicU64::new(0), 3_600 * SECOND);
        let at = |running, wall| followed(running * SECOND, wall * SECOND, &skipped);

        assert_eq!(at(100, 130), 100 * SECOND, "small differences are left");
        assert_eq!(at(101, 3_701), 101 * SECOND + hour, "it slept for an hour");
        assert_eq!(at(102, 3_690), 102 * SECOND + hour);
        assert_eq!(at(103, 50), 103 * SECOND + hour, "set back");
        assert_eq!(at(104, 7_304), 104 * SECOND + 2 * hour, "it slept again");
        // Tests move the running clock ahead of the wall clock.
        assert_eq!(at(90_000, 7_305), 90_000 * SECOND + 2 * hour);
    }
}
