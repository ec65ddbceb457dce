//! The time that a stop leaves to requests in flight.

use crate::gateway::ShutdownTrigger;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Time for clients to read the error at the end of a response that is cut.
const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for requests in flight to end, and the signal to those that are left.
#[derive(Debug, Clone)]
pub struct Drain {
    time: watch::Receiver<Duration>,
    shutdown: Option<ShutdownTrigger>,
}

impl Drain {
    /// Uses the value that `time` has when the drain begins.
    pub fn new(time: watch::Receiver<Duration>, shutdown: ShutdownTrigger) -> Self {
        Self {
            time,
            shutdown: Some(shutdown),
        }
    }

    /// Waits for `end` within the time, then sends the signal and waits for a moment more. Returns
    /// whether `end` was reached.
    pub(super) async fn wait(self, end: impl Future<Output = ()>) -> bool {
        let time = *self.time.borrow();
        let mut end = pin!(end);
        let has_ended = timeout(time, &mut end).await.is_ok();
        match self.shutdown {
            Some(shutdown) if !has_ended => {
                shutdown.trigger();
                timeout(FINAL_WRITE_TIMEOUT, &mut end).await.is_ok()
            }
            _ => has_ended,
        }
    }
}

/// A drain without a signal.
impl From<Duration> for Drain {
    fn from(time: Duration) -> Self {
        Self {
            time: watch::channel(time).1,
            shutdown: None,
        }
    }
}
