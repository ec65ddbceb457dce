//! What wakes the engine. To be woken costs more than to learn, and a request waits for whoever is
//! woken on its core; so only what changes the next choice at once rings at once.

use crate::domain::{Observation, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Rung by whoever tells something.
#[derive(Debug, Default)]
pub(super) struct EngineWaker {
    at_once: Notify,
    soon: Notify,
    /// Whether it has been rung for soon, and not been answered yet.
    is_rung: AtomicBool,
}

impl EngineWaker {
    /// After this was put in the queue. A failure is learnt at once, what a finished request brings
    /// a moment later, and all else together with what comes next.
    pub fn wake(&self, urgency: Urgency) {
        match urgency {
            Urgency::Immediate => self.at_once.notify_one(),
            Urgency::Batched if !self.is_rung.swap(true, Ordering::AcqRel) => {
                self.soon.notify_one();
            }
            Urgency::Batched | Urgency::Deferred => {}
        }
    }

    pub async fn wait_immediate(&self) {
        self.at_once.notified().await;
    }

    pub async fn wait_batched(&self) {
        self.soon.notified().await;
    }

    /// What was told up to here is being learnt; what comes now rings again.
    pub fn acknowledge(&self) {
        self.is_rung.store(false, Ordering::Release);
    }
}

/// Something was told, and the engine is still to be woken for it: on drop.
#[derive(Debug)]
pub struct DeferredWake {
    bell: Arc<EngineWaker>,
    urgency: Urgency,
}

impl DeferredWake {
    pub(super) fn new(bell: &Arc<EngineWaker>, urgency: Urgency) -> Self {
        let bell = Arc::clone(bell);
        Self { bell, urgency }
    }
}

impl Drop for DeferredWake {
    fn drop(&mut self) {
        self.bell.wake(self.urgency);
    }
}

/// How soon something must be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    Immediate,
    Batched,
    Deferred,
}

impl Urgency {
    pub fn of(observation: &Observation) -> Self {
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
