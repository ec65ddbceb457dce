//! The log lines of a request. They are written when what the request waits for is on its way, for a
//! line takes as long as choosing does, and waking its writer may cost the core that the answer needs.

use crate::domain::{DecisionId, MeasuredUsage, Money, RequestOutcome, UsageBasis, cost_basis};
use crate::engine::DeferredWake;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// What is written afterwards.
#[derive(Debug)]
pub(super) enum LogEntry {
    Chosen(SelectionLine),
    /// With the engine still to be woken for it.
    Finished(RequestLine, DeferredWake),
}

impl LogEntry {
    fn write(self) {
        match self {
            Self::Chosen(chosen) => chosen.write(),
            Self::Finished(finished, told) => {
                finished.write();
                drop(told);
            }
        }
    }
}

/// What one thread has yet to write.
type PendingLines = Arc<Mutex<Vec<LogEntry>>>;

thread_local! {
    static PAGES: PendingLines = Arc::default();
}

/// Writes it after what this thread is doing now: a task that a thread gives itself comes after
/// those that wait already, a connection's write among them. One task writes all that has come
/// together by then.
pub(super) fn afterwards(entry: LogEntry) {
    let Ok(runtime) = Handle::try_current() else {
        return entry.write();
    };
    let pages = PAGES.with(Arc::clone);
    let is_first = {
        let mut waiting = pages.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(entry);
        waiting.len() == 1
    };
    if is_first {
        // A runtime that ends drops it here and now.
        let turn = FlushOnDrop(pages);
        runtime.spawn(async move { drop(turn) });
    }
}

/// Writes what waits on drop, and so too when the runtime ends before its turn.
struct FlushOnDrop(PendingLines);

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        let entries = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for entry in entries {
            entry.write();
        }
    }
}

/// Somebody was chosen.
#[derive(Debug)]
pub(super) struct SelectionLine {
    pub decision: DecisionId,
    pub provider: Arc<str>,
    pub model: Arc<str>,
    pub score: f64,
    pub share: f64,
    pub reason: &'static str,
    pub attempt: u32,
}

impl SelectionLine {
    fn write(&self) {
        tracing::info!(
            decision = %self.decision,
            provider = %self.provider,
            model = %self.model,
            score = self.score,
            share = self.share,
            reason = self.reason,
            attempt = self.attempt,
            "Load balancing decision"
        );
    }
}

/// A request has ended.
#[derive(Debug)]
pub(super) struct RequestLine {
    pub decision: DecisionId,
    pub request_id: String,
    pub provider: String,
    pub model: String,
    pub outcome: RequestOutcome,
    pub attempts: u32,
    pub latency: Duration,
    pub usage: Option<MeasuredUsage>,
    pub cost: Option<Money>,
}

impl RequestLine {
    fn write(&self) {
        let outcome = match self.outcome {
            RequestOutcome::Ok => "ok",
            RequestOutcome::Error(failure) => failure.as_str(),
            RequestOutcome::Cancelled => "cancelled",
            RequestOutcome::Rejected(_) => "refused",
        };
        tracing::info!(
            decision = %self.decision,
            request_id = %self.request_id,
            provider = %self.provider,
            model = %self.model,
            outcome,
            attempts = self.attempts,
            latency_ms = self.latency.as_millis(),
            input_tokens = self.usage.map(|metered| metered.usage.input),
            output_tokens = self.usage.map(|metered| metered.usage.output),
            cost_usd = self.cost.map(Money::usd),
            cost_basis = UsageBasis::as_str(cost_basis(self.usage, self.cost)),
            "[PERFORMANCE] request finished"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Something that is told when it ends with its runtime.
    struct Ending(Box<dyn Fn() + Send>);

    impl Drop for Ending {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    fn chosen() -> LogEntry {
        LogEntry::Chosen(SelectionLine {
            decision: DecisionId(1),
            provider: "a".into(),
            model: "m".into(),
            score: 50.0,
            share: 1.0,
            reason: "",
            attempt: 1,
        })
    }

    #[test]
    fn what_is_written_while_a_runtime_ends_holds_its_end_up_no_more_than_before_or_after() {
        let (done, ended) = channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let ending = Ending(Box::new(move || {
            afterwards(chosen());
            afterwards(chosen());
            done.send(()).unwrap();
        }));
        runtime.spawn(async move {
            let _ending = ending;
            std::future::pending::<()>().await;
        });
        runtime.shutdown_background();
        ended.recv_timeout(Duration::from_mins(1)).unwrap();
        afterwards(chosen());
    }
}
