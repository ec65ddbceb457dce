//! Bounds the entries of one kind in the audit log, so that a flood does not fill it.

use crate::domain::UnixTime;
use std::time::Duration;

/// Lets a number of entries through in each interval, and counts the others.
#[derive(Debug)]
pub struct AuditSample {
    most: u32,
    interval: Duration,
    begun: UnixTime,
    passed: u32,
    left_out: u64,
}

impl AuditSample {
    /// At most `most` entries in each `interval`.
    pub const fn new(most: u32, interval: Duration) -> Self {
        Self {
            most,
            interval,
            begun: UnixTime::from_seconds(0),
            passed: 0,
            left_out: 0,
        }
    }

    /// Whether one more entry may be written, and if so the number of those left out before it.
    pub fn admit(&mut self, now: UnixTime) -> Option<u64> {
        if now.since(self.begun) >= self.interval {
            self.begun = now;
            self.passed = 0;
        }
        if self.passed >= self.most {
            self.left_out += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_few_entries_and_its_size() {
        let mut sample = AuditSample::new(2, Duration::from_secs(1));
        let at = |second| UnixTime::from_seconds(second);
        let admitted: Vec<Option<u64>> = (0..5).map(|_| sample.admit(at(100))).collect();
        assert_eq!(admitted, [Some(0), Some(0), None, None, None]);
        assert_eq!(sample.admit(at(101)), Some(3));
        assert_eq!(sample.admit(at(101)), Some(0));
    }
}
