//! Looks for brownouts: gathers the latencies of all targets. `slowness` judges them.

use super::BalancerState;
use super::slowness::{self, Latencies};
use crate::domain::histogram::Histogram;
use crate::domain::index::TargetIdx;
use crate::domain::timeline::BucketRange;
use crate::domain::units::UnixTime;
use std::time::Duration;

/// Interval of the checks: histograms are expensive to add.
const INTERVAL: Duration = Duration::from_secs(5);
/// Buckets of the last minute, and of the quarter of an hour.
const RECENT: BucketRange = BucketRange {
    width: 1,
    columns: 60,
};
const USUAL: BucketRange = BucketRange {
    width: 15,
    columns: 60,
};
/// Age in seconds from which a bucket is not of the last minute.
const RECENT_S: u64 = 75;
impl BalancerState {
    /// Looks for brownouts, every five seconds.
    pub(super) fn check_brownouts(&mut self, now: UnixTime) {
        if now.since(self.brownouts_at) < INTERVAL {
            return;
        }
        self.brownouts_at = now;
        let all: Vec<Latencies> = TargetIdx::all(self.targets.len())
            .map(|at| self.latencies(at, now))
            .collect();
        for at in TargetIdx::all(self.targets.len()) {
            let brownout = slowness::next(self.targets[at].brownout, &all[at], &all, now);
            self.targets[at].brownout = brownout;
        }
    }

    fn latencies(&self, at: TargetIdx, now: UnixTime) -> Latencies {
        let history = &self.targets[at].history;
        let mut recent = Histogram::default();
        history.visit(RECENT, now, |_, counts| recent.merge(&counts.latency));
        let mut usual = Histogram::default();
        let until = now.unix_seconds().saturating_sub(RECENT_S);
        if recent.total() > 0 {
            history.visit(USUAL, now, |start, counts| {
                if start <= until {
                    usual.merge(&counts.latency);
                }
            });
        }
        let spec = &self.catalogue.targets[at];
        Latencies::new((spec.types, spec.provider.get()), recent, &usual)
    }
}
