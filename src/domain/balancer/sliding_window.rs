//! The latest 1000 attempts at all targets, for the strategy `best`.
//! The window is bounded by count: at 12 requests per second it covers little more than a minute,
//! at one request in two seconds half an hour. An idle target leaves it.

use crate::domain::index::{PerTarget, TargetIdx};
use crate::domain::score::Estimate;
use std::collections::VecDeque;

const WINDOW_ATTEMPTS: usize = 1_000;
/// Estimate of a target that is not in the window.
const DEFAULT_ESTIMATE: Estimate = Estimate {
    first_token: 7.0,
    per_token: 0.0,
    failure: 0.02,
    limited: 0.0,
    curve: crate::domain::load_sensitivity::LoadCurve {
        slope: 0.0,
        usual: 0.0,
    },
    prompt: crate::domain::prompt_sensitivity::PromptCurve {
        per_token: 0.0,
        waiting: 0.0,
    },
    outliers: 0.0,
    samples: 0.0,
    measured: false,
};

impl PerTarget for WindowSums {}

#[derive(Debug, Clone, Copy, Default)]
struct WindowSums {
    attempts: f64,
    succeeded: f64,
    seconds: f64,
}

/// One attempt: its target, and its seconds if it succeeded.
#[derive(Debug, Clone, Copy)]
struct AttemptSample {
    target: TargetIdx,
    seconds: Option<f64>,
}

#[derive(Debug, Clone)]
pub(super) struct SlidingWindow {
    entries: VecDeque<AttemptSample>,
    sums: Vec<WindowSums>,
}

impl SlidingWindow {
    pub fn new(targets: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            sums: vec![WindowSums::default(); targets],
        }
    }

    /// Extends the window to `targets` targets; the number never shrinks.
    pub fn grow(&mut self, targets: usize) {
        self.sums.resize(targets, WindowSums::default());
    }

    /// Removes the attempts of a target.
    pub fn forget(&mut self, target: TargetIdx) {
        self.entries.retain(|entry| entry.target != target);
        self.sums[target] = WindowSums::default();
    }

    /// Adds an attempt and drops the oldest of a full window.
    pub fn add(&mut self, target: TargetIdx, seconds: Option<f64>) {
        if self.entries.len() >= WINDOW_ATTEMPTS
            && let Some(old) = self.entries.pop_front()
        {
            self.count(old, -1.0);
        }
        let entry = AttemptSample { target, seconds };
        self.entries.push_back(entry);
        self.count(entry, 1.0);
    }

    fn count(&mut self, entry: AttemptSample, sign: f64) {
        let sums = &mut self.sums[entry.target];
        sums.attempts += sign;
        if let Some(seconds) = entry.seconds {
            sums.succeeded += sign;
            sums.seconds += sign * seconds;
        }
    }

    /// Returns the mean seconds of whole responses of any length, and the failure rate.
    pub fn estimate(&self, target: TargetIdx) -> Estimate {
        let sums = self.sums[target];
        if sums.attempts < 0.5 {
            return DEFAULT_ESTIMATE;
        }
        let seconds = if sums.succeeded > 0.5 {
            sums.seconds / sums.succeeded
        } else {
            DEFAULT_ESTIMATE.first_token
        };
        Estimate {
            first_token: seconds,
            failure: 1.0 - sums.succeeded / sums.attempts,
            samples: sums.attempts,
            measured: true,
            ..DEFAULT_ESTIMATE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_target_leaves_the_window() {
        let mut window = SlidingWindow::new(2);
        window.add(0.into(), Some(3.0));
        window.add(0.into(), None);
        assert_eq!(window.estimate(0.into()).first_token, 3.0);
        assert_eq!(window.estimate(0.into()).failure, 0.5);
        for _ in 0..WINDOW_ATTEMPTS {
            window.add(1.into(), Some(1.0));
        }

        assert_eq!(window.estimate(0.into()), DEFAULT_ESTIMATE);
        assert_eq!(window.estimate(1.into()).failure, 0.0);
    }
}
