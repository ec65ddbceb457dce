//! One frame under way over a slow line: after a frame the terminal is asked to say that it has
//! come that far (`ESC [ 5 n`), and the next frame waits for the answer (`ESC [ 0 n`). Otherwise
//! kernels and daemons between here and there would collect old frames, and play them one after
//! the other when the line is back.

use std::time::Duration;

/// The question, at the end of a frame.
pub const DSR_QUERY: &[u8] = b"\x1b[5n";
/// A terminal that has never answered within this time is not asked again.
const FIRST_REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// One that has answered before is waited for longer: the line stands still.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A line that is longer than this carries new data only so often.
const SLOW_LINK_FROM: Duration = Duration::from_millis(300);
const SLOW_LINK_INTERVAL: Duration = Duration::from_secs(2);

/// Knows nothing of clocks: times are since the start of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FramePacer {
    asks: bool,
    has_answered: bool,
    asked_at: Option<Duration>,
    /// How long the last answer took.
    delay: Option<Duration>,
}

impl FramePacer {
    /// Asks only where a line is between here and the terminal.
    pub fn new(over_line: bool) -> Self {
        Self {
            asks: over_line,
            ..Self::default()
        }
    }

    /// Whether the next frame carries the question.
    pub fn asks(self) -> bool {
        self.asks
    }

    /// A frame has gone out.
    pub fn sent(&mut self, now: Duration) {
        if self.asks {
            self.asked_at = Some(now);
        }
    }

    /// The terminal has said that it is there.
    pub fn answered(&mut self, now: Duration) {
        if let Some(asked) = self.asked_at.take() {
            self.delay = Some(now.saturating_sub(asked));
            self.has_answered = true;
        }
    }

    /// Whether the terminal has not said yet that the last frame has come.
    pub fn is_waiting(self) -> bool {
        self.asked_at.is_some()
    }

    /// Until when the next frame must wait if no answer comes.
    pub fn waits_until(self) -> Option<Duration> {
        let patience = if self.has_answered {
            REPLY_TIMEOUT
        } else {
            FIRST_REPLY_TIMEOUT
        };
        self.asked_at.map(|asked| asked + patience)
    }

    /// Gives up on an answer that is overdue; true where frames may go out.
    pub fn is_open(&mut self, now: Duration) -> bool {
        if self.waits_until().is_some_and(|until| until <= now) {
            self.asked_at = None;
            self.asks &= self.has_answered;
        }
        self.asked_at.is_none()
    }

    /// How long new data waits after a frame: what was wished for, and longer over a long line.
    pub fn pause(self, wished: Duration) -> Duration {
        if self.delay.is_some_and(is_long) {
            wished.max(SLOW_LINK_INTERVAL)
        } else {
            wished
        }
    }

    /// How far away the terminal is, there and back.
    pub fn delay(self) -> Option<Duration> {
        self.delay
    }
}

/// Whether a terminal that far away is shown new data less often.
pub fn is_long(delay: Duration) -> bool {
    delay > SLOW_LINK_FROM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_frame_is_under_way_at_a_time() {
        let mut pacing = FramePacer::new(true);
        assert!(pacing.is_open(at(0)));
        pacing.sent(at(0));
        assert!(!pacing.is_open(at(30)) && pacing.is_waiting());
        pacing.answered(at(38));
        assert!(!pacing.is_waiting());
        assert!(pacing.is_open(at(38)));
        assert_eq!(pacing.delay(), Some(at(38)));

        pacing.sent(at(1_000));
        assert!(!pacing.is_open(at(13_000)), "a line that stands still");
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
    fn over_a_long_line_new_data_comes_every_two_seconds() {
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
    fn nothing_is_asked_where_no_line_is_between() {
        let mut pacing = FramePacer::new(false);
        pacing.sent(at(0));
        assert!(pacing.is_open(at(0)) && !pacing.asks());
    }
}
