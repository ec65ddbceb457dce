//! Limit on an amount in use at once: requests, tokens or bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the amount in use. The limit is an argument, because it changes with the configuration
/// while permits are held.
#[derive(Debug, Default)]
pub struct Limiter {
    in_use: AtomicU64,
}

impl Limiter {
    /// Returns the amount in use now.
    pub fn in_use(&self) -> u64 {
        self.in_use.load(Ordering::Acquire)
    }

    /// Reserves `amount` unless more than `limit` would be in use; `None` is no limit. The caller
    /// must return it with [`Limiter::release`]. For owners of several reservations, which need no
    /// permit for each.
    pub fn try_reserve(&self, amount: u64, limit: Option<u64>) -> bool {
        let more = |in_use: u64| {
            let after = in_use.saturating_add(amount);
            limit.is_none_or(|limit| after <= limit).then_some(after)
        };
        self.in_use
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Reserves `amount` without a limit, and returns what was in use before.
    pub fn reserve(&self, amount: u64) -> u64 {
        self.in_use.fetch_add(amount, Ordering::AcqRel)
    }

    /// Returns a reserved amount; the amount in use never falls below 0.
    pub fn release(&self, amount: u64) {
        let less = |in_use: u64| Some(in_use.saturating_sub(amount));
        let _always = self
            .in_use
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
    }

    /// Reserves `amount` and returns a permit that returns it on drop; `None` if more than `limit`
    /// would be in use.
    pub fn try_acquire(self: &Arc<Self>, amount: u64, limit: Option<u64>) -> Option<Permit> {
        self.try_reserve(amount, limit).then(|| Permit {
            limiter: Arc::clone(self),
            amount,
        })
    }

    /// Returns a permit of amount 0, for use with [`Permit::grow`].
    pub fn empty_permit(self: &Arc<Self>) -> Permit {
        Permit {
            limiter: Arc::clone(self),
            amount: 0,
        }
    }
}

/// Amount in use, returned to the limiter on drop.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Limiter>,
    amount: u64,
}

impl Permit {
    /// Raises the amount to `amount`, and returns false if more than `limit` is in use afterwards.
    /// The amount counts in both cases, because the owner holds it until the permit is dropped.
    pub fn grow(&mut self, amount: u64, limit: u64) -> bool {
        let more = amount.saturating_sub(self.amount);
        let before = self.limiter.reserve(more);
        self.amount += more;
        before.saturating_add(more) <= limit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.release(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_permit_returns_its_whole_amount() {
        let limiter = Arc::new(Limiter::default());
        let mut permit = limiter.try_acquire(2, Some(5)).unwrap();
        assert!(limiter.try_acquire(4, Some(5)).is_none());
        assert!(permit.grow(5, 5) && !permit.grow(6, 5));
        assert_eq!(limiter.in_use(), 6);

        drop(permit);
        assert_eq!(limiter.in_use(), 0);
        limiter.release(1);
        assert_eq!(limiter.in_use(), 0);
    }
}
