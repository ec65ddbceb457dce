//! Log of the latest decisions, and of those in trouble for longer.

use super::decision_record::DecisionRecord;
use super::ids::DecisionId;
use super::observation::{AttemptEnd, RequestEnd};
use super::selection_round::SelectionRound;
use super::troubled_decisions::TroubledDecisions;
use super::units::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of stored decisions, and of candidates in all of them; about 40 MB.
const MAX_DECISIONS: usize = 10_000;
const MAX_CANDIDATES: usize = 200_000;

/// Maximum number of stored selections without a request, and of their candidates.
const MAX_ADVICE: usize = 1_000;
const MAX_ADVICE_CANDIDATES: usize = 20_000;

/// Attempts that a decision keeps; more are only counted.
const MAX_ATTEMPTS: usize = 16;

/// Bounded log of the latest decisions.
#[derive(Debug)]
pub struct DecisionLog {
    requests: DecisionQueue,
    /// Selections without a request; kept apart, so that they remove none of a request.
    advice: DecisionQueue,
    /// Those that failed or were saved; kept apart, so that successes remove none of them.
    troubled: TroubledDecisions,
    /// Place of the next decision among all.
    next: u64,
}

/// Decisions of one kind, oldest first.
#[derive(Debug, Default)]
struct DecisionQueue {
    decisions: BTreeMap<DecisionId, Arc<DecisionRecord>>,
    /// Ids by the place of the decision.
    order: BTreeMap<u64, DecisionId>,
    candidates: usize,
}

/// Place of the first decision of this process; those that are restored stand before it.
const FIRST_PLACE: u64 = 1 << 32;

impl Default for DecisionLog {
    fn default() -> Self {
        Self {
            requests: DecisionQueue::default(),
            advice: DecisionQueue::default(),
            troubled: TroubledDecisions::default(),
            next: FIRST_PLACE,
        }
    }
}

impl DecisionLog {
    /// Records one selection.
    pub fn add(&mut self, round: SelectionRound) {
        let (queue, bounds) = if round.is_dry_run {
            (&mut self.advice, (MAX_ADVICE, MAX_ADVICE_CANDIDATES))
        } else {
            (&mut self.requests, (MAX_DECISIONS, MAX_CANDIDATES))
        };
        self.next += 1;
        queue.change((self.next, round.decision), bounds, |decision| {
            decision.rounds.push(round);
        });
    }

    /// Records the end of an attempt of a stored decision.
    pub fn end_attempt(&mut self, end: &AttemptEnd) {
        let id = end.decision;
        let queues = [&mut self.requests, &mut self.advice];
        let stored = queues
            .into_iter()
            .find_map(|queue| queue.decisions.get_mut(&id));
        if let Some(decision) = stored
            && decision.attempts.len() < MAX_ATTEMPTS
        {
            let attempts = &mut Arc::make_mut(decision).attempts;
            // Most decisions have one attempt.
            attempts.reserve_exact(1);
            attempts.push(end.into());
            // One that ran beside another may end after its request.
            self.troubled.keep(decision);
        }
    }

    /// Records the end of a request.
    pub fn end(&mut self, end: RequestEnd) {
        let bounds = (MAX_DECISIONS, MAX_CANDIDATES);
        self.next += 1;
        let place = (self.next, end.decision);
        let id = end.decision;
        self.requests
            .change(place, bounds, |decision| decision.end = Some(end));
        if let Some(decision) = self.requests.get(id) {
            self.troubled.keep(decision);
        }
    }

    /// Removes decisions in trouble that are a day old.
    pub fn expire(&mut self, now: UnixTime) {
        self.troubled.expire(now);
    }

    /// Adds decisions of an earlier process, oldest first, in front of all others.
    pub fn restore(&mut self, decisions: Vec<DecisionRecord>) {
        let bounds = (MAX_DECISIONS, MAX_CANDIDATES);
        let first = FIRST_PLACE - decisions.len() as u64;
        for (place, decision) in (first..).zip(decisions) {
            let id = decision.id;
            self.requests.change((place, id), bounds, |empty| {
                // One that ran on in this process stays.
                if empty.rounds.is_empty() && empty.end.is_none() {
                    *empty = decision;
                }
            });
            if let Some(restored) = self.requests.get(id) {
                self.troubled.keep(restored);
            }
        }
    }

    /// Adds decisions of an earlier process that were in trouble; others are ignored.
    pub fn restore_troubled(&mut self, decisions: Vec<DecisionRecord>) {
        for decision in decisions {
            if self.troubled.get(decision.id).is_none() {
                self.troubled.keep(&Arc::new(decision));
            }
        }
    }

    /// Returns a stored decision.
    pub fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        let latest = self.requests.get(id).or_else(|| self.advice.get(id));
        latest.or_else(|| self.troubled.get(id))
    }

    /// Returns the requests of the last 24 hours that failed or were saved.
    pub fn troubled(&self) -> &TroubledDecisions {
        &self.troubled
    }

    /// Iterates over the stored decisions, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DecisionRecord>> {
        let mut requests = self.requests.iter().peekable();
        let mut advice = self.advice.iter().peekable();
        std::iter::from_fn(move || {
            let place = |next: Option<&(u64, _)>| next.map(|(place, _)| *place);
            let is_advice = place(advice.peek()) > place(requests.peek());
            let next = if is_advice {
                advice.next()
            } else {
                requests.next()
            };
            next.map(|(_, decision)| decision)
        })
    }
}

impl DecisionQueue {
    fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        self.decisions.get(&id)
    }

    /// Iterates over the decisions with their places, newest first.
    fn iter(&self) -> impl Iterator<Item = (u64, &Arc<DecisionRecord>)> {
        let newest = self.order.iter().rev();
        newest.filter_map(|(place, id)| Some((*place, self.get(*id)?)))
    }

    fn change(
        &mut self,
        (place, id): (u64, DecisionId),
        (most, most_candidates): (usize, usize),
        change: impl FnOnce(&mut DecisionRecord),
    ) {
        let decision = self.decisions.entry(id).or_insert_with(|| {
            self.order.insert(place, id);
            let empty = DecisionRecord {
                id,
                // Most decisions have one round; `Vec` would allocate four.
                rounds: Vec::with_capacity(1),
                attempts: Vec::new(),
                end: None,
            };
            Arc::new(empty)
        });
        let decision = Arc::make_mut(decision);
        let before = decision.size();
        change(decision);
        self.candidates = self.candidates + decision.size() - before;
        while self.decisions.len() > most || self.candidates > most_candidates {
            let Some((_, oldest)) = self.order.pop_first() else {
                return;
            };
            if let Some(oldest) = self.decisions.remove(&oldest) {
                self.candidates -= oldest.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        BalancerState, CandidateSet, Catalogue, ModelType, RandomDraw, RequestClass,
        SelectionContext, Strategy, UnixTime,
    };

    fn round(id: u64, is_dry_run: bool) -> SelectionRound {
        let now = UnixTime::default();
        let weights = crate::domain::Weights::default();
        let (catalogue, best) = (Catalogue::default(), Strategy::Best);
        let table = BalancerState::new(catalogue, best, weights, 1, now).routing_table(now);
        let context = SelectionContext {
            decision: DecisionId(id),
            is_dry_run,
            attempt: 1,
            class: RequestClass::new(ModelType::Chat, false),
            input: 1.0,
            luck: RandomDraw::default(),
            at: UnixTime::default(),
        };
        SelectionRound::of(&table, &CandidateSet::default(), None, context)
    }

    #[test]
    fn selections_without_a_request_remove_no_decision_of_a_request() {
        let mut log = DecisionLog::default();
        log.add(round(7, false));
        for id in 0..=(MAX_DECISIONS as u64) {
            log.add(round(1_000 + id, true));
        }
        log.add(round(3, false));

        assert!(log.get(DecisionId(7)).is_some());
        assert_eq!(log.iter().count(), MAX_ADVICE + 2);
        let newest: Vec<u64> = log.iter().take(2).map(|decision| decision.id.0).collect();
        assert_eq!(
            newest,
            [3, 1_000 + MAX_DECISIONS as u64],
            "in the order of time"
        );
    }
}
