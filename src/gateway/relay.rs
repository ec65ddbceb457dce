//! A stream on its way from an upstream to the client, event by event through its passage. Until
//! the first content nothing has been promised and another target may still answer; after it a
//! broken stream ends in an error event, and never looks like a whole one. Where streams are begun
//! again instead, nothing is promised until the answer is whole.

mod first_content;

use super::attempt::{Attempt, AttemptUsage};
use super::byte_budget::ByteReservation;
use super::error::GatewayError;
use super::request_recorder::RequestRecorder;
use super::shutdown::ShutdownSignal;
use crate::domain::{Failure, MeasuredUsage, Outcome, RequestOutcome};
use crate::protocols::{
    Event, ResponseAdapter, Splitter, StreamEventKind, UpstreamError, body_of, transport_failure,
};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long the upstream may take to end its bytes once the answer is whole, so that the
/// connection can be used again.
const TAIL_DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long parts of a stream may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTimeouts {
    /// Between two reads.
    pub idle: Duration,
    /// End of the whole stream.
    pub until: Instant,
}

/// What a stretch of bytes came to.
#[derive(Debug, Default)]
struct DecodedChunk {
    /// For the client.
    out: BytesMut,
    events: u32,
    /// Something a client waits for was in it.
    content: bool,
    end: Option<StreamEnd>,
}

impl DecodedChunk {
    fn broken(upset: UpstreamError) -> Self {
        Self {
            end: Some(StreamEnd::Broken(upset)),
            ..Self::default()
        }
    }
}

#[derive(Debug)]
enum StreamEnd {
    Whole,
    Broken(UpstreamError),
}

/// One stream.
pub(super) struct StreamRelay {
    upstream: BoxStream<'static, reqwest::Result<Bytes>>,
    splitter: Splitter,
    passage: Box<dyn ResponseAdapter>,
    pace: StreamTimeouts,
    /// Estimated tokens of the prompt, for an answer that breaks off before it is reported.
    prompt: u64,
    held: BytesMut,
    /// Where the answer is held back until it is whole.
    place: Option<ByteReservation>,
    /// Since when more is waited for.
    waiting: Option<Instant>,
    /// For the error event.
    provider: String,
    attempt: Option<Attempt>,
    record: Option<RequestRecorder>,
    /// How it went, where that was known before the record came to live here.
    fate: Option<(RequestOutcome, AttemptUsage)>,
    /// Resolves when the gateway stops. One for all reads, as the alarm is: to set either anew for
    /// each would cost as much as the read.
    closing: BoxFuture<'static, ()>,
    /// Set to when a read is overdue, or earlier.
    alarm: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl StreamRelay {
    pub fn new(
        answer: reqwest::Response,
        passage: Box<dyn ResponseAdapter>,
        pace: StreamTimeouts,
        prompt: u64,
        provider: &str,
        attempt: Attempt,
    ) -> Self {
        Self {
            upstream: body_of(answer).boxed(),
            splitter: Splitter::new(passage.framing()),
            passage,
            pace,
            prompt,
            held: BytesMut::new(),
            place: None,
            waiting: None,
            provider: provider.to_owned(),
            attempt: Some(attempt),
            record: None,
            fate: None,
            closing: pending().boxed(),
            alarm: None,
            ended: false,
        }
    }

    /// Ends with an error event when that is told.
    pub fn with_shutdown(mut self, mut closing: ShutdownSignal) -> Self {
        self.closing = async move { closing.triggered().await }.boxed();
        self
    }

    /// The whole answer is held back, for as long as its place holds it.
    pub fn hold(&mut self, place: ByteReservation) {
        self.place = Some(place);
    }

    fn metered(&self, is_whole: bool) -> Option<MeasuredUsage> {
        let (reported, said) = (self.passage.usage(), self.passage.text_bytes());
        MeasuredUsage::of(reported, is_whole, self.prompt, said)
    }

    /// The next read after the first content; nothing where the gateway stops.
    async fn more(&mut self) -> Option<DecodedChunk> {
        let now = Instant::now();
        self.waiting = Some(now);
        let deadline = self.pace.until.min(now + self.pace.idle);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        let read = loop {
            tokio::select! {
                biased;
                read = self.upstream.next() => break Some(read),
                () = &mut *alarm => {
                    if Instant::now() >= deadline {
                        break None;
                    }
                    alarm.as_mut().reset(deadline);
                }
                () = &mut self.closing => return None,
            }
        };
        self.waiting = None;
        Some(match read {
            Some(read) => self.on_read(read),
            None => self.too_slow(),
        })
    }

    /// The body of the answer. What happens to the client's request is written into its record,
    /// which lives here from now on.
    pub fn into_body(
        mut self,
        mut record: RequestRecorder,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        match self.fate.take() {
            Some((outcome, spent)) => record.end(outcome, spent),
            None => self.record = Some(record),
        }
        stream::unfold(self, |mut relay| async move {
            let bytes = relay.next_bytes().await?;
            Some((Ok(bytes), relay))
        })
    }

    fn begin(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.first_token();
        }
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        if !self.held.is_empty() {
            self.place = None;
            return Some(self.held.split().freeze());
        }
        while !self.ended {
            let Some(stretch) = self.more().await else {
                return Some(self.close());
            };
            let mut out = stretch.out;
            match stretch.end {
                Some(StreamEnd::Whole) => self.settle(Outcome::Success),
                Some(StreamEnd::Broken(upset)) => {
                    let event = self.broken(&upset);
                    out.extend_from_slice(&event);
                }
                None => {}
            }
            if !out.is_empty() {
                return Some(out.freeze());
            }
        }
        None
    }

    /// The answer is whole, but its bytes may not have ended yet. The client does not wait for
    /// that.
    fn drain_tail(&mut self) {
        let mut upstream = std::mem::replace(&mut self.upstream, stream::empty().boxed());
        if upstream.next().now_or_never().is_none() {
            tokio::spawn(async move {
                let _may_be_late = tokio::time::timeout(TAIL_DRAIN_TIMEOUT, upstream.next()).await;
            });
        }
    }

    /// One read of the upstream: bytes, an error, or the end.
    fn on_read(&mut self, read: Option<reqwest::Result<Bytes>>) -> DecodedChunk {
        let mut stretch = DecodedChunk::default();
        match read {
            Some(Ok(bytes)) => {
                self.splitter.push(&bytes);
                self.decode_buffer(&mut stretch);
            }
            Some(Err(error)) => {
                let failure = transport_failure(&error);
                stretch.end = Some(StreamEnd::Broken(UpstreamError::without_response(
                    failure,
                    "the provider's stream broke off",
                )));
            }
            None => self.on_eof(&mut stretch),
        }
        if stretch.end.is_some() {
            self.ended = true;
        }
        stretch
    }

    fn decode_buffer(&mut self, stretch: &mut DecodedChunk) {
        while stretch.end.is_none() {
            match self.splitter.next_event() {
                Ok(Some(event)) => self.pass(&event, stretch),
                Ok(None) => return,
                Err(error) => {
                    stretch.end = Some(StreamEnd::Broken(UpstreamError::without_response(
                        Failure::Server,
                        error.to_string(),
                    )));
                }
            }
        }
    }

    fn pass(&mut self, event: &Event, stretch: &mut DecodedChunk) {
        // Comments keep a connection alive for as long as it takes and promise nothing.
        stretch.events += u32::from(!event.raw.starts_with(b":"));
        match self.passage.read(event, &mut stretch.out) {
            StreamEventKind::Broken(upset) => stretch.end = Some(StreamEnd::Broken(upset)),
            StreamEventKind::Done => stretch.end = Some(StreamEnd::Whole),
            StreamEventKind::Content | StreamEventKind::Finish => stretch.content = true,
            StreamEventKind::NoContent => {}
        }
    }

    /// The bytes are over. Without the terminator that is an end only where every choice has one.
    fn on_eof(&mut self, stretch: &mut DecodedChunk) {
        if let Some(event) = self.splitter.rest() {
            self.pass(&event, stretch);
        }
        if stretch.end.is_some() {
            return;
        }
        if self.passage.may_end() {
            self.passage.close(&mut stretch.out);
            stretch.end = Some(StreamEnd::Whole);
        } else {
            let upset = UpstreamError::without_response(
                Failure::Disconnected,
                "the provider's stream ended before its answer did",
            );
            stretch.end = Some(StreamEnd::Broken(upset));
        }
    }

    fn too_slow(&mut self) -> DecodedChunk {
        let message = if Instant::now() >= self.pace.until {
            "the stream took longer than [balancing] stream_timeout_ms"
        } else {
            "the provider sent nothing for [balancing] idle_timeout_ms"
        };
        self.ended = true;
        DecodedChunk::broken(UpstreamError::without_response(Failure::Timeout, message))
    }

    /// Ends the attempt as failed; gives the event that tells the client.
    fn broken(&mut self, upset: &UpstreamError) -> BytesMut {
        self.settle(Outcome::Failed(upset.failure));
        // What the provider stated is told as it is. All else is one thing for the client,
        // whatever cut the stream: it has part of an answer.
        let told = if upset.status == 0 {
            &UpstreamError::without_response(Failure::Disconnected, upset.message.clone())
        } else {
            upset
        };
        let told = GatewayError::upstream(told, &self.provider, "").error_body();
        let mut out = BytesMut::new();
        self.passage.broken(&told, &mut out);
        out
    }

    /// The gateway stops: nobody's failure, but no whole answer either.
    fn close(&mut self) -> Bytes {
        self.settle(Outcome::Cancelled);
        let mut out = BytesMut::new();
        self.passage
            .broken(&GatewayError::closing().error_body(), &mut out);
        out.freeze()
    }

    fn settle(&mut self, outcome: Outcome) {
        self.ended = true;
        if outcome == Outcome::Success {
            self.drain_tail();
        }
        let usage = self.metered(outcome == Outcome::Success);
        let spent = self
            .attempt
            .take()
            .map_or(AttemptUsage::default(), |attempt| {
                attempt.finish(outcome, usage)
            });
        let outcome = match outcome {
            Outcome::Success => RequestOutcome::Ok,
            Outcome::Failed(failure) => RequestOutcome::Error(failure),
            Outcome::Cancelled => RequestOutcome::Cancelled,
        };
        match self.record.take() {
            Some(mut record) => record.end(outcome, spent),
            None => self.fate = Some((outcome, spent)),
        }
    }
}

/// A client that leaves is billed for what it was sent.
impl Drop for StreamRelay {
    fn drop(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            if let Some(since) = self.waiting {
                attempt.on_client_disconnect(since.elapsed());
            }
            self.settle(Outcome::Cancelled);
        }
    }
}
