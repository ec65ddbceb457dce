//! Schedule of the probes of a provider.

use super::units::UnixTime;
use std::time::Duration;

/// Probe interval while a provider is down, so that its recovery is detected early.
const DOWN_PROBE_INTERVAL: Duration = Duration::from_secs(3);

/// Returns true if a probe is due. Traffic that succeeded within the interval replaces a probe; a
/// provider that is down is probed more often.
pub fn probe_due(
    now: UnixTime,
    last_probe: Option<UnixTime>,
    last_success: Option<UnixTime>,
    down: bool,
    interval: Duration,
) -> bool {
    let wait = if down {
        interval.min(DOWN_PROBE_INTERVAL)
    } else {
        interval
    };
    let quiet = |at: Option<UnixTime>| at.is_none_or(|at| now.since(at) >= wait);
    quiet(last_probe) && (down || quiet(last_success))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn due(probe: Option<u64>, success: Option<u64>, down: bool) -> bool {
        let at = |seconds: Option<u64>| seconds.map(UnixTime::from_seconds);
        probe_due(
            UnixTime::from_seconds(100),
            at(probe),
            at(success),
            down,
            INTERVAL,
        )
    }

    #[test]
    fn a_quiet_provider_is_probed_and_a_busy_one_is_not() {
        assert!(due(None, None, false));
        assert!(due(Some(85), None, false));
        assert!(!due(Some(86), None, false));
        assert!(!due(Some(80), Some(95), false));
    }

    #[test]
    fn a_provider_that_is_down_is_probed_soon_again() {
        assert!(due(Some(97), None, true));
        assert!(!due(Some(98), None, true));
    }
}
