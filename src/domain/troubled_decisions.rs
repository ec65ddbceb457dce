//! Requests of the last 24 hours that failed, or that a later attempt saved.

use super::decision_record::DecisionRecord;
use super::ids::DecisionId;
use super::units::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// They are kept for this time.
const KEPT: Duration = Duration::from_hours(24);

/// Maximum number of them, and of candidates in all of them; about 40 MB beside the latest decisions,
/// which share their memory.
const MAX_TROUBLED: usize = 10_000;
const MAX_CANDIDATES: usize = 200_000;

/// Bounded log of the requests in trouble.
#[derive(Debug, Default)]
pub struct TroubledDecisions {
    /// By the end of the request.
    by_end: BTreeMap<(UnixTime, DecisionId), Arc<DecisionRecord>>,
    ends: BTreeMap<DecisionId, UnixTime>,
    candidates: usize,
    dropped: u64,
}

impl TroubledDecisions {
    /// Keeps a decision, if it is in trouble; a newer state of it replaces an older one.
    pub(super) fn keep(&mut self, decision: &Arc<DecisionRecord>) {
        let Some(end) = decision
            .end
            .as_ref()
            .filter(|_| decision.trouble().is_some())
        else {
            return;
        };
        let key = (end.ended, decision.id);
        self.remove(decision.id);
        self.candidates += decision.size();
        self.by_end.insert(key, Arc::clone(decision));
        self.ends.insert(decision.id, key.0);
        self.expire(key.0);
        while self.by_end.len() > MAX_TROUBLED || self.candidates > MAX_CANDIDATES {
            if !self.remove_oldest() {
                return;
            }
            self.dropped += 1;
        }
    }

    /// Removes those that ended more than 24 hours before `now`.
    pub(super) fn expire(&mut self, now: UnixTime) {
        let from = now.minus(KEPT);
        while self
            .by_end
            .keys()
            .next()
            .is_some_and(|(ended, _)| *ended < from)
        {
            self.remove_oldest();
        }
    }

    /// Returns one of them.
    pub fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        self.by_end.get(&(*self.ends.get(&id)?, id))
    }

    /// Iterates over them, the latest end first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DecisionRecord>> {
        self.by_end.values().rev()
    }

    /// Returns how many were removed before they were 24 hours old, because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn remove_oldest(&mut self) -> bool {
        let oldest = self.by_end.keys().next().map(|(_, id)| *id);
        oldest.is_some_and(|id| self.remove(id))
    }

    fn remove(&mut self, id: DecisionId) -> bool {
        let ended = self.ends.remove(&id);
        let removed = ended.and_then(|ended| self.by_end.remove(&(ended, id)));
        self.candidates -= removed.as_ref().map_or(0, |decision| decision.size());
        removed.is_some()
    }
}

#[cfg(test)]
mod tests;
