//! Figures of the last minutes, the same whatever window is shown.

use super::BalancerState;
use super::effects::figures;
use crate::domain::change_effect::EffectFigures;
use crate::domain::index::{ProviderIdx, TargetIdx};
use crate::domain::snapshot::LatestRequests;
use crate::domain::timeline::{BucketCounts, BucketRange, Merge};
use crate::domain::units::UnixTime;

/// Buckets over which the share of the attempts is counted: one minute.
const SHARE_RANGE: BucketRange = BucketRange {
    width: 1,
    columns: 60,
};
/// Buckets over which the rate of spending is measured: five minutes.
const SPENDING_RANGE: BucketRange = BucketRange {
    width: 15,
    columns: 20,
};
const SECONDS_PER_HOUR: f64 = 3_600.0;
/// Windows in seconds over which callers are judged, and the requests from which the first one
/// suffices.
const LATEST_S: [u64; 2] = [60, 900];
const ENOUGH_REQUESTS: u64 = 10;

impl BalancerState {
    /// Returns the part of all attempts of the last minute that each target got, 0..1; all 0 if there
    /// was none.
    pub(super) fn recent_shares(&self, now: UnixTime) -> Vec<f64> {
        let attempts = TargetIdx::all(self.targets.len()).map(|at| {
            let mut count = 0.0;
            let history = &self.targets[at].history;
            history.visit(SHARE_RANGE, now, |_, bucket| count += bucket.all() as f64);
            count
        });
        let mut shares: Vec<f64> = attempts.collect();
        let all: f64 = shares.iter().sum();
        if all > 0.0 {
            for share in &mut shares {
                *share /= all;
            }
        }
        shares
    }

    /// Returns the success of the latest client requests.
    pub(super) fn latest_requests(&self, now: UnixTime) -> LatestRequests {
        let mut latest = LatestRequests::default();
        for seconds in LATEST_S {
            latest = LatestRequests {
                seconds,
                ..LatestRequests::default()
            };
            let range = BucketRange::window(seconds);
            self.requests.visit(range, now, |_, counts| {
                latest.rated += counts.rate_base();
                latest.failed += counts.failed;
            });
            if latest.rated >= ENOUGH_REQUESTS {
                break;
            }
        }
        latest
    }

    /// Returns the figures of the client requests of the last minute; the money is that of all attempts.
    pub(super) fn latest_figures(&self, now: UnixTime) -> EffectFigures {
        let mut requests = BucketCounts::default();
        self.requests
            .visit(SHARE_RANGE, now, |_, counts| requests.merge(counts));
        let mut attempts = BucketCounts::default();
        for target in TargetIdx::all(self.targets.len()) {
            let history = &self.targets[target].history;
            history.visit(SHARE_RANGE, now, |_, bucket| {
                attempts.cost += bucket.cost;
                attempts.cost_basis.merge(bucket.cost_basis);
            });
        }
        EffectFigures {
            cost: attempts.known_cost(),
            ..figures(&requests, requests.all())
        }
    }

    /// Returns the rate at which a provider costs, in USD per hour; `None` if its attempts have no
    /// known cost.
    pub(super) fn spending_rate(&self, provider: ProviderIdx, now: UnixTime) -> Option<f64> {
        let mut sum = BucketCounts::default();
        let specs = TargetIdx::enumerate(&self.catalogue.targets);
        for (at, _) in specs.filter(|(_, spec)| spec.provider == provider) {
            self.targets[at]
                .history
                .visit(SPENDING_RANGE, now, |_, bucket| {
                    sum.cost += bucket.cost;
                    sum.cost_basis.merge(bucket.cost_basis);
                });
        }
        let start = SPENDING_RANGE.start(now).max(self.started);
        let seconds = now.seconds_since(start).max(1.0);
        let cost = sum.known_cost()?;
        Some(cost.usd() * SECONDS_PER_HOUR / seconds)
    }
}
