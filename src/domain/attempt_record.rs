//! Record of one attempt, as a decision keeps it.

use super::ids::KeyIdx;
use super::index::TargetIdx;
use super::observation::{AttemptEnd, Outcome};
use super::pricing::MeasuredUsage;
use super::units::{Money, UnixTime};
use std::sync::Arc;

/// One attempt of a recorded decision.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    /// Number of the attempt, 1 for the first.
    pub number: u32,
    /// The target.
    pub target: TargetIdx,
    /// The key that it used, where its provider has several.
    pub key: Option<KeyIdx>,
    /// Start.
    pub started: UnixTime,
    /// End.
    pub ended: UnixTime,
    /// Outcome.
    pub outcome: Outcome,
    /// HTTP status of the provider; `None` where no response came.
    pub status: Option<u16>,
    /// Message of a failure, shortened.
    pub message: Option<Arc<str>>,
    /// Seconds to the first content, if it came.
    pub first_token: Option<f64>,
    /// None if neither reported nor estimable.
    pub usage: Option<MeasuredUsage>,
    /// None if the price or the usage is unknown.
    pub cost: Option<Money>,
}

impl From<&AttemptEnd> for AttemptRecord {
    fn from(end: &AttemptEnd) -> Self {
        Self {
            number: end.number,
            target: end.target,
            key: end.ticket.key,
            started: end.started,
            ended: end.ended,
            outcome: end.outcome,
            status: end.status,
            message: end.message.clone(),
            first_token: end.first_token,
            usage: end.usage,
            cost: end.cost,
        }
    }
}
