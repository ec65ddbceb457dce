//! Limits on client connections.

use super::drain::Drain;
use std::time::Duration;

/// Limits on client connections.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// TCP connections at once.
    pub connections: usize,
    /// Time that a connection may stay open without a request.
    pub keep_alive: Duration,
    /// Time from the first byte of a request's head to its last. HTTP/2 sends its heads in one piece.
    pub head: Duration,
    /// Time between two chunks of a request body.
    pub upload_pause: Duration,
    /// Time before a body must keep `upload_rate`.
    pub upload_grace: Duration,
    /// Average rate that a body must keep, in bytes per second.
    pub upload_rate: u64,
    /// Time after which a client that takes no byte of its response is disconnected.
    pub stuck: Duration,
    /// Time that a stop leaves to requests in flight.
    pub drain: Drain,
}

impl ConnectionLimits {
    /// The given limits, and for everything else limits that no well-behaved client reaches.
    pub fn new(connections: usize, keep_alive: Duration, drain: impl Into<Drain>) -> Self {
        Self {
            connections,
            keep_alive,
            head: Duration::from_secs(10),
            upload_pause: Duration::from_secs(10),
            upload_grace: Duration::from_secs(20),
            upload_rate: 8 * 1024,
            stuck: Duration::from_mins(1),
            drain: drain.into(),
        }
    }
}
