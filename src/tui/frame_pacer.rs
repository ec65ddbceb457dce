//! Limits a slow connection to one frame in flight. A query at the end of each frame (`ESC [ 5 n`)
//! makes the terminal reply (`ESC [ 0 n`), and the next frame waits for the reply. Otherwise
//! kernels and daemons on the path would buffer old frames and replay them after a stall.

use std::time::Duration;

/// The query at the end of a frame.
pub const DSR_QUERY: &[u8] = b"\x1b[5n";
/// A terminal that does not answer its first query within this time is not asked again.
const FIRST_REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// A terminal that has answered before gets more time: the connection has stalled.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// With a longer round trip, new data is drawn only every [`SLOW_LINK_INTERVAL`].
const SLOW_LINK_FROM: Duration = Duration::from_millis(300);
const SLOW_LINK_INTERVAL: Duration = Duration::from_secs(2);

/// The state of the queries. Reads no clock: times are since the start of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FramePacer {
    asks: bool,
    has_answered: bool,
    asked_at: Option<Duration>,
    /// Round trip of the last query.
    delay: Option<Duration>,
}

impl FramePacer {
    /// Sends queries only if a network connection leads to the terminal.
    pub fn new(over_line: bool) -> Self {
        Self {
            asks: over_line,
            ..Self::default()
        }
    }

    /// Returns whether the next frame carries a query.
    pub fn asks(self) -> bool {
        self.asks
    }

    /// A frame was sent.
    pub fn sent(&mut self, now: Duration) {
        if self.asks {
            self.asked_at = Some(now);
        }
    }

    /// The terminal has answered.
    pub fn answered(&mut self, now: Duration) {
        if let Some(asked) = self.asked_at.take() {
            self.delay = Some(now.saturating_sub(asked));
            self.has_answered = true;
        }
    }

    /// Returns whether the reply to the last frame is missing.
    pub fn is_waiting(self) -> bool {
        self.asked_at.is_some()
    }

    /// The time until which the next frame waits for a reply.
    pub fn waits_until(self) -> Option<Duration> {
        let timeout = if self.has_answered {
            REPLY_TIMEOUT
        } else {
            FIRST_REPLY_TIMEOUT
        };
        self.asked_at.map(|asked| asked + timeout)
    }

    /// Gives up on an overdue reply; returns whether a frame may be sent.
    pub fn is_open(&mut self, now: Duration) -> bool {
        if self.waits_until().is_some_and(|until| until <= now) {
            self.asked_at = None;
            self.asks &= self.has_answered;
        }
        self.asked_at.is_none()
    }

    /// Minimum time between frames with new data: `configured`, and longer on a slow connection.
    pub fn pause(self, configured: Duration) -> Duration {
        if self.delay.is_some_and(is_slow) {
            configured.max(SLOW_LINK_INTERVAL)
        } else {
            configured
        }
    }

    /// Round trip to the terminal.
    pub fn delay(self) -> Option<Duration> {
        self.delay
    }
}

/// Returns whether new data is drawn less often because of this round trip.
pub fn is_slow(delay: Duration) -> bool {
    delay > SLOW_LINK_FROM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_frame_is_in_flight_at_a_time() {
        let mut pacing = FramePacer::new(true);
        assert!(pacing.is_open(at(0)));
        pacing.sent(at(0));
        assert!(!pacing.is_open(at(30)) && pacing.is_waiting());
        pacing.answered(at(38));
        assert!(!pacing.is_waiting());
        assert!(pacing.is_open(at(38)));
        assert_eq!(pacing.delay(), Some(at(38)));

        pacing.sent(at(1_000));
        assert!(!pacing.is_open(at(13_000)), "a stalled connection");
        pacing.answered(at(13_100));
        assert!(pacing.is_open(at(13_100)));
    }

    #[test]
    fn a_terminal_that_never_answers_is_not_asked_again() {
        let mut pacing = FramePacer::new(true);
        pacing.sent(at(0));
        assert!(!pacing.is_open(at(1_999)));
        assert!(pacing.is_open(at(2_000)));
        assert!(!pacing.asks());
    }

    #[test]
    fn on_a_slow_connection_new_data_is_drawn_every_two_seconds() {
        let second = Duration::from_secs(1);
        for (delay, pause) in [(38, second), (300, second), (301, 2 * second)] {
            let mut pacing = FramePacer::new(true);
            assert_eq!(pacing.pause(second), second, "nothing measured");
            pacing.sent(at(0));
            pacing.answered(at(delay));
            assert_eq!(pacing.pause(second), pause, "{delay} ms");
            assert_eq!(pacing.pause(10 * second), 10 * second);
        }
    }

    #[test]
    fn a_local_terminal_gets_no_query() {
        let mut pacing = FramePacer::new(false);
        pacing.sent(at(0));
        assert!(pacing.is_open(at(0)) && !pacing.asks());
    }
}
