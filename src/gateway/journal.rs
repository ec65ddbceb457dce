//! The log lines of a request. They are written when what the request waits for is on its way, for a
//! line takes as long as choosing does, and waking its writer may cost the core that the answer needs.

use crate::domain::{Basis, DecisionId, Metered, Money, RequestOutcome, cost_basis};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Drops it after what this thread is doing now: a task that a thread gives itself comes after those
/// that wait already, a connection's write among them. A runtime that ends drops it as well.
pub(super) fn afterwards(what: impl Send + 'static) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { drop(what) });
    }
}

/// Somebody was chosen. Written on drop.
#[derive(Debug)]
pub(super) struct Chosen {
    pub decision: DecisionId,
    pub provider: Arc<str>,
    pub model: Arc<str>,
    pub score: f64,
    pub share: f64,
    pub reason: &'static str,
    pub attempt: u32,
}

impl Drop for Chosen {
    fn drop(&mut self) {
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

/// A request has ended. Written on drop.
#[derive(Debug)]
pub(super) struct Finished {
    pub decision: DecisionId,
    pub request_id: String,
    pub provider: String,
    pub model: String,
    pub outcome: RequestOutcome,
    pub attempts: u32,
    pub latency: Duration,
    pub usage: Option<Metered>,
    pub cost: Option<Money>,
}

impl Drop for Finished {
    fn drop(&mut self) {
        let outcome = match self.outcome {
            RequestOutcome::Ok => "ok",
            RequestOutcome::Error(failure) => failure.word(),
            RequestOutcome::Cancelled => "cancelled",
            RequestOutcome::Refused(_) => "refused",
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
            cost_basis = Basis::word(cost_basis(self.usage, self.cost)),
            "[PERFORMANCE] request finished"
        );
    }
}
