//! Results of attempts, requests and probes.

use super::failure::Failure;
use super::hedging::{Hedge, HedgeEnd};
use super::ids::DecisionId;
use super::lease::AttemptStart;
use super::pricing::MeasuredUsage;
use super::rejection::RejectionReason;
use super::selection_round::SelectionRound;
use super::tag::Tag;
use super::units::{Money, UnixTime};
use super::upstream_quota::UpstreamLimits;
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::sync::Arc;
use std::time::Duration;

/// Input of the statistics, made once per attempt, request or probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// A selection for a client's request, with or without an eligible target.
    Selection(Box<SelectionRound>),
    /// The first content of an attempt arrived.
    FirstToken(FirstToken),
    /// An attempt ended at a target.
    Attempt(AttemptEnd),
    /// A client's request ended, after one attempt or several.
    Request(RequestEnd),
    /// A probe came back from a provider.
    Probe(ProbeEnd),
}

/// The first content of one attempt at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstToken {
    /// The target.
    pub target: TargetIdx,
    /// State at the start of the attempt.
    pub ticket: AttemptStart,
    /// Seconds from the start to the first content.
    pub seconds: f64,
    /// True for the probe of a half-open circuit breaker.
    pub trial: bool,
    /// Rate limits from the response headers.
    pub limits: UpstreamLimits,
}

/// Whose request it is and what it asked for; shared by the observations of one request and its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestIdentity {
    /// Name of the operation in metrics, for example `chat`.
    pub operation: &'static str,
    /// The model's name as the client wrote it, at most 256 bytes; empty where it wrote none.
    pub model: Arc<str>,
    /// Name of the client's token, `local` where none is needed; empty where it is unknown.
    pub client: Arc<str>,
    /// What the client says the request is for.
    pub tag: Option<Tag>,
}

impl Default for RequestIdentity {
    fn default() -> Self {
        Self {
            operation: "other",
            model: Arc::default(),
            client: Arc::default(),
            tag: None,
        }
    }
}

/// One attempt at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    /// Identifier of the decision.
    pub decision: DecisionId,
    /// Whose request it is and what it asked for.
    pub identity: Arc<RequestIdentity>,
    /// Number of the attempt, 1 for the first; 0 for one that ran outside of the gateway.
    pub number: u32,
    /// The target.
    pub target: TargetIdx,
    /// Start.
    pub started: UnixTime,
    /// End.
    pub ended: UnixTime,
    /// Outcome.
    pub outcome: Outcome,
    /// HTTP status of the provider; `None` where no response came.
    pub status: Option<u16>,
    /// Message of a failure: shortened, without keys, and without what a provider quotes of a request.
    pub message: Option<Arc<str>>,
    /// Seconds to the first content, if it came.
    pub first_token: Option<f64>,
    /// None if neither reported nor estimable.
    pub usage: Option<MeasuredUsage>,
    /// None if the price or the usage is unknown.
    pub cost: Option<Money>,
    /// True for a streamed response.
    pub streamed: bool,
    /// True for the probe of a half-open circuit breaker.
    pub trial: bool,
    /// Request fields without an equivalent in the provider's protocol.
    pub dropped_fields: u32,
    /// State at the start of the attempt.
    pub ticket: AttemptStart,
    /// Rate limits from the response headers, if [`FirstToken`] did not carry them.
    pub limits: UpstreamLimits,
    /// True if the client's own deadline ended it, which says little about the target.
    pub client_deadline_hit: bool,
    /// Seconds without any content when the client left, if longer than a first token may take: a
    /// lower bound of the target's latency.
    pub abandoned_after: Option<f64>,
}

impl AttemptEnd {
    /// Returns the duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.ended.seconds_since(self.started)
    }

    /// Returns the cause of a failure: its class, and for a lost connection how it was lost.
    pub fn cause(&self, failure: Failure) -> String {
        match &self.message {
            Some(message) if failure == Failure::Disconnected => {
                format!("{}: {message}", failure.as_str())
            }
            _ => failure.as_str().to_owned(),
        }
    }

    /// Returns true if a [`FirstToken`] preceded it.
    pub fn had_first_token(&self) -> bool {
        self.streamed && self.first_token.is_some()
    }
}

/// Outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The response was complete.
    Success,
    /// The attempt failed.
    Failed(Failure),
    /// The client left before the end.
    Cancelled,
}

/// One finished client request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestEnd {
    /// Identifier of the decision.
    pub decision: DecisionId,
    /// Whose request it is and what it asked for.
    pub identity: Arc<RequestIdentity>,
    /// The `x-request-id` of the request.
    pub request_id: String,
    /// Start.
    pub started: UnixTime,
    /// End.
    pub ended: UnixTime,
    /// Outcome.
    pub outcome: RequestOutcome,
    /// HTTP status of the response; `None` if the client left before.
    pub status: Option<u16>,
    /// Message of a failure, as in [`AttemptEnd::message`].
    pub message: Option<Arc<str>>,
    /// The target that responded, or the last one tried.
    pub target: Option<TargetIdx>,
    /// Score of the first choice, 0..1.
    pub score: Option<f64>,
    /// Reason of the selection, as text.
    pub reason: String,
    /// Number of attempts.
    pub attempts: u32,
    /// Number of times that another target took over after a failure.
    pub fallbacks: u32,
    /// What became of it when its first content was late; a second attempt counts in `attempts`.
    pub hedge: Option<Hedge>,
    /// Seconds from the request to the first content of its stream, if it got one.
    pub first_content: Option<f64>,
    /// Seconds that the gateway itself took for the beginning of the response, if it made one.
    pub gateway_seconds: Option<f64>,
    /// Tokens used by all attempts; `None` if unknown.
    pub usage: Option<MeasuredUsage>,
    /// Cost of all attempts; `None` if unknown.
    pub cost: Option<Money>,
    /// Names of the request's fields that the last target's protocol could not carry; only the
    /// first of them.
    pub dropped_fields: Vec<String>,
}

impl RequestEnd {
    /// Returns the attempts after the first one, without one that ran beside another.
    pub fn retries(&self) -> u32 {
        let hedges = u32::from(self.hedged().is_some());
        self.attempts.saturating_sub(1 + hedges)
    }

    /// Returns the second attempt that ran beside another one.
    pub fn hedged(&self) -> Option<HedgeEnd> {
        match self.hedge? {
            Hedge::Ran(end) => Some(end),
            Hedge::Refused(_) => None,
        }
    }
}

/// Outcome of a client request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The client got a complete response.
    Ok,
    /// All attempts failed, or the stream broke.
    Error(Failure),
    /// The client left before the end.
    Cancelled,
    /// Rejected before any target was called.
    Rejected(RejectionReason),
}

/// One probe of one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeEnd {
    /// The provider.
    pub provider: ProviderIdx,
    /// Time of the result.
    pub at: UnixTime,
    /// Time from the request to the result.
    pub latency: Duration,
    /// Result of the probe.
    pub verdict: ProbeVerdict,
    /// Detail, for example `200` or `connection refused`.
    pub detail: String,
    /// Context windows in tokens that the response states, by the model's name.
    pub context_windows: Vec<(String, u64)>,
}

/// Result of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// A valid response.
    Good,
    /// A response that proves neither health nor an outage.
    Inconclusive,
    /// No response, or a server error.
    Bad,
}
