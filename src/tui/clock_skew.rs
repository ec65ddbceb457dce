//! How far the instance's clock and this machine's are apart. Every time on the screen is the
//! instance's, so whoever compares one with a clock of their own must know.

use jiff::Timestamp;
use std::collections::VecDeque;

/// That much in milliseconds is told.
const SHOWN_FROM_MS: i64 = 2_000;
/// A line that stalls delivers pictures late, which looks like a clock that is behind: of so many
/// pictures the promptest is believed, and nothing before there are some.
const SAMPLE_WINDOW: usize = 8;
const MIN_SAMPLES: usize = 3;

/// What the latest pictures say, in milliseconds: positive where the instance's clock is behind.
#[derive(Debug, Clone, Default)]
pub struct ClockSkew {
    latest: VecDeque<i64>,
}

impl ClockSkew {
    /// A picture of `there` (RFC 3339) came when it was `here`.
    pub fn observe(&mut self, there: &str, here: Timestamp) {
        let Ok(there) = there.parse::<Timestamp>() else {
            return;
        };
        if self.latest.len() == SAMPLE_WINDOW {
            self.latest.pop_front();
        }
        let lag = here.as_millisecond() - there.as_millisecond();
        self.latest.push_back(lag);
    }

    /// In words, where it is more than two seconds: `clock 3s behind`.
    pub fn flag(&self) -> Option<String> {
        if self.latest.len() < MIN_SAMPLES {
            return None;
        }
        let lag = *self.latest.iter().min()?;
        let word = if lag > 0 { "behind" } else { "ahead" };
        (lag.abs() > SHOWN_FROM_MS).then(|| format!("clock {}s {word}", (lag.abs() + 500) / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lags: &[i64]) -> Option<String> {
        let there: Timestamp = "2026-11-24T03:14:07.000Z".parse().unwrap();
        let mut lag = ClockSkew::default();
        for &milliseconds in lags {
            let here = Timestamp::from_millisecond(there.as_millisecond() + milliseconds).unwrap();
            lag.observe(&there.to_string(), here);
        }
        lag.flag()
    }

    #[test]
    fn clocks_that_are_more_than_two_seconds_apart_are_told() {
        let told = |lags: &[i64]| told(lags).unwrap_or_default();
        assert_eq!(told(&[3_200; 4]), "clock 3s behind");
        assert_eq!(told(&[-90_000; 4]), "clock 90s ahead");
        assert_eq!(told(&[2_000; 4]), "");
        assert_eq!(told(&[-2_000; 4]), "");
    }

    #[test]
    fn a_late_picture_is_no_skew_and_neither_is_a_single_one() {
        assert_eq!(told(&[9_000, 9_000, 120, 8_000]), None);
        assert_eq!(told(&[9_000, 9_000]), None);
        let stalled: Vec<i64> = std::iter::once(100).chain([9_000; 8]).collect();
        assert!(told(&stalled).is_some(), "the prompt one is long ago");
    }

    #[test]
    fn what_is_no_time_says_nothing() {
        let mut lag = ClockSkew::default();
        for _ in 0..4 {
            lag.observe("yesterday", Timestamp::UNIX_EPOCH);
        }
        assert_eq!(lag.flag(), None);
    }
}
