//! Settings of all connections.

use std::time::Duration;

/// Settings of all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportOptions {
    /// Longest time to open a connection, TLS included.
    pub connect_timeout: Duration,
    /// Number of threads with connections of their own, so that no thread is woken by another
    /// one's.
    pub thread_pools: usize,
}

impl TransportOptions {
    /// Creates options without thread pools: all threads share the connections.
    pub const fn new(connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            thread_pools: 0,
        }
    }
}
