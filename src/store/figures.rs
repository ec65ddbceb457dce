//! Counts and state of the writer, for all readers.

use super::status::StoreState;
use crate::domain::UnixTime;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the writer says of itself.
#[derive(Debug)]
pub(super) struct Figures {
    written: AtomicU64,
    condition: Mutex<Condition>,
}

/// State since a time, and the last failure.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) state: StoreState,
    pub(super) since: UnixTime,
    pub(super) last_error: Option<String>,
}

impl Figures {
    pub(super) fn starting(now: UnixTime) -> Self {
        Self {
            written: AtomicU64::new(0),
            condition: Mutex::new(Condition {
                state: StoreState::Ok,
                since: now,
                last_error: None,
            }),
        }
    }

    pub(super) fn add_written(&self, rows: usize) {
        self.written.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Notes a state; the time is that of the change.
    pub(super) fn enter(&self, state: StoreState, now: UnixTime) {
        let mut condition = self.lock();
        if condition.state != state {
            condition.state = state;
            condition.since = now;
        }
    }

    /// Notes a failure; returns true if it is the first in a row.
    pub(super) fn fail(&self, error: String, now: UnixTime) -> bool {
        let is_first = self.condition().state != StoreState::Failing;
        self.enter(StoreState::Failing, now);
        self.lock().last_error = Some(error);
        is_first
    }

    pub(super) fn condition(&self) -> Condition {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Condition> {
        self.condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
