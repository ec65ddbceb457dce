//! The right to use a target for one attempt; counted while it lives, given back on drop, so that
//! a finished, failed or cancelled attempt is always counted out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What moves with every request, and must be seen at once by the next choice.
#[derive(Debug, Default)]
pub struct Gauge {
    in_flight: AtomicU32,
    on_trial: AtomicBool,
}

impl Gauge {
    /// Attempts that run now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether the one trial request of a half-open breaker is out.
    pub fn on_trial(&self) -> bool {
        self.on_trial.load(Ordering::Acquire)
    }

    /// Counts one in, unless `limit` are in already.
    pub fn enter(&self, limit: Option<u32>) -> bool {
        let room =
            |now: u32| (limit.is_none_or(|limit| now < limit)).then(|| now.saturating_add(1));
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, room)
            .is_ok()
    }

    /// Counts one out; never below 0.
    pub fn leave(&self) {
        let less = |now: u32| Some(now.saturating_sub(1));
        let _always = self
            .in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
    }
}

/// One attempt's place at a target and at its provider.
#[derive(Debug)]
pub struct Lease {
    target: Arc<Gauge>,
    provider: Arc<Gauge>,
    trial: bool,
}

impl Lease {
    /// Takes a place, or nothing where the provider is full or another trial is out: between the
    /// choice and here somebody else was quicker.
    pub fn take(
        target: &Arc<Gauge>,
        provider: &Arc<Gauge>,
        limit: Option<u32>,
        trial: bool,
    ) -> Option<Self> {
        if trial && target.on_trial.swap(true, Ordering::AcqRel) {
            return None;
        }
        if !provider.enter(limit) {
            if trial {
                target.on_trial.store(false, Ordering::Release);
            }
            return None;
        }
        target.enter(None);
        Some(Self {
            target: Arc::clone(target),
            provider: Arc::clone(provider),
            trial,
        })
    }

    pub fn is_trial(&self) -> bool {
        self.trial
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.target.leave();
        self.provider.leave();
        if self.trial {
            self.target.on_trial.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_while_the_lease_lives() {
        let (target, provider) = (Arc::default(), Arc::<Gauge>::default());
        let first = Lease::take(&target, &provider, Some(1), false).unwrap();

        assert_eq!(provider.in_flight(), 1);
        assert!(Lease::take(&target, &provider, Some(1), false).is_none());
        drop(first);
        assert_eq!((provider.in_flight(), target.in_flight()), (0, 0));
    }

    #[test]
    fn only_one_trial_is_out_at_a_time() {
        let (target, provider) = (Arc::default(), Arc::default());
        let trial = Lease::take(&target, &provider, None, true);

        assert!(Lease::take(&target, &provider, None, true).is_none());
        drop(trial);
        assert!(Lease::take(&target, &provider, None, true).is_some());
    }

    #[test]
    fn a_count_never_falls_below_zero() {
        let gauge = Gauge::default();
        gauge.leave();

        assert_eq!(gauge.in_flight(), 0);
    }
}
