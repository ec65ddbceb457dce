//! How many client requests run at once, and how many were turned away because too many did.
//!
//! There is no queue: a request that waits has its client wait as well, holds what it brought, and
//! is too late for many of them when its turn comes. Whoever is told at once can go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Those that are in, and a count of those that were not let in.
#[derive(Debug, Default)]
pub struct InFlightLimiter {
    inside: AtomicU32,
    turned_away: AtomicU64,
}

impl InFlightLimiter {
    /// Whether `most` are in already.
    pub fn is_full(&self, most: Option<u32>) -> bool {
        most.is_some_and(|most| self.in_flight() >= most)
    }

    /// Counts one that was turned away at the door.
    pub fn record_rejection(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets one in, unless `most` are in already.
    pub fn try_acquire(self: &Arc<Self>, most: Option<u32>) -> Option<InFlightPermit> {
        let room =
            |inside: u32| (most.is_none_or(|most| inside < most)).then(|| inside.saturating_add(1));
        let entered = self
            .inside
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room);
        entered.is_ok().then(|| InFlightPermit(Arc::clone(self)))
    }

    pub fn in_flight(&self) -> u32 {
        self.inside.load(Ordering::Relaxed)
    }

    /// Those that were turned away since the last call.
    pub fn take_rejections(&self) -> u64 {
        self.turned_away.swap(0, Ordering::Relaxed)
    }
}

/// One request's place, given back on drop.
#[derive(Debug)]
pub struct InFlightPermit(Arc<InFlightLimiter>);

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_place_stays_out_until_one_is_given_back() {
        let crowd = Arc::new(InFlightLimiter::default());
        assert!(!crowd.is_full(Some(1)));
        let first = crowd.try_acquire(Some(1));
        assert!(first.is_some() && crowd.is_full(Some(1)));
        assert!(crowd.try_acquire(Some(1)).is_none());
        assert!(!crowd.is_full(None));
        assert!(
            crowd.try_acquire(None).is_some(),
            "without a limit all come in"
        );

        drop(first);
        assert_eq!(crowd.in_flight(), 0);
        assert!(crowd.try_acquire(Some(1)).is_some());
    }

    #[test]
    fn who_was_turned_away_is_told_once() {
        let crowd = InFlightLimiter::default();
        crowd.record_rejection();
        assert_eq!(crowd.take_rejections(), 1);
        assert_eq!(crowd.take_rejections(), 0);
    }
}
