//! Record of the latest traffic: what clients asked for and what each attempt came to. A closed-loop
//! forecast replays the requests and learns the targets from the attempts.

mod recorded_attempt;
mod recorded_request;
mod restore;

pub use recorded_attempt::{AttemptResult, RecordedAttempt};
pub use recorded_request::RecordedRequest;
pub use restore::PastTraffic;

use super::ids::DecisionId;
use super::index::TargetIdx;
use super::observation::{AttemptEnd, RequestEnd, RequestOutcome};
use super::request_terms::RequestTerms;
use super::selection_round::SelectionRound;
use super::units::UnixTime;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Age of the oldest record.
const MEMORY: Duration = Duration::from_mins(15);
/// Maximum number of stored requests, and of stored attempts of one target.
const MAX_REQUESTS: usize = 40_000;
const MAX_ATTEMPTS: usize = 16_384;
/// Number of latest distinct terms that are compared, so that equal ones are stored once.
const KEPT_TERMS: usize = 16;

/// Bounded record of the latest requests and attempts.
#[derive(Debug, Clone, Default)]
pub struct TrafficRecording {
    requests: VecDeque<RecordedRequest>,
    /// Requests removed so far; the place of the oldest one among all.
    removed: u64,
    /// Places of the requests that have not ended.
    running: BTreeMap<DecisionId, u64>,
    /// Attempts by target index, in the order of their ends.
    attempts: Vec<VecDeque<RecordedAttempt>>,
    terms: VecDeque<Arc<RequestTerms>>,
    /// True while the oldest requests are those of an earlier process, which had more.
    is_cut: bool,
}

impl TrafficRecording {
    /// Records the first selection of a request.
    pub fn add_round(&mut self, round: &SelectionRound) {
        let Some(terms) = &round.terms else { return };
        if round.is_dry_run || round.attempt != 1 {
            return;
        }
        let place = self.removed + self.requests.len() as u64;
        self.running.insert(round.decision, place);
        let terms = self.shared(terms);
        self.requests.push_back(RecordedRequest {
            at: round.at,
            decision: round.decision,
            class: round.class,
            input: round.input,
            output: round.output * terms.choices,
            is_measured: false,
            terms,
        });
        while self.requests.len() > MAX_REQUESTS || self.is_first_old(round.at) {
            self.remove_first();
            self.is_cut = false;
        }
    }

    /// Records what a complete response used in place of what was expected.
    pub fn end_request(&mut self, end: &RequestEnd) {
        let place = self.running.remove(&end.decision);
        let Some(usage) = end.usage.filter(|_| end.outcome == RequestOutcome::Ok) else {
            return;
        };
        let index = place.and_then(|place| usize::try_from(place.checked_sub(self.removed)?).ok());
        if let Some(request) = index.and_then(|index| self.requests.get_mut(index)) {
            request.output = usage.usage.output as f64;
            request.is_measured = true;
        }
    }

    /// Records an ended attempt.
    pub fn end_attempt(&mut self, end: &AttemptEnd) {
        let ring = self.ring(end.target);
        ring.push_back(RecordedAttempt::of(end));
        let is_old = |attempt: &RecordedAttempt| end.ended.since(attempt.ended) > MEMORY;
        while ring.len() > MAX_ATTEMPTS || ring.front().is_some_and(is_old) {
            ring.pop_front();
        }
    }

    /// Forgets the attempts of a target, after its address changed.
    pub fn forget(&mut self, target: TargetIdx) {
        if let Some(ring) = self.attempts.get_mut(target.get()) {
            ring.clear();
        }
    }

    /// Returns the requests since 15 minutes before `now`, oldest first.
    pub fn requests(&self, now: UnixTime) -> Vec<RecordedRequest> {
        let recent = |request: &&RecordedRequest| now.since(request.at) <= MEMORY;
        self.requests.iter().filter(recent).cloned().collect()
    }

    /// Returns the attempts of a target since 15 minutes before `now`, in the order of their ends.
    pub fn attempts(&self, target: TargetIdx, now: UnixTime) -> Vec<RecordedAttempt> {
        let ring = self.attempts.get(target.get()).into_iter().flatten();
        let recent = |attempt: &&RecordedAttempt| now.since(attempt.ended) <= MEMORY;
        ring.filter(recent).copied().collect()
    }

    /// Returns true if earlier requests are missing, because the memory is bounded.
    pub fn is_full(&self) -> bool {
        self.is_cut || self.requests.len() >= MAX_REQUESTS
    }

    fn ring(&mut self, target: TargetIdx) -> &mut VecDeque<RecordedAttempt> {
        let target = target.get();
        if self.attempts.len() <= target {
            self.attempts.resize_with(target + 1, VecDeque::new);
        }
        &mut self.attempts[target]
    }

    fn is_first_old(&self, now: UnixTime) -> bool {
        let first = self.requests.front();
        first.is_some_and(|first| now.since(first.at) > MEMORY)
    }

    fn remove_first(&mut self) {
        if let Some(first) = self.requests.pop_front() {
            if self.running.get(&first.decision) == Some(&self.removed) {
                self.running.remove(&first.decision);
            }
            self.removed += 1;
        }
    }

    /// Returns the stored terms if equal ones are.
    fn shared(&mut self, terms: &Arc<RequestTerms>) -> Arc<RequestTerms> {
        if let Some(known) = self.terms.iter().find(|known| *known == terms) {
            return Arc::clone(known);
        }
        if self.terms.len() >= KEPT_TERMS {
            self.terms.pop_front();
        }
        self.terms.push_back(Arc::clone(terms));
        Arc::clone(terms)
    }
}

#[cfg(test)]
mod tests;
