//! A stream on its way from an upstream to the client, event by event through its passage. Until the first content nothing has been promised and another target may still answer;
//! after it a broken stream ends in an error event, and never looks like a whole one.

use super::attempt::{Attempt, Spent};
use super::closing::Closing;
use super::error::GatewayError;
use super::record::Record;
use crate::domain::{Failure, Metered, Outcome, RequestOutcome};
use crate::protocols::{Event, Meaning, Passage, Splitter, Upset, body_of, transport_failure};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What may come before the first content and is held back; more than this is let go as if it
/// were content.
const HELD_EVENTS: u32 = 64;
const HELD_BYTES: usize = 256 * 1024;
/// How long the upstream may take to end its bytes once the answer is whole, so that the
/// connection can be used again.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long parts of a stream may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two reads.
    pub idle: Duration,
    /// End of the whole stream.
    pub until: Instant,
}

/// What a stretch of bytes came to.
#[derive(Debug, Default)]
struct Stretch {
    /// For the client.
    out: BytesMut,
    events: u32,
    /// Something a client waits for was in it.
    content: bool,
    end: Option<Ending>,
}

#[derive(Debug)]
enum Ending {
    Whole,
    Broken(Upset),
}

/// One stream.
pub(super) struct Relay {
    upstream: BoxStream<'static, reqwest::Result<Bytes>>,
    splitter: Splitter,
    passage: Box<dyn Passage>,
    pace: Pace,
    /// Estimated tokens of the prompt, for an answer that breaks off before it is reported.
    prompt: u64,
    held: BytesMut,
    /// For the error event.
    provider: String,
    attempt: Option<Attempt>,
    record: Option<Record>,
    /// How it went, where that was known before the record came to live here.
    fate: Option<(RequestOutcome, Spent)>,
    closing: Closing,
    ended: bool,
}

impl Relay {
    pub fn new(
        answer: reqwest::Response,
        passage: Box<dyn Passage>,
        pace: Pace,
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
            provider: provider.to_owned(),
            attempt: Some(attempt),
            record: None,
            fate: None,
            closing: Closing::default(),
            ended: false,
        }
    }

    /// Ends with an error event when that is told.
    pub fn closed_by(mut self, closing: Closing) -> Self {
        self.closing = closing;
        self
    }

    /// Reads up to the first content. On failure the attempt is over and the client has seen
    /// nothing of it.
    pub async fn until_content(
        mut self,
        deadline: Instant,
    ) -> Result<Self, (Upset, Option<Attempt>)> {
        let mut events = 0;
        loop {
            let read = timeout_at(deadline, self.upstream.next()).await;
            let stretch = match read {
                Err(_) => {
                    let upset = Upset::silent(Failure::Timeout, "no first token in time");
                    return Err((upset, self.attempt.take()));
                }
                Ok(read) => self.take_in(read),
            };
            events += stretch.events;
            self.held.extend_from_slice(&stretch.out);
            match stretch.end {
                Some(Ending::Broken(upset)) if !stretch.content => {
                    return Err((upset, self.attempt.take()));
                }
                Some(Ending::Broken(upset)) => {
                    // Content and break in one read: the content is the client's, the break too.
                    self.begin();
                    let bytes = self.broken(&upset);
                    self.held.extend_from_slice(&bytes);
                    return Ok(self);
                }
                Some(Ending::Whole) => {
                    self.begin();
                    self.settle(Outcome::Success);
                    return Ok(self);
                }
                None => {}
            }
            if stretch.content || events > HELD_EVENTS || self.held.len() > HELD_BYTES {
                self.begin();
                return Ok(self);
            }
        }
    }

    /// The body of the answer. What happens to the client's request is written into its record,
    /// which lives here from now on.
    pub fn into_body(
        mut self,
        mut record: Record,
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
            return Some(self.held.split().freeze());
        }
        while !self.ended {
            let deadline = self.pace.until.min(Instant::now() + self.pace.idle);
            let read = tokio::select! {
                biased;
                read = timeout_at(deadline, self.upstream.next()) => read,
                () = self.closing.told() => return Some(self.close()),
            };
            let stretch = match read {
                Ok(read) => self.take_in(read),
                Err(_) => self.too_slow(),
            };
            let mut out = stretch.out;
            match stretch.end {
                Some(Ending::Whole) => self.settle(Outcome::Success),
                Some(Ending::Broken(upset)) => {
                    let event = self.broken(&upset);
                    out.extend_from_slice(&event);
                }
                None => {}
            }
            if !out.is_empty() {
                return Some(out.freeze());
            }
        }
        let _may_be_late = tokio::time::timeout(FAREWELL, self.upstream.next()).await;
        None
    }

    /// One read of the upstream: bytes, an error, or the end.
    fn take_in(&mut self, read: Option<reqwest::Result<Bytes>>) -> Stretch {
        let mut stretch = Stretch::default();
        match read {
            Some(Ok(bytes)) => {
                self.splitter.push(&bytes);
                self.digest(&mut stretch);
            }
            Some(Err(error)) => {
                let failure = transport_failure(&error);
                stretch.end = Some(Ending::Broken(Upset::silent(
                    failure,
                    "the provider's stream broke off",
                )));
            }
            None => self.run_out(&mut stretch),
        }
        if stretch.end.is_some() {
            self.ended = true;
        }
        stretch
    }

    fn digest(&mut self, stretch: &mut Stretch) {
        while stretch.end.is_none() {
            match self.splitter.next_event() {
                Ok(Some(event)) => self.pass(&event, stretch),
                Ok(None) => return,
                Err(error) => {
                    stretch.end = Some(Ending::Broken(Upset::silent(
                        Failure::Server,
                        error.to_string(),
                    )));
                }
            }
        }
    }

    fn pass(&mut self, event: &Event, stretch: &mut Stretch) {
        // Comments keep a connection alive for as long as it takes and promise nothing.
        stretch.events += u32::from(!event.raw.starts_with(b":"));
        match self.passage.read(event, &mut stretch.out) {
            Meaning::Broken(upset) => stretch.end = Some(Ending::Broken(upset)),
            Meaning::Done => stretch.end = Some(Ending::Whole),
            Meaning::Content | Meaning::Finish => stretch.content = true,
            Meaning::Quiet => {}
        }
    }

    /// The bytes are over. Without the terminator that is an end only where every choice has one.
    fn run_out(&mut self, stretch: &mut Stretch) {
        if let Some(event) = self.splitter.rest() {
            self.pass(&event, stretch);
        }
        if stretch.end.is_some() {
            return;
        }
        if self.passage.may_end() {
            self.passage.close(&mut stretch.out);
            stretch.end = Some(Ending::Whole);
        } else {
            let upset = Upset::silent(
                Failure::Disconnected,
                "the provider's stream ended before its answer did",
            );
            stretch.end = Some(Ending::Broken(upset));
        }
    }

    fn too_slow(&mut self) -> Stretch {
        let message = if Instant::now() >= self.pace.until {
            "the stream took longer than [balancing] stream_timeout_ms"
        } else {
            "the provider sent nothing for [balancing] idle_timeout_ms"
        };
        self.ended = true;
        Stretch {
            end: Some(Ending::Broken(Upset::silent(Failure::Timeout, message))),
            ..Stretch::default()
        }
    }

    /// Ends the attempt as failed; gives the event that tells the client.
    fn broken(&mut self, upset: &Upset) -> BytesMut {
        self.settle(Outcome::Failed(upset.failure));
        // What the provider stated is told as it is. All else is one thing for the client,
        // whatever cut the stream: it has part of an answer.
        let told = if upset.status == 0 {
            &Upset::silent(Failure::Disconnected, upset.message.clone())
        } else {
            upset
        };
        let told = GatewayError::upstream(told, &self.provider, "").told();
        let mut out = BytesMut::new();
        self.passage.broken(&told, &mut out);
        out
    }

    /// The gateway stops: nobody's failure, but no whole answer either.
    fn close(&mut self) -> Bytes {
        self.settle(Outcome::Cancelled);
        let mut out = BytesMut::new();
        self.passage
            .broken(&GatewayError::closing().told(), &mut out);
        out.freeze()
    }

    fn settle(&mut self, outcome: Outcome) {
        self.ended = true;
        let is_whole = outcome == Outcome::Success;
        let (reported, said) = (self.passage.usage(), self.passage.said());
        let usage = Metered::of(reported, is_whole, self.prompt, said);
        let spent = self
            .attempt
            .take()
            .map_or(Spent::default(), |attempt| attempt.finish(outcome, usage));
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
impl Drop for Relay {
    fn drop(&mut self) {
        if self.attempt.is_some() {
            self.settle(Outcome::Cancelled);
        }
    }
}
