//! Relay of a stream from a provider to the client, event by event through a response adapter. Before
//! the first content the client has seen nothing, and another target may still respond; after it, a
//! broken stream ends in an error event and never looks complete. Where broken streams are restarted,
//! the client gets nothing before the response is complete.

mod first_content;
mod memory;

use super::answer_memory::{AnswerBuffer, ClientMemory};
use super::attempt::Attempt;
use super::attempt_usage::AttemptUsage;
use super::byte_budget::ByteReservation;
use super::error::{GatewayError, UpstreamFailure};
use super::failure_text::attempt_failure_text;
use super::request_recorder::RequestRecorder;
use super::shutdown::ShutdownSignal;
use crate::domain::{Failure, MeasuredUsage, Outcome, RequestOutcome};
use crate::foreign::ConnectionFault;
use crate::protocols::{
    ErrorBody, Event, ResponseAdapter, Splitter, StreamEventKind, UpstreamError, transport_failure,
};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Time for the provider to end its body once the response is complete, so that the connection can be
/// used again.
const TAIL_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// Time limits of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTimeouts {
    /// Between two reads.
    pub idle: Duration,
    /// End of the whole stream.
    pub until: Instant,
}

/// Bytes that say nothing, for a client that hears nothing else.
#[derive(Debug, Clone)]
pub(super) struct KeepAlive {
    /// Silence after which they are due.
    pub after: Duration,
    pub bytes: Bytes,
}

/// The result of decoding one read.
#[derive(Debug, Default)]
struct DecodedChunk {
    /// Bytes for the client.
    out: BytesMut,
    events: u32,
    /// Whether it held content.
    content: bool,
    end: Option<StreamEnd>,
}

impl DecodedChunk {
    fn failed(error: UpstreamError) -> Self {
        Self {
            end: Some(StreamEnd::Broken(error)),
            ..Self::default()
        }
    }
}

/// The result of the request.
struct RequestResult {
    outcome: RequestOutcome,
    spent: AttemptUsage,
    /// Why it failed.
    message: Option<Arc<str>>,
}

impl RequestResult {
    fn record(self, recorder: &mut RequestRecorder) {
        recorder.message = self.message;
        recorder.end(self.outcome, self.spent);
    }
}

#[derive(Debug)]
enum StreamEnd {
    Whole,
    Broken(UpstreamError),
    /// All answers together take too much memory.
    NoMemory,
}

/// One stream.
pub(super) struct StreamRelay {
    upstream: BoxStream<'static, reqwest::Result<Bytes>>,
    splitter: Splitter,
    adapter: Box<dyn ResponseAdapter>,
    timeouts: StreamTimeouts,
    /// Estimated tokens of the prompt, for a response that ends before its usage is reported.
    prompt: u64,
    /// Bytes that the client has not got yet.
    held: BytesMut,
    /// The client's share of the memory for answers, and what is read of this one.
    memory: Option<ClientMemory>,
    buffer: Option<AnswerBuffer>,
    /// Present while the response is held back until it is complete.
    hold: Option<ByteReservation>,
    /// Start of the read in progress.
    waiting_since: Option<Instant>,
    /// Start of a read that was interrupted for a keep-alive.
    quiet_since: Option<Instant>,
    keep_alive: Option<KeepAlive>,
    /// The provider's name, for the error event.
    provider: String,
    attempt: Option<Attempt>,
    recorder: Option<RequestRecorder>,
    /// The result, where it was known before the recorder was moved here.
    result: Option<RequestResult>,
    /// Resolves at shutdown. It and the alarm serve all reads: to create them for each one would cost as
    /// much as the read.
    shutdown: BoxFuture<'static, ()>,
    /// Set to the deadline of the read, or earlier.
    alarm: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl StreamRelay {
    pub fn new(
        upstream: BoxStream<'static, reqwest::Result<Bytes>>,
        adapter: Box<dyn ResponseAdapter>,
        timeouts: StreamTimeouts,
        prompt: u64,
        provider: &str,
        attempt: Attempt,
    ) -> Self {
        Self {
            upstream,
            splitter: Splitter::new(adapter.framing()),
            adapter,
            timeouts,
            prompt,
            held: BytesMut::new(),
            hold: None,
            memory: None,
            buffer: None,
            waiting_since: None,
            quiet_since: None,
            keep_alive: None,
            provider: provider.to_owned(),
            attempt: Some(attempt),
            recorder: None,
            result: None,
            shutdown: pending().boxed(),
            alarm: None,
            ended: false,
        }
    }

    /// Holds a response that is complete already.
    #[must_use]
    pub fn complete(mut self, response: BytesMut) -> Self {
        self.held = response;
        self.on_first_content();
        self.settle(Outcome::Success);
        self
    }

    /// Ends the stream with an error event at the signal.
    pub fn with_shutdown(mut self, mut signal: ShutdownSignal) -> Self {
        self.shutdown = async move { signal.triggered().await }.boxed();
        self
    }

    /// Breaks the client's silence.
    pub fn with_keep_alive(mut self, keep_alive: Option<KeepAlive>) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Holds the response back until it is complete, or too large for the reservation.
    pub fn hold(&mut self, reservation: ByteReservation) {
        self.hold = Some(reservation);
    }

    fn measured_usage(&self, is_complete: bool) -> Option<MeasuredUsage> {
        let (reported, text_bytes) = (self.adapter.usage(), self.adapter.text_bytes());
        MeasuredUsage::of(reported, is_complete, self.prompt, text_bytes)
    }

    /// The next read after the first content, or a keep-alive where that is due first; `None` at
    /// shutdown.
    async fn next_chunk(&mut self, keep_alive_at: Option<Instant>) -> Option<DecodedChunk> {
        let since = self.quiet_since.take().unwrap_or_else(Instant::now);
        self.waiting_since = Some(since);
        let deadline = self.timeouts.until.min(since + self.timeouts.idle);
        let wake_at = keep_alive_at.map_or(deadline, |at| at.min(deadline));
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(wake_at)));
        if alarm.deadline() > wake_at {
            alarm.as_mut().reset(wake_at);
        }
        let read = loop {
            tokio::select! {
                biased;
                read = self.upstream.next() => break Some(read),
                () = &mut *alarm => {
                    if Instant::now() >= wake_at {
                        break None;
                    }
                    alarm.as_mut().reset(wake_at);
                }
                () = &mut self.shutdown => return None,
            }
        };
        self.waiting_since = None;
        Some(match read {
            Some(read) => self.on_counted_read(read).await,
            None if wake_at < deadline => self.on_silence(since),
            None => self.timed_out(),
        })
    }

    /// A keep-alive; the read goes on after it.
    fn on_silence(&mut self, since: Instant) -> DecodedChunk {
        self.quiet_since = Some(since);
        let bytes = self
            .keep_alive
            .as_ref()
            .map(|keep_alive| &keep_alive.bytes[..]);
        DecodedChunk {
            out: BytesMut::from(bytes.unwrap_or_default()),
            ..DecodedChunk::default()
        }
    }

    /// The response body. It owns the recorder, and records the result of the request.
    pub fn into_body(
        mut self,
        mut recorder: RequestRecorder,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        recorder.on_first_content();
        match self.result.take() {
            Some(result) => result.record(&mut recorder),
            None => self.recorder = Some(recorder),
        }
        stream::unfold(self, |mut relay| async move {
            let bytes = relay.next_bytes().await?;
            Some((Ok(bytes), relay))
        })
    }

    fn on_first_content(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.on_first_token();
        }
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        if !self.held.is_empty() {
            self.hold = None;
            let handed = self.hand_over_held().await;
            return Some(handed.unwrap_or_else(|_| self.end_without_memory()));
        }
        // The client asked for more, so it has got all before.
        let silence = self.keep_alive.as_ref().map(|keep_alive| keep_alive.after);
        let keep_alive_at = silence.map(|silence| Instant::now() + silence);
        while !self.ended {
            let Some(chunk) = self.next_chunk(keep_alive_at).await else {
                return Some(self.shut_down());
            };
            let mut out = chunk.out;
            match &chunk.end {
                Some(StreamEnd::Broken(error)) => {
                    let event = self.fail_after_content(error);
                    out.extend_from_slice(&event);
                }
                Some(StreamEnd::NoMemory) => return Some(self.end_without_memory()),
                Some(StreamEnd::Whole) | None => {}
            }
            let Ok(out) = self.hand_over(out).await else {
                return Some(self.end_without_memory());
            };
            if matches!(chunk.end, Some(StreamEnd::Whole)) {
                self.settle(Outcome::Success);
            }
            if !out.is_empty() {
                return Some(out);
            }
        }
        None
    }

    /// Reads the rest of the body after a complete response, in the background: the client does not wait
    /// for it.
    fn drain_tail(&mut self) {
        let mut upstream = std::mem::replace(&mut self.upstream, stream::empty().boxed());
        if upstream.next().now_or_never().is_none() {
            tokio::spawn(async move {
                let _may_time_out = tokio::time::timeout(TAIL_DRAIN_TIMEOUT, upstream.next()).await;
            });
        }
    }

    /// Decodes one read: bytes, an error, or the end.
    fn on_read(&mut self, read: Option<reqwest::Result<Bytes>>) -> DecodedChunk {
        let mut chunk = DecodedChunk::default();
        match read {
            Some(Ok(bytes)) => {
                self.splitter.push(&bytes);
                self.decode_buffer(&mut chunk);
            }
            Some(Err(error)) if !self.close_if_complete(&mut chunk) => {
                let failure = transport_failure(&error);
                let fault = ConnectionFault::of(&error);
                chunk.end = Some(StreamEnd::Broken(UpstreamError::without_response(
                    failure,
                    format!("the provider's stream was interrupted: {fault}"),
                )));
            }
            Some(Err(_)) => {}
            None => self.on_eof(&mut chunk),
        }
        if chunk.end.is_some() {
            self.ended = true;
        }
        chunk
    }

    fn decode_buffer(&mut self, chunk: &mut DecodedChunk) {
        while chunk.end.is_none() {
            match self.splitter.next_event() {
                Ok(Some(event)) => self.on_event(&event, chunk),
                Ok(None) => return,
                Err(error) => {
                    chunk.end = Some(StreamEnd::Broken(UpstreamError::without_response(
                        Failure::Server,
                        error.to_string(),
                    )));
                }
            }
        }
    }

    fn on_event(&mut self, event: &Event, chunk: &mut DecodedChunk) {
        // Comments only keep the connection alive, so they do not count.
        chunk.events += u32::from(!event.raw.starts_with(b":"));
        match self.adapter.read(event, &mut chunk.out) {
            StreamEventKind::Broken(error) => chunk.end = Some(StreamEnd::Broken(error)),
            StreamEventKind::Done => chunk.end = Some(StreamEnd::Whole),
            StreamEventKind::Content | StreamEventKind::Finish => chunk.content = true,
            StreamEventKind::NoContent => {}
        }
    }

    /// The end of the body. Without the terminator the response is complete only if every choice ended.
    fn on_eof(&mut self, chunk: &mut DecodedChunk) {
        while let (None, Some(event)) = (&chunk.end, self.splitter.rest()) {
            self.on_event(&event, chunk);
        }
        if chunk.end.is_some() {
            return;
        }
        if !self.close_if_complete(chunk) {
            let error = UpstreamError::without_response(
                Failure::Disconnected,
                "the provider's stream ended before the response was complete",
            );
            chunk.end = Some(StreamEnd::Broken(error));
        }
    }

    /// Ends a response that is complete without its terminator.
    fn close_if_complete(&mut self, chunk: &mut DecodedChunk) -> bool {
        let is_complete = self.adapter.may_end();
        if is_complete {
            self.adapter.close(&mut chunk.out);
            chunk.end = Some(StreamEnd::Whole);
        }
        is_complete
    }

    fn timed_out(&mut self) -> DecodedChunk {
        let mut chunk = DecodedChunk::default();
        if self.close_if_complete(&mut chunk) {
            self.ended = true;
            return chunk;
        }
        let message = if Instant::now() >= self.timeouts.until {
            "the stream took longer than [balancing] stream_timeout_ms"
        } else {
            "the provider sent nothing for [balancing] idle_timeout_ms"
        };
        self.ended = true;
        DecodedChunk::failed(UpstreamError::without_response(Failure::Timeout, message))
    }

    /// Ends the attempt as failed; returns the error event for the client.
    fn fail_after_content(&mut self, error: &UpstreamError) -> BytesMut {
        let mut error = error.clone();
        self.settle_failed(&mut error);
        // The provider's own error is passed on. Every other cause means the same to the client: it
        // has part of a response.
        let error = if error.status == 0 {
            UpstreamError::without_response(Failure::Disconnected, error.message)
        } else {
            error
        };
        let error = GatewayError::from(UpstreamFailure {
            error,
            provider: self.provider.clone(),
            setting: "",
            retry_after: None,
        });
        let request_id = self.recorder.as_ref().map(RequestRecorder::request_id);
        let error = ErrorBody {
            request_id: request_id.map(str::to_owned),
            ..error.error_body()
        };
        let mut out = BytesMut::new();
        self.adapter.broken(&error, &mut out);
        out
    }

    /// Ends the stream with an error event at shutdown; the attempt counts as cancelled.
    fn shut_down(&mut self) -> Bytes {
        self.end_with(&GatewayError::ShuttingDown)
    }

    /// Ends the stream with an error of the gateway; the attempt counts as cancelled.
    fn end_with(&mut self, error: &GatewayError) -> Bytes {
        self.settle(Outcome::Cancelled);
        let mut out = BytesMut::new();
        self.adapter.broken(&error.error_body(), &mut out);
        out.freeze()
    }

    fn settle(&mut self, outcome: Outcome) {
        self.ended = true;
        if outcome == Outcome::Success {
            self.drain_tail();
        }
        let usage = self.measured_usage(outcome == Outcome::Success);
        let attempt = self.attempt.take();
        let spent = attempt.map(|attempt| attempt.finish(outcome, usage));
        self.record(RequestResult {
            outcome: match outcome {
                Outcome::Success => RequestOutcome::Ok,
                Outcome::Failed(failure) => RequestOutcome::Error(failure),
                Outcome::Cancelled => RequestOutcome::Cancelled,
            },
            spent: spent.unwrap_or_default(),
            message: None,
        });
    }

    /// Settles a stream that failed; removes all keys from the texts of the error.
    fn settle_failed(&mut self, error: &mut UpstreamError) {
        self.ended = true;
        let usage = self.measured_usage(false);
        let attempt = self.attempt.take();
        let spent = attempt.map(|attempt| attempt.finish_failed(error, usage));
        self.record(RequestResult {
            outcome: RequestOutcome::Error(error.failure),
            spent: spent.unwrap_or_default(),
            message: Some(attempt_failure_text(error)),
        });
    }

    fn record(&mut self, result: RequestResult) {
        match self.recorder.take() {
            Some(mut recorder) => result.record(&mut recorder),
            None => self.result = Some(result),
        }
    }
}

/// A client that disconnects pays for what it was sent.
impl Drop for StreamRelay {
    fn drop(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            if let Some(since) = self.waiting_since {
                attempt.on_client_disconnect(since.elapsed());
            }
            self.settle(Outcome::Cancelled);
        }
    }
}
