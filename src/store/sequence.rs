//! Numbers of rows, unique over all starts of an instance.

use crate::domain::UnixTime;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a number below the microsecond of the start: a process would have to write a thousand
/// rows a microsecond to reach the numbers of the next one.
const COUNTER_BITS: u32 = 10;

/// The next number.
#[derive(Debug)]
pub(super) struct Sequence(AtomicU64);

impl Sequence {
    pub(super) fn starting(now: UnixTime) -> Self {
        Self(AtomicU64::new(now.micros() << COUNTER_BITS))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
