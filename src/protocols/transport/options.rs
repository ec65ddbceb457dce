//! How connections are made.

use std::time::Duration;

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportOptions {
    pub connect_timeout: Duration,
    /// How many threads have connections of their own, so that none is woken by another's.
    pub lanes: usize,
}

impl TransportOptions {
    /// Without lanes: every thread uses the same connections.
    pub const fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            lanes: 0,
        }
    }
}
