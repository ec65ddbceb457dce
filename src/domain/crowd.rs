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
    /// Whether `most` are in already.
    pub fn is_full(&self, most: Option<u32>) -> bool {
        most.is_some_and(|most| self.inside() >= most)
    }

    /// Counts one that was turned away at the door.
    pub fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets one in, unless `most` are in already.
    pub fn enter(self: &Arc<Self>, most: Option<u32>) -> Option<Place> {
        let room =
            |inside: u32| (most.is_none_or(|most| inside < most)).then(|| inside.saturating_add(1));
        let entered = self
            .inside
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room);
        entered.is_ok().then(|| Place(Arc::clone(self)))
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
    fn whoever_finds_no_place_stays_out_until_one_is_given_back() {
        let crowd = Arc::new(Crowd::default());
        assert!(!crowd.is_full(Some(1)));
        let first = crowd.enter(Some(1));
        assert!(first.is_some() && crowd.is_full(Some(1)));
        assert!(crowd.enter(Some(1)).is_none());
        assert!(!crowd.is_full(None));
        assert!(crowd.enter(None).is_some(), "without a limit all come in");

        drop(first);
        assert_eq!(crowd.inside(), 0);
        assert!(crowd.enter(Some(1)).is_some());
    }

    #[test]
    fn who_was_turned_away_is_told_once() {
        let crowd = Crowd::default();
        crowd.turn_away();
        assert_eq!(crowd.take_turned_away(), 1);
        assert_eq!(crowd.take_turned_away(), 0);
    }
}
