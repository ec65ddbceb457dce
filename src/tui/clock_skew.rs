//! The skew between the clock of the instance and the local one. Every time on the screen is of the
//! instance, so the header shows a skew.

use jiff::Timestamp;
use std::collections::VecDeque;

/// A larger skew is shown, in milliseconds.
const SHOWN_FROM_MS: i64 = 2_000;
/// A stalled connection delivers a status late, which looks like a clock that is behind. So the
/// skew is the smallest of this many samples, and unknown with too few.
const SAMPLE_WINDOW: usize = 8;
const MIN_SAMPLES: usize = 3;

/// The latest samples in milliseconds, positive if the clock of the instance is behind.
#[derive(Debug, Clone, Default)]
pub struct ClockSkew {
    samples: VecDeque<i64>,
}

impl ClockSkew {
    /// Records a status: its time `remote` (RFC 3339), and the local time of its arrival.
    pub fn observe(&mut self, remote: &str, local: Timestamp) {
        let Ok(remote) = remote.parse::<Timestamp>() else {
            return;
        };
        if self.samples.len() == SAMPLE_WINDOW {
            self.samples.pop_front();
        }
        let skew = local.as_millisecond() - remote.as_millisecond();
        self.samples.push_back(skew);
    }

    /// The skew in words if it is above two seconds: `clock 3s behind`.
    pub fn flag(&self) -> Option<String> {
        if self.samples.len() < MIN_SAMPLES {
            return None;
        }
        let skew = *self.samples.iter().min()?;
        let word = if skew > 0 { "behind" } else { "ahead" };
        (skew.abs() > SHOWN_FROM_MS)
            .then(|| format!("clock {}s {word}", (skew.abs() + 500) / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(skews: &[i64]) -> Option<String> {
        let remote: Timestamp = "2026-11-24T03:14:07.000Z".parse().unwrap();
        let mut skew = ClockSkew::default();
        for &milliseconds in skews {
            let local =
                Timestamp::from_millisecond(remote.as_millisecond() + milliseconds).unwrap();
            skew.observe(&remote.to_string(), local);
        }
        skew.flag()
    }

    #[test]
    fn a_skew_above_two_seconds_is_shown() {
        let shown = |skews: &[i64]| shown(skews).unwrap_or_default();
        assert_eq!(shown(&[3_200; 4]), "clock 3s behind");
        assert_eq!(shown(&[-90_000; 4]), "clock 90s ahead");
        assert_eq!(shown(&[2_000; 4]), "");
        assert_eq!(shown(&[-2_000; 4]), "");
    }

    #[test]
    fn one_late_status_is_no_skew_and_two_samples_are_too_few() {
        assert_eq!(shown(&[9_000, 9_000, 120, 8_000]), None);
        assert_eq!(shown(&[9_000, 9_000]), None);
        let stalled: Vec<i64> = std::iter::once(100).chain([9_000; 8]).collect();
        assert!(
            shown(&stalled).is_some(),
            "the prompt sample is out of the window"
        );
    }

    #[test]
    fn an_invalid_time_is_ignored() {
        let mut skew = ClockSkew::default();
        for _ in 0..4 {
            skew.observe("yesterday", Timestamp::UNIX_EPOCH);
        }
        assert_eq!(skew.flag(), None);
    }
}
