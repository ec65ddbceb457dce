//! A bound on the bytes that many buffers hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound on buffered bytes; cheap to clone, and clones share it.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    used: Arc<AtomicUsize>,
    max_each: usize,
    max_total: usize,
}

impl ByteBudget {
    /// At most `max_each` bytes for one reservation and `max_total` for all together.
    pub(super) fn new(max_each: usize, max_total: usize) -> Self {
        Self {
            used: Arc::default(),
            max_each,
            max_total,
        }
    }

    /// An empty reservation.
    pub(super) fn reservation(&self) -> ByteReservation {
        ByteReservation {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

/// The bytes of one buffer; released on drop.
#[derive(Debug)]
pub(super) struct ByteReservation {
    budget: ByteBudget,
    bytes: usize,
}

impl ByteReservation {
    /// Counts `bytes` in total for this buffer. `false` if the buffer must be given up; its bytes
    /// count until then.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.budget.used.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        bytes <= self.budget.max_each && before.saturating_add(more) <= self.budget.max_total
    }
}

impl Drop for ByteReservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
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
