//! Limit on the bytes that are held at once, per item and in total.

use crate::domain::{Limiter, Permit};
use std::sync::Arc;

/// Bytes held at once; cheap to clone.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    held: Arc<Limiter>,
    max_item: usize,
    max_total: usize,
}

impl ByteBudget {
    /// Allows items of up to `max_item` bytes, and `max_total` bytes of all items together.
    pub(super) fn new(max_item: usize, max_total: usize) -> Self {
        Self {
            held: Arc::default(),
            max_item,
            max_total,
        }
    }

    /// Begins an item without bytes.
    pub(super) fn reservation(&self) -> ByteReservation {
        ByteReservation {
            permit: self.held.empty_permit(),
            max_item: self.max_item,
            max_total: self.max_total,
        }
    }
}

/// The bytes of one item, given back on drop.
#[derive(Debug)]
pub(super) struct ByteReservation {
    permit: Permit,
    max_item: usize,
    max_total: usize,
}

impl ByteReservation {
    /// Raises the item to `bytes`; false if the item or the total is over its limit then.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let fits = self.permit.grow(bytes as u64, self.max_total as u64);
        fits && bytes <= self.max_item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_bounded_by_its_own_limit_and_by_the_limit_of_all() {
        let budget = ByteBudget::new(8, 32);
        let mut first = budget.reservation();
        assert!(first.try_grow(8));
        assert!(!first.try_grow(9));
        drop(first);

        let mut reservations: Vec<ByteReservation> = (0..4).map(|_| budget.reservation()).collect();
        assert!(reservations.iter_mut().all(|each| each.try_grow(8)));
        assert!(!budget.reservation().try_grow(1));

        reservations.pop();
        assert!(
            budget.reservation().try_grow(8),
            "bytes are released on drop"
        );
    }
}
