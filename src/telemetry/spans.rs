//! Spans of requests and attempts on their way to another program. Nothing waits for them: the queue
//! is bounded, and what it loses is counted.

use super::trace_context::TraceContext;
use crate::domain::{AttemptEnd, RequestEnd, TargetId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::oneshot;

/// A finished call, or a question.
#[cfg_attr(
    not(feature = "otlp"),
    expect(dead_code, reason = "without the exporter no span is read")
)]
#[derive(Debug)]
pub(super) enum SpanMessage {
    Request(Box<RequestSpan>),
    Attempt(Box<AttemptSpan>),
    /// Sends everything, then replies.
    Flush(oneshot::Sender<()>),
}

/// One finished client request.
#[derive(Debug)]
pub struct RequestSpan {
    pub trace: RequestTrace,
    /// Provider and model that responded, or were tried last; empty for none.
    pub target: TargetId,
    pub end: RequestEnd,
}

/// One finished attempt.
#[derive(Debug)]
pub struct AttemptSpan {
    pub trace: AttemptTrace,
    pub target: TargetId,
    pub end: AttemptEnd,
}

/// The span of a client request that is being served.
#[derive(Debug, Clone)]
pub struct RequestTrace {
    sink: SpanSink,
    pub context: TraceContext,
    /// The client's span.
    pub parent: Option<u64>,
}

/// The span of an attempt that runs.
#[derive(Debug, Clone)]
pub struct AttemptTrace {
    sink: SpanSink,
    pub context: TraceContext,
    /// The span of the request.
    pub parent: u64,
    /// The provider's kind and address, once the request is sent.
    pub endpoint: Option<(Arc<str>, String)>,
}

impl RequestTrace {
    /// Begins an attempt.
    pub fn attempt(&self) -> Option<AttemptTrace> {
        Some(AttemptTrace {
            sink: self.sink.clone(),
            context: self.context.child()?,
            parent: self.context.span,
            endpoint: None,
        })
    }
}

impl RequestSpan {
    /// Hands the span over.
    pub fn send(self) {
        let sink = self.trace.sink.clone();
        sink.push(SpanMessage::Request(Box::new(self)));
    }
}

impl AttemptSpan {
    /// Hands the span over.
    pub fn send(self) {
        let sink = self.trace.sink.clone();
        sink.push(SpanMessage::Attempt(Box::new(self)));
    }
}

/// Where spans go; nowhere by default.
#[derive(Debug, Clone, Default)]
pub struct SpanSink(Option<Arc<SpanQueue>>);

#[derive(Debug)]
struct SpanQueue {
    sender: SyncSender<SpanMessage>,
    lost: Arc<AtomicU64>,
    sampling: TraceSampling,
}

impl SpanSink {
    /// Makes a queue of so many spans; the counter is of those that it lost.
    #[cfg_attr(
        not(any(test, feature = "otlp")),
        expect(dead_code, reason = "only the exporter makes a queue")
    )]
    pub(super) fn bounded(
        capacity: usize,
        sampling: TraceSampling,
    ) -> (Self, Receiver<SpanMessage>, Arc<AtomicU64>) {
        let (sender, receiver) = sync_channel(capacity);
        let lost = Arc::new(AtomicU64::default());
        let queue = SpanQueue {
            sender,
            lost: Arc::clone(&lost),
            sampling,
        };
        (Self(Some(Arc::new(queue))), receiver, lost)
    }

    /// Begins the span of a request with the client's `traceparent`; `None` where spans go nowhere.
    pub fn request(&self, traceparent: Option<&str>) -> Option<RequestTrace> {
        let queue = self.0.as_ref()?;
        let parent = traceparent.and_then(TraceContext::parse);
        let context = match parent {
            Some(parent) => parent.child()?,
            None => TraceContext::random()?,
        };
        Some(RequestTrace {
            sink: self.clone(),
            context: TraceContext {
                is_sampled: queue.sampling.samples(context.trace, parent),
                ..context
            },
            parent: parent.map(|parent| parent.span),
        })
    }

    /// Returns the number of lost spans; `None` where spans go nowhere.
    pub fn lost(&self) -> Option<u64> {
        let queue = self.0.as_ref()?;
        Some(queue.lost.load(Ordering::Relaxed))
    }

    /// Sends all spans so far; returns when they are sent or lost.
    pub async fn flush(&self) {
        let (reply, sent) = oneshot::channel();
        self.push(SpanMessage::Flush(reply));
        let _sent_or_lost = sent.await;
    }

    fn push(&self, message: SpanMessage) {
        if let Some(queue) = &self.0
            && queue.sender.try_send(message).is_err()
        {
            queue.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TraceSampling {
    /// Part of the traces that begin here, 0 to 1.
    pub ratio: f64,
    /// Whether a client's decision counts.
    pub follows_parent: bool,
}

impl TraceSampling {
    fn samples(self, trace: u128, parent: Option<TraceContext>) -> bool {
        if let Some(parent) = parent.filter(|_| self.follows_parent) {
            return parent.is_sampled;
        }
        // As OpenTelemetry's SDKs: by the lower half of the id, so that all programs agree.
        let [.., low] = [trace >> 64, trace & u128::from(u64::MAX)];
        (low >> 1) as f64 / (1_u64 << 63) as f64 <= self.ratio && self.ratio > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: TraceSampling = TraceSampling {
        ratio: 1.0,
        follows_parent: true,
    };
    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    #[test]
    fn without_a_queue_nothing_is_traced() {
        let sink = SpanSink::default();

        assert!(sink.request(Some(HEADER)).is_none());
        assert_eq!(sink.lost(), None);
    }

    #[test]
    fn a_request_continues_the_trace_of_its_client() {
        let (sink, _receiver, _lost) = SpanSink::bounded(1, ALL);
        let trace = sink.request(Some(HEADER)).unwrap();
        let attempt = trace.attempt().unwrap();
        let own = sink.request(Some("nonsense")).unwrap();

        assert_eq!(trace.parent, Some(0x00f0_67aa_0ba9_02b7));
        assert_eq!(
            trace.context.trace,
            0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736
        );
        assert!(!trace.context.is_sampled);
        assert_eq!(attempt.parent, trace.context.span);
        assert_eq!(attempt.context.trace, trace.context.trace);
        assert_eq!((own.parent, own.context.is_sampled), (None, true));
    }

    #[test]
    fn a_full_queue_loses_spans_and_counts_them() {
        let (sink, receiver, _lost) = SpanSink::bounded(2, ALL);
        for _ in 0..5 {
            sink.push(SpanMessage::Flush(oneshot::channel().0));
        }
        assert_eq!(sink.lost(), Some(3));
        drop(receiver);
        sink.push(SpanMessage::Flush(oneshot::channel().0));
        assert_eq!(sink.lost(), Some(4));
    }

    #[test]
    fn a_ratio_samples_about_that_part_of_the_traces() {
        let sampling = TraceSampling {
            ratio: 0.25,
            follows_parent: true,
        };
        let (sink, _receiver, _lost) = SpanSink::bounded(1, sampling);
        let sampled = (0..2_000).filter(|_| sink.request(None).unwrap().context.is_sampled);

        assert!((300..700).contains(&sampled.count()));
        let none = TraceSampling {
            ratio: 0.0,
            ..sampling
        };
        assert!(!none.samples(1 << 64, None));
    }
}
