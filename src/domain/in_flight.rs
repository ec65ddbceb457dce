//! Limit on client requests that run at once.
//!
//! Over-limit requests are rejected, not queued: queued requests hold memory and often outlive the
//! client's deadline, while a fast 503 lets clients fail over.

use super::limiter::{Limiter, Permit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Running client requests, and the number of rejected ones.
#[derive(Debug, Default)]
pub struct InFlightLimiter {
    running: Arc<Limiter>,
    rejected: AtomicU64,
}

/// Permit of one running request, given back on drop.
pub type InFlightPermit = Permit;

impl InFlightLimiter {
    /// Returns true while `max` requests or more are running.
    pub fn is_full(&self, max: Option<u32>) -> bool {
        max.is_some_and(|max| self.in_flight() >= u64::from(max))
    }

    /// Counts one rejected request.
    pub fn record_rejection(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Acquires a permit, unless `max` requests are running.
    pub fn try_acquire(&self, max: Option<u32>) -> Option<InFlightPermit> {
        self.running.try_acquire(1, max.map(u64::from))
    }

    /// Returns the number of running requests.
    pub fn in_flight(&self) -> u64 {
        self.running.in_use()
    }

    /// Returns the number of requests rejected since the last call.
    pub fn take_rejections(&self) -> u64 {
        self.rejected.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_over_the_limit_is_rejected_until_a_permit_is_dropped() {
        let limiter = InFlightLimiter::default();
        assert!(!limiter.is_full(Some(1)));
        let first = limiter.try_acquire(Some(1));
        assert!(first.is_some() && limiter.is_full(Some(1)));
        assert!(limiter.try_acquire(Some(1)).is_none());
        assert!(!limiter.is_full(None));
        assert!(limiter.try_acquire(None).is_some(), "there is no limit");

        drop(first);
        assert_eq!(limiter.in_flight(), 0);
        assert!(limiter.try_acquire(Some(1)).is_some());
    }

    #[test]
    fn rejections_are_reported_once() {
        let limiter = InFlightLimiter::default();
        limiter.record_rejection();
        assert_eq!(limiter.take_rejections(), 1);
        assert_eq!(limiter.take_rejections(), 0);
    }
}
