//! Signs of life for the service manager. One is sent only after the engine and every worker thread
//! have answered, so that a hung one ends in a restart.

use super::service_notifier::ServiceNotifier;
use crate::engine::EngineHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, timeout};

/// Pause before an engine with a full queue is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// The parts of an instance that must answer.
#[derive(Debug, Clone)]
pub(super) struct LivingParts {
    engine: EngineHandle,
    workers: Vec<Handle>,
}

impl LivingParts {
    pub fn new(engine: EngineHandle, workers: &[Handle]) -> Self {
        Self {
            engine,
            workers: workers.to_vec(),
        }
    }

    /// Asks every part, and names the first that does not answer within the time.
    async fn answer_within(&self, time: Duration) -> Result<(), String> {
        let late = |part: String| move |_| format!("{part} has not answered for {time:?}");
        for (number, worker) in self.workers.iter().enumerate() {
            let answer = timeout(time, worker.spawn(async {})).await;
            // A runtime that shuts down cancels the task; then nothing hangs.
            let _ended = answer.map_err(late(format!("worker thread {number}")))?;
        }
        let engine = timeout(time, self.engine_answers()).await;
        engine.map_err(late("the engine".to_owned()))
    }

    async fn engine_answers(&self) {
        // A full queue and an ended engine are the same error; the time limit ends both.
        while self.engine.ping().await.is_err() {
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }
}

/// Sends signs of life at half the time that the manager waits for one; returns at once where it waits
/// for none.
pub(super) async fn run(notifier: ServiceNotifier, parts: LivingParts) {
    let Some(interval) = notifier.watchdog_interval() else {
        return;
    };
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        while let Err(problem) = parts.answer_within(interval).await {
            tracing::error!("{problem}; the service manager gets no sign of life");
        }
        notifier.alive();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BalancerState, Catalogue, Strategy, UnixTime, Weights};
    use crate::engine;
    use crate::server::WorkerThreads;
    use std::sync::mpsc::channel;
    use tokio_util::sync::CancellationToken;

    /// Longer than anything that answers takes.
    const PATIENCE: Duration = Duration::from_mins(1);
    /// What hangs does not answer, however short this is.
    const IMPATIENCE: Duration = Duration::from_millis(20);

    fn engine() -> (engine::Engine, EngineHandle) {
        let (catalogue, strategy) = (Catalogue::default(), Strategy::default());
        let weights = Weights::default();
        let state = BalancerState::new(catalogue, strategy, weights, 1, UnixTime::from_micros(1));
        let (engine, handle, _) = engine::build(state, 1);
        (engine, handle)
    }

    #[tokio::test]
    async fn a_blocked_worker_is_named_until_it_goes_on() {
        let (engine, handle) = engine();
        let stop = CancellationToken::new();
        let running = tokio::spawn(engine.run(stop.clone()));
        let workers = WorkerThreads::start("worker", 2, |_| ()).unwrap();
        let parts = LivingParts::new(handle, workers.handles());
        parts.answer_within(PATIENCE).await.unwrap();

        let (go_on, blocked) = channel::<()>();
        workers.handles()[1].spawn(async move { blocked.recv() });
        let problem = parts.answer_within(IMPATIENCE).await.unwrap_err();
        assert!(problem.starts_with("worker thread 1 "), "{problem}");

        go_on.send(()).unwrap();
        parts.answer_within(PATIENCE).await.unwrap();
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn an_engine_that_hangs_is_named() {
        let (_never_runs, handle) = engine();
        let parts = LivingParts::new(handle, &[]);

        let problem = parts.answer_within(IMPATIENCE).await.unwrap_err();

        assert!(problem.starts_with("the engine "), "{problem}");
    }
}
