//! Wake-ups of the engine. Waking it costs more than processing an observation, so only failures
//! wake it immediately; the rest is batched.

use crate::domain::{Observation, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Signals to the engine that observations are queued.
#[derive(Debug, Default)]
pub(super) struct EngineWaker {
    immediate: Notify,
    batched: Notify,
    /// True from a batched wake-up until it is acknowledged.
    is_pending: AtomicBool,
}

impl EngineWaker {
    /// Wakes the engine after an observation was queued: for a failure immediately, for a finished
    /// request with the next batch, for all else not at all.
    pub fn wake(&self, urgency: Urgency) {
        match urgency {
            Urgency::Immediate => self.immediate.notify_one(),
            Urgency::Batched if !self.is_pending.swap(true, Ordering::AcqRel) => {
                self.batched.notify_one();
            }
            Urgency::Batched | Urgency::Deferred => {}
        }
    }

    pub async fn wait_immediate(&self) {
        self.immediate.notified().await;
    }

    pub async fn wait_batched(&self) {
        self.batched.notified().await;
    }

    /// Ends the pending state before the batch is processed, so that later observations wake again.
    pub fn acknowledge(&self) {
        self.is_pending.store(false, Ordering::Release);
    }
}

/// Wakes the engine for a queued observation on drop.
#[derive(Debug)]
pub struct DeferredWake {
    waker: Arc<EngineWaker>,
    urgency: Urgency,
}

impl DeferredWake {
    pub(super) fn new(waker: &Arc<EngineWaker>, urgency: Urgency) -> Self {
        let waker = Arc::clone(waker);
        Self { waker, urgency }
    }
}

impl Drop for DeferredWake {
    fn drop(&mut self) {
        self.waker.wake(self.urgency);
    }
}

/// Delay that an observation allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    Immediate,
    Batched,
    Deferred,
}

impl From<&Observation> for Urgency {
    fn from(observation: &Observation) -> Self {
        match observation {
            Observation::Attempt(end) if matches!(end.outcome, Outcome::Failed(_)) => {
                Self::Immediate
            }
            Observation::Probe(_) => Self::Immediate,
            Observation::Request(_) => Self::Batched,
            Observation::Attempt(_) | Observation::Selection(_) | Observation::FirstToken(_) => {
                Self::Deferred
            }
        }
    }
}
