//! Work on large bodies, on threads of its own: a request thread that reads megabytes would keep all
//! other requests on it waiting.

use super::error::GatewayError;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Bytes of a body up to which the work takes less time than to hand it over.
const MAX_SHORT_BYTES: usize = 64 * 1024;
/// Most bodies that are worked on at once, also with many cores: each may take much memory.
const MAX_WORKERS: usize = 8;
/// Time that a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The turns of all large bodies; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyWork(Arc<Semaphore>);

impl Default for BodyWork {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self::with_workers(cores.div_ceil(2).min(MAX_WORKERS))
    }
}

impl BodyWork {
    fn with_workers(workers: usize) -> Self {
        Self(Arc::new(Semaphore::new(workers)))
    }

    /// Whether work on so many bytes runs at once.
    pub(super) fn is_short(bytes: usize) -> bool {
        bytes <= MAX_SHORT_BYTES
    }

    /// Runs one step of the work on a body of that many bytes: at once where it is short, else on
    /// another thread, in turn. When the client is gone, its next step does not begin; one that runs
    /// keeps its turn to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        step: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GatewayError> {
        if Self::is_short(bytes) {
            return Ok(step());
        }
        let turn = timeout(MAX_WAIT, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(GatewayError::BodyMemoryExhausted);
        };
        let done = spawn_blocking(move || {
            let _turn = turn;
            step()
        });
        match done.await {
            Ok(result) => Ok(result),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(GatewayError::ShuttingDown),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;

    #[tokio::test]
    async fn a_short_body_is_read_at_once_and_a_long_one_on_another_thread() {
        let work = BodyWork::default();
        let here = thread::current().id();
        let place = || thread::current().id();
        assert_eq!(work.run(64 * 1024, place).await.unwrap(), here);
        assert_ne!(work.run(64 * 1024 + 1, place).await.unwrap(), here);
    }

    #[tokio::test]
    async fn steps_take_turns_and_none_begins_for_a_client_that_is_gone() {
        let work = BodyWork::with_workers(1);
        let (release, held) = channel::<()>();
        let first = tokio::spawn({
            let work = work.clone();
            async move {
                work.run(usize::MAX, move || held.recv().is_ok())
                    .await
                    .unwrap()
            }
        });
        while work.0.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let (sender, begun) = channel();
        let mut gone = Box::pin(work.run(usize::MAX, move || sender.send(()).unwrap()));
        assert!(futures_util::poll!(&mut gone).is_pending());
        drop(gone);
        release.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(work.run(usize::MAX, || 1).await.unwrap(), 1);
        assert!(begun.recv().is_err(), "the step was dropped");
    }
}
