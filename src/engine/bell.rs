//! What wakes the engine. To be woken costs more than to learn, and a request waits for whoever is
//! woken on its core; so only what changes the next choice at once rings at once.

use crate::domain::{Observation, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Rung by whoever tells something.
#[derive(Debug, Default)]
pub(super) struct Bell {
    at_once: Notify,
    soon: Notify,
    /// Whether it has been rung for soon, and not been answered yet.
    is_rung: AtomicBool,
}

impl Bell {
    /// After this was put in the queue. A failure is learnt at once, what a finished request brings
    /// a moment later, and all else together with what comes next.
    pub fn ring_for(&self, urgency: Urgency) {
        match urgency {
            Urgency::AtOnce => self.at_once.notify_one(),
            Urgency::Soon if !self.is_rung.swap(true, Ordering::AcqRel) => self.soon.notify_one(),
            Urgency::Soon | Urgency::WithTheNext => {}
        }
    }

    pub async fn rung_for_now(&self) {
        self.at_once.notified().await;
    }

    pub async fn rung_for_soon(&self) {
        self.soon.notified().await;
    }

    /// What was told up to here is being learnt; what comes now rings again.
    pub fn answer(&self) {
        self.is_rung.store(false, Ordering::Release);
    }
}

/// Something was told, and the engine is still to be woken for it: on drop.
#[derive(Debug)]
pub struct Told {
    bell: Arc<Bell>,
    urgency: Urgency,
}

impl Told {
    pub(super) fn new(bell: &Arc<Bell>, urgency: Urgency) -> Self {
        let bell = Arc::clone(bell);
        Self { bell, urgency }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.bell.ring_for(self.urgency);
    }
}

/// How soon something must be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    AtOnce,
    Soon,
    WithTheNext,
}

impl Urgency {
    pub fn of(observation: &Observation) -> Self {
        match observation {
            Observation::Attempt(end) if matches!(end.outcome, Outcome::Failed(_)) => Self::AtOnce,
            Observation::Probe(_) => Self::AtOnce,
            Observation::Request(_) => Self::Soon,
            Observation::Attempt(_) | Observation::Selection(_) | Observation::FirstToken(_) => {
                Self::WithTheNext
            }
        }
    }
}
