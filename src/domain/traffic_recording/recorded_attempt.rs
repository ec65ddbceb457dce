//! One recorded attempt.

use crate::domain::failure::Failure;
use crate::domain::ids::{DecisionId, KeyIdx};
use crate::domain::observation::{AttemptEnd, Outcome};
use crate::domain::units::{Money, UnixTime};

/// What an attempt says of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// A complete response.
    Answered,
    /// A failure of the target.
    Failed(Failure),
    /// A 429.
    Limited,
    /// Nothing: the client left, was in a hurry or sent an invalid request, or one of several keys was
    /// not accepted.
    Inconclusive,
}

/// One ended attempt at one target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedAttempt {
    /// Decision of its request.
    pub decision: DecisionId,
    /// The key that it used, where its provider has several.
    pub key: Option<KeyIdx>,
    /// End.
    pub ended: UnixTime,
    /// Attempts in flight at the target before this one.
    pub in_flight: f64,
    /// Seconds to the first content, if it came.
    pub first_token: Option<f64>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Output tokens, if known.
    pub output: Option<f64>,
    /// Estimated tokens of the prompt.
    pub prompt: f64,
    /// Cost in USD, if known.
    pub usd: Option<f64>,
    /// True for a streamed response.
    pub streamed: bool,
    /// Result.
    pub result: AttemptResult,
}

impl RecordedAttempt {
    /// Returns the record of an ended attempt.
    pub fn of(end: &AttemptEnd) -> Self {
        let result = match end.outcome {
            Outcome::Success => AttemptResult::Answered,
            Outcome::Failed(Failure::RateLimit(_)) => AttemptResult::Limited,
            Outcome::Failed(failure)
                if failure.is_client_error()
                    || end.client_deadline_hit
                    || (end.ticket.key.is_some() && failure.is_of_key(false)) =>
            {
                AttemptResult::Inconclusive
            }
            Outcome::Failed(failure) => AttemptResult::Failed(failure),
            Outcome::Cancelled => AttemptResult::Inconclusive,
        };
        Self {
            decision: end.decision,
            key: end.ticket.key,
            ended: end.ended,
            in_flight: end.ticket.load.exp_m1().round().max(0.0),
            first_token: end.first_token,
            seconds: end.seconds(),
            output: end.usage.map(|measured| measured.usage.output as f64),
            prompt: end.ticket.prompt,
            usd: end.cost.map(Money::usd),
            streamed: end.streamed,
            result,
        }
    }
}
