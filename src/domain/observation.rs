//! What one finished attempt, request or probe taught us.

use super::decision_log::SelectionRound;
use super::ids::DecisionId;
use super::lease::AttemptStart;
use super::pricing::MeasuredUsage;
use super::units::{Money, UnixTime};
use super::upstream_quota::UpstreamLimits;
use crate::domain::index::{ProviderIdx, TargetIdx};
use std::time::Duration;

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

/// Why an attempt failed: the class decides who may be asked next and what the target's record
/// shows for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The request itself is wrong; no other target would take it.
    InvalidRequest,
    /// Too long for this model.
    ContextLength,
    /// The provider refuses our key.
    Auth,
    /// Our key may not use this.
    Permission,
    /// The provider does not know the model.
    NotFound,
    /// The body is too large for the provider.
    TooLarge,
    /// The provider's protocol has no words for what is asked; another's may.
    Unsupported,
    /// Too many requests or tokens; with the delay it asked for.
    RateLimit(Option<Duration>),
    /// The account has no money or no quota left.
    Quota,
    /// No answer in time.
    Timeout,
    /// The provider has too much to do; with the delay it asked for.
    Overloaded(Option<Duration>),
    /// The provider's own mistake, or an answer that nobody can read.
    Server,
    /// No connection, or the answer broke off.
    Disconnected,
}

impl Failure {
    /// Whether the client caused it: then it counts in no rate and another target would not help.
    pub fn is_client_error(self) -> bool {
        matches!(
            self,
            Self::InvalidRequest | Self::ContextLength | Self::TooLarge | Self::Unsupported
        )
    }

    /// Whether it is our own key that is refused.
    pub fn is_auth(self) -> bool {
        matches!(self, Self::Auth | Self::Permission)
    }

    /// Whether another target may answer the same request.
    pub fn can_fail_over(self) -> bool {
        !matches!(self, Self::InvalidRequest)
    }

    /// Whether the same target may answer a little later.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimit(_)
                | Self::Timeout
                | Self::Overloaded(_)
                | Self::Server
                | Self::Disconnected
        )
    }

    /// Whether it speaks against the target's health: its breaker and its reliability hear of it.
    pub fn counts_against_health(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Overloaded(_) | Self::Server | Self::Disconnected
        )
    }

    /// How long the target is left alone because of it, whatever its breaker says: as long as the
    /// provider asks, and for what only people can mend long enough not to be hammered on.
    pub fn cooldown(self) -> Option<Duration> {
        match self {
            Self::Auth | Self::Permission => Some(Duration::from_mins(5)),
            Self::NotFound => Some(Duration::from_mins(1)),
            Self::Quota => Some(Duration::from_mins(10)),
            Self::RateLimit(delay) | Self::Overloaded(delay) => delay,
            _ => None,
        }
    }

    /// One word for logs, events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::ContextLength => "context_length",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::RateLimit(_) => "rate_limit",
            Self::Quota => "quota",
            Self::Timeout => "timeout",
            Self::Overloaded(_) => "overloaded",
            Self::Server => "server",
            Self::Disconnected => "disconnected",
        }
    }
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

/// What was missing for a request that was refused before anybody was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// A target that may serve.
    NoTarget,
    /// Money of a budget. That is the operator's wish, and counts in no rate.
    BudgetExceeded,
    /// Room: more requests ran than the gateway takes at once.
    Overloaded,
}

impl RejectionReason {
    pub const ALL: [Self; 3] = [Self::NoTarget, Self::BudgetExceeded, Self::Overloaded];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoTarget => "no target may serve",
            Self::BudgetExceeded => "no budget has room for it",
            Self::Overloaded => "too many requests at once",
        }
    }
}

/// How many requests were refused for want of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RejectionCounts {
    pub target: u64,
    pub budget: u64,
    pub room: u64,
}

impl RejectionCounts {
    pub fn add(&mut self, want: RejectionReason, count: u64) {
        match want {
            RejectionReason::NoTarget => self.target += count,
            RejectionReason::BudgetExceeded => self.budget += count,
            RejectionReason::Overloaded => self.room += count,
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.target += other.target;
        self.budget += other.budget;
        self.room += other.room;
    }
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
