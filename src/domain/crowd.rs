//! How many client requests run at once, and how many were turned away because too many did.
//!
//! There is no queue: a request that waits has its client wait as well, holds what it brought, and
//! is too late for many of them when its turn comes. Whoever is told at once can go elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Those that are in, and a count of those that were not let in.
#[derive(Debug, Default)]
pub struct Crowd {
    inside: AtomicU32,
    turned_away: AtomicU64,
}

impl Crowd {
    /// Lets one in, unless `most` are in already; then it is counted as turned away.
    pub fn enter(self: &Arc<Self>, most: Option<u32>) -> Option<Place> {
        let room =
            |inside: u32| (most.is_none_or(|most| inside < most)).then(|| inside.saturating_add(1));
        let entered = self
            .inside
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room);
        if entered.is_err() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(Arc::clone(self)))
    }

    pub fn inside(&self) -> u32 {
        self.inside.load(Ordering::Relaxed)
    }

    /// Those that were turned away since the last call.
    pub fn take_turned_away(&self) -> u64 {
        self.turned_away.swap(0, Ordering::Relaxed)
    }
}

/// One request's place, given back on drop.
#[derive(Debug)]
pub struct Place(Arc<Crowd>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_place_is_counted_once_and_a_place_is_given_back() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.enter(Some(1));
        assert!(first.is_some());
        assert!(crowd.enter(Some(1)).is_none());
        assert!(crowd.enter(None).is_some(), "without a limit all come in");

        drop(first);
        assert_eq!((crowd.inside(), crowd.take_turned_away()), (0, 1));
        assert_eq!(crowd.take_turned_away(), 0);
        assert!(crowd.enter(Some(1)).is_some());
    }
}
