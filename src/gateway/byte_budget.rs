//! Bytes that are kept for a while, counted all together so that they have a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where they are kept; cheap to clone.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    bytes: Arc<AtomicUsize>,
    longest: usize,
    most: usize,
}

impl ByteBudget {
    /// For things of at most `longest` bytes, and `most` of all together.
    pub(super) fn new(longest: usize, most: usize) -> Self {
        Self {
            bytes: Arc::default(),
            longest,
            most,
        }
    }

    /// A place for one thing.
    pub(super) fn reservation(&self) -> ByteReservation {
        ByteReservation {
            shelf: self.clone(),
            bytes: 0,
        }
    }
}

/// One thing's bytes on the shelf; given back on drop.
#[derive(Debug)]
pub(super) struct ByteReservation {
    shelf: ByteBudget,
    bytes: usize,
}

impl ByteReservation {
    /// Whether the thing may be kept though it has so many bytes by now.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.shelf.bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        bytes <= self.shelf.longest && before.saturating_add(more) <= self.shelf.most
    }
}

impl Drop for ByteReservation {
    fn drop(&mut self) {
        self.shelf.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_kept_up_to_its_own_length_and_to_that_of_all() {
        let shelf = ByteBudget::new(8, 32);
        let mut first = shelf.reservation();
        assert!(first.try_grow(8));
        assert!(!first.try_grow(9));
        drop(first);

        let mut places: Vec<ByteReservation> = (0..4).map(|_| shelf.reservation()).collect();
        assert!(places.iter_mut().all(|place| place.try_grow(8)));
        assert!(!shelf.reservation().try_grow(1));

        places.pop();
        assert!(shelf.reservation().try_grow(8), "what left is given back");
    }
}
