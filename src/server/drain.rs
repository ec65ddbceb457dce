//! The time that a stop leaves to requests under way.

use crate::gateway::ShutdownTrigger;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long clients may take to read the last word of an answer that is cut.
const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long requests under way may take to end, and who is told when that time is over.
#[derive(Debug, Clone)]
pub struct Drain {
    time: watch::Receiver<Duration>,
    closer: Option<ShutdownTrigger>,
}

impl Drain {
    /// The time is the one that is set when it comes to that.
    pub fn new(time: watch::Receiver<Duration>, closer: ShutdownTrigger) -> Self {
        Self {
            time,
            closer: Some(closer),
        }
    }

    /// Waits until all is over, for as long as that may take; then those who still wait for an
    /// answer are told, and have a moment to hear it. Whether it was over in time.
    pub(super) async fn wait(self, end: impl Future<Output = ()>) -> bool {
        let time = *self.time.borrow();
        let mut end = pin!(end);
        let is_over = timeout(time, &mut end).await.is_ok();
        match self.closer {
            Some(closer) if !is_over => {
                closer.trigger();
                timeout(FINAL_WRITE_TIMEOUT, &mut end).await.is_ok()
            }
            _ => is_over,
        }
    }
}

/// With nobody to tell.
impl From<Duration> for Drain {
    fn from(time: Duration) -> Self {
        Self {
            time: watch::channel(time).1,
            closer: None,
        }
    }
}
