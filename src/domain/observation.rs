//! What one finished attempt, request or probe taught us.

use super::failure::Failure;
use super::ids::DecisionId;
use super::lease::AttemptStart;
use super::pricing::MeasuredUsage;
use super::rejection::RejectionReason;
use super::selection_round::SelectionRound;
use super::units::{Money, UnixTime};
use super::upstream_quota::UpstreamLimits;
use crate::domain::index::{ProviderIdx, TargetIdx};

/// News for the model. Built outside, once per attempt, request or probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// Somebody was chosen for a client's request, or nobody could be.
    Selection(Box<SelectionRound>),
    /// The first content of an attempt is here.
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
    /// Place of the target in the catalogue.
    pub target: TargetIdx,
    pub ticket: AttemptStart,
    /// From the start to here.
    pub seconds: f64,
    /// Whether it was the one request that a half-open breaker let through.
    pub trial: bool,
    /// What the answer's headers say of our limits.
    pub limits: UpstreamLimits,
}

/// One attempt at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    /// Place of the target in the catalogue.
    pub target: TargetIdx,
    pub started: UnixTime,
    pub ended: UnixTime,
    pub outcome: Outcome,
    /// Seconds to the first content, where it came.
    pub first_token: Option<f64>,
    /// Nothing where neither the provider nor the answer's length tells.
    pub usage: Option<MeasuredUsage>,
    /// Nothing where the price or the usage is unknown.
    pub cost: Option<Money>,
    /// Whether the answer came as a stream.
    pub streamed: bool,
    /// Whether it was the one request that a half-open breaker let through.
    pub trial: bool,
    /// Members of the request that the provider's protocol has no words for.
    pub dropped_fields: u32,
    /// How things stood when it began.
    pub ticket: AttemptStart,
    /// What the answer's headers say of our limits, where [`FirstToken`] did not carry them.
    pub limits: UpstreamLimits,
    /// Whether the client's own time limit ended it: that says little about the target.
    pub client_deadline_hit: bool,
    /// Seconds for which nothing had come when the client left, where that is longer than a first
    /// token may take: it says how slow the target is at least.
    pub abandoned_after: Option<f64>,
}

impl AttemptEnd {
    pub fn seconds(&self) -> f64 {
        self.ended.seconds_since(self.started)
    }

    /// Whether a [`FirstToken`] went before it.
    pub fn had_first_token(&self) -> bool {
        self.streamed && self.first_token.is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failed(Failure),
    /// The client left before the end.
    Cancelled,
}

/// One client request, whoever answered it in the end.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestEnd {
    pub decision: DecisionId,
    pub request_id: String,
    pub started: UnixTime,
    pub ended: UnixTime,
    pub outcome: RequestOutcome,
    /// The target that answered, or the last one tried.
    pub target: Option<TargetIdx>,
    /// Score of the first choice, 0..1.
    pub score: Option<f64>,
    /// Why that one, in words.
    pub reason: String,
    pub attempts: u32,
    pub usage: Option<MeasuredUsage>,
    pub cost: Option<Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    Ok,
    /// All attempts failed, or the stream broke.
    Error(Failure),
    Cancelled,
    /// Nobody was asked, for want of something.
    Rejected(RejectionReason),
}

/// One probe of one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeEnd {
    /// Place of the provider in the catalogue.
    pub provider: ProviderIdx,
    pub at: UnixTime,
    pub verdict: ProbeVerdict,
    /// What was seen, for example `200` or `connection refused`.
    pub detail: String,
}

/// What a probe means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// It answered as it should.
    Good,
    /// It answered, but not to this question: neither well nor down.
    Inconclusive,
    /// It did not answer, or with a failure of its own.
    Bad,
}
