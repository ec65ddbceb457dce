//! The thread that gathers finished calls and sends them.

use super::instruments::Instruments;
use super::otel_span::{attempt_span, request_span};
use crate::telemetry::spans::SpanMessage;
use futures_util::FutureExt;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Spans that are sent together.
const MAX_BATCH: usize = 512;
/// Time between two log lines about failed exports.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// Exports spans, and counts metrics that the SDK exports.
pub(super) struct Worker {
    exporter: Option<SpanExporter>,
    meters: Option<(SdkMeterProvider, Instruments)>,
    delay: Duration,
    lost: Arc<AtomicU64>,
    batch: Vec<SpanData>,
    complained_at: Option<Instant>,
}

impl Worker {
    pub fn new(
        exporter: Option<SpanExporter>,
        meters: Option<SdkMeterProvider>,
        delay: Duration,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let meters = meters.map(|provider| {
            let instruments = Instruments::new(&provider);
            (provider, instruments)
        });
        Self {
            exporter,
            meters,
            delay,
            lost,
            batch: Vec::new(),
            complained_at: None,
        }
    }

    /// Runs until every sender is gone.
    pub fn run(mut self, messages: &Receiver<SpanMessage>) {
        let mut due = Instant::now() + self.delay;
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            match messages.recv_timeout(wait) {
                Ok(SpanMessage::Request(span)) => {
                    self.count(|instruments| instruments.count_request(&span));
                    if span.trace.context.is_sampled {
                        self.push(request_span(&span));
                    }
                }
                Ok(SpanMessage::Attempt(span)) => {
                    self.count(|instruments| instruments.count_attempt(&span));
                    if span.trace.context.is_sampled {
                        self.push(attempt_span(&span));
                    }
                }
                Ok(SpanMessage::Flush(reply)) => self.flush(reply),
                Err(RecvTimeoutError::Timeout) => {
                    self.export();
                    due = Instant::now() + self.delay;
                }
                Err(RecvTimeoutError::Disconnected) => return self.stop(),
            }
        }
    }

    fn count(&self, count: impl FnOnce(&Instruments)) {
        if let Some((_, instruments)) = &self.meters {
            count(instruments);
        }
    }

    fn push(&mut self, span: SpanData) {
        if self.exporter.is_some() {
            self.batch.push(span);
        }
        if self.batch.len() >= MAX_BATCH {
            self.export();
        }
    }

    fn export(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let (Some(exporter), false) = (&self.exporter, batch.is_empty()) else {
            return;
        };
        let count = batch.len();
        // The exporter's client blocks, so the future is ready at once.
        let problem = match exporter.export(batch).now_or_never() {
            Some(Ok(())) => return,
            Some(Err(error)) => error.to_string(),
            None => "the exporter did not finish".to_owned(),
        };
        self.lost.fetch_add(count as u64, Ordering::Relaxed);
        self.complain(count, &problem);
    }

    fn complain(&mut self, count: usize, problem: &str) {
        let is_recent = |at: Instant| at.elapsed() < COMPLAINT_INTERVAL;
        if !self.complained_at.is_some_and(is_recent) {
            self.complained_at = Some(Instant::now());
            tracing::warn!("{count} spans were lost: {problem}");
        }
    }

    fn flush(&mut self, reply: oneshot::Sender<()>) {
        self.export();
        if let Some((provider, _)) = &self.meters
            && let Err(error) = provider.force_flush()
        {
            tracing::warn!("metrics were not exported: {error}");
        }
        let _requester_may_be_gone = reply.send(());
    }

    fn stop(mut self) {
        self.export();
        if let Some((provider, _)) = self.meters.take() {
            let _ended_anyway = provider.shutdown();
        }
    }
}
