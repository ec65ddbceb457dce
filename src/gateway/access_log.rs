//! Log lines of a request. They are written after the response is on its way: writing a line takes as
//! long as a selection, and waking the log writer may take the core that the response needs.

use crate::domain::{
    CandidateSet, DecisionId, Eligibility, MeasuredUsage, Money, RequestOutcome, RoutingTable,
    UnixTime, UsageBasis, cost_basis,
};
use crate::engine::DeferredWake;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// An entry that is written later.
#[derive(Debug)]
pub(super) enum LogEntry {
    Selected(SelectionLine),
    /// The second value wakes the engine when it is dropped.
    Finished(RequestLine, DeferredWake),
}

impl LogEntry {
    fn write(self) {
        match self {
            Self::Selected(line) => line.write(),
            Self::Finished(line, wake) => {
                line.write();
                drop(wake);
            }
        }
    }
}

/// Entries that one thread has not written yet.
type PendingLines = Arc<Mutex<Vec<LogEntry>>>;

thread_local! {
    static PENDING: PendingLines = Arc::default();
}

/// Writes the entry after the thread's present work: a task that a thread spawns on itself runs after
/// the tasks that wait already, among them the write of the response. One task writes all entries that
/// have gathered by then.
pub(super) fn write_later(entry: LogEntry) {
    let Ok(runtime) = Handle::try_current() else {
        return entry.write();
    };
    let pending = PENDING.with(Arc::clone);
    let is_first = {
        let mut entries = pending.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        entries.len() == 1
    };
    if is_first {
        // A runtime that is shutting down drops the task at once, which writes the entries too.
        let flush = FlushOnDrop(pending);
        runtime.spawn(async move { drop(flush) });
    }
}

/// Writes the pending entries on drop, so also if the runtime ends before the task runs.
struct FlushOnDrop(PendingLines);

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        let entries = {
            let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        for entry in entries {
            entry.write();
        }
    }
}

/// The line of a selection.
#[derive(Debug)]
pub(super) struct SelectionLine {
    pub decision: DecisionId,
    pub provider: Arc<str>,
    pub model: Arc<str>,
    pub score: f64,
    pub share: f64,
    pub reason: &'static str,
    pub attempt: u32,
    /// Expected seconds, tokens and cost.
    pub expected: (f64, f64, Option<f64>),
}

impl SelectionLine {
    fn write(&self) {
        let (seconds, tokens, cost) = self.expected;
        tracing::info!(
            decision = %self.decision,
            provider = %self.provider,
            model = %self.model,
            score = self.score,
            share = self.share,
            reason = self.reason,
            attempt = self.attempt,
            outcome = "selected",
            expected_latency_ms = whole(seconds * 1e3),
            expected_tokens = whole(tokens),
            expected_cost_usd = cost,
            "Load balancing decision"
        );
    }
}

/// An estimate as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and estimates are not negative"
)]
fn whole(estimate: f64) -> u64 {
    estimate.round() as u64
}

/// Writes a line for each candidate of a selection, at the level debug.
pub(super) fn log_candidates(
    decision: DecisionId,
    table: &RoutingTable,
    candidates: &CandidateSet,
    now: UnixTime,
) {
    for row in candidates.rows() {
        let id = table.candidates.get(row.target.get()).map(|it| &it.id);
        let excluded = match &row.entry {
            Eligibility::Excluded(reason) => Some(reason.text(now)),
            Eligibility::Eligible | Eligibility::HalfOpenProbe => None,
        };
        tracing::debug!(
            %decision,
            provider = id.map(|id| &*id.provider),
            model = id.map(|id| &*id.model),
            share = row.odds,
            utility = row.utility,
            in_flight = row.in_flight,
            excluded,
            "Load balancing candidate"
        );
    }
}

/// The line of a finished request.
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
            latency_ms = u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX),
            input_tokens = self.usage.map(|measured| measured.usage.input),
            output_tokens = self.usage.map(|measured| measured.usage.output),
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

    /// Calls a function when the runtime drops its task.
    struct OnDrop(Box<dyn Fn() + Send>);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    fn entry() -> LogEntry {
        LogEntry::Selected(SelectionLine {
            decision: DecisionId(1),
            provider: "a".into(),
            model: "m".into(),
            score: 50.0,
            share: 1.0,
            reason: "",
            attempt: 1,
            expected: (0.5, 100.0, None),
        })
    }

    #[test]
    fn lines_written_while_a_runtime_ends_do_not_block_its_end() {
        let (done, ended) = channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let on_drop = OnDrop(Box::new(move || {
            write_later(entry());
            write_later(entry());
            done.send(()).unwrap();
        }));
        runtime.spawn(async move {
            let _on_drop = on_drop;
            std::future::pending::<()>().await;
        });
        runtime.shutdown_background();
        ended.recv_timeout(Duration::from_mins(1)).unwrap();
        write_later(entry());
    }
}
