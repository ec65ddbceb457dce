//! Record of one decision, and what went wrong with its request.

use super::attempt_record::AttemptRecord;
use super::failure::Failure;
use super::ids::DecisionId;
use super::observation::{Outcome, RequestEnd, RequestOutcome};
use super::selection_round::SelectionRound;

/// What a person would call trouble with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionTrouble {
    /// The client got no complete response: all attempts failed, or the request was rejected.
    Failed,
    /// An attempt failed, and a later one or one beside it answered.
    Saved,
}

/// Record of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// Id of the decision.
    pub id: DecisionId,
    /// Selections, oldest first; empty if their record was lost.
    pub rounds: Vec<SelectionRound>,
    /// Finished attempts, oldest first; at most 16.
    pub attempts: Vec<AttemptRecord>,
    /// End of the request; `None` while it runs.
    pub end: Option<RequestEnd>,
}

impl DecisionRecord {
    /// Returns true if nothing was sent.
    pub fn is_dry_run(&self) -> bool {
        self.rounds.iter().any(|round| round.is_dry_run)
    }

    /// Number of candidates in all its selections: what its size in memory depends on.
    pub(super) fn size(&self) -> usize {
        self.rounds.iter().map(|round| round.candidates.len()).sum()
    }

    /// What went wrong; `None` while the request runs, for a plain success, and for a client that
    /// left.
    pub fn trouble(&self) -> Option<DecisionTrouble> {
        let end = self.end.as_ref()?;
        match end.outcome {
            RequestOutcome::Error(_) | RequestOutcome::Rejected(_) => Some(DecisionTrouble::Failed),
            RequestOutcome::Ok => self.saved_from().map(|_| DecisionTrouble::Saved),
            RequestOutcome::Cancelled => None,
        }
    }

    /// Failure of the first attempt that failed, where another one answered the client; `None`
    /// otherwise.
    pub fn saved_from(&self) -> Option<Failure> {
        let end = self.end.as_ref()?;
        let failure = |attempt: &AttemptRecord| match attempt.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Success | Outcome::Cancelled => None,
        };
        let first = self.attempts.iter().find_map(failure);
        first.filter(|_| end.outcome == RequestOutcome::Ok)
    }
}
