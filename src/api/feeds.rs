//! Event streams at once. They never end by themselves, so without a limit of their own they could take all
//! connections that clients need.

use crate::access::Peer;
use crate::client::ApiError;
use crate::contract::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Time after which a rejected reader may try again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Permits for event streams. The Unix socket has its own, so that strangers cannot lock out the operator.
#[derive(Debug)]
pub(super) struct Feeds {
    tcp: Arc<Semaphore>,
    unix: Arc<Semaphore>,
    max: usize,
}

impl Feeds {
    pub fn new(max: usize) -> Self {
        Self {
            tcp: Arc::new(Semaphore::new(max)),
            unix: Arc::new(Semaphore::new(max)),
            max,
        }
    }

    /// The permit of one stream.
    pub fn open(&self, peer: Option<&Peer>) -> Result<OwnedSemaphorePermit, ApiError> {
        let permits = match peer {
            Some(Peer::Unix) => &self.unix,
            Some(Peer::Tcp(_)) | None => &self.tcp,
        };
        let permit = Arc::clone(permits).try_acquire_owned();
        permit.map_err(|_| ApiError::Other {
            problem: Problem::new(
                503,
                format!(
                    "all {} event streams that are allowed at once are open",
                    self.max
                ),
            ),
            retry_after: Some(RETRY_AFTER),
        })
    }
}
