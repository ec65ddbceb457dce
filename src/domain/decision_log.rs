//! Log of the latest decisions.

use super::ids::DecisionId;
use super::observation::RequestEnd;
use super::selection_round::SelectionRound;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stored decisions, and stored candidates in all of them together: about 40 MB.
const MAX_DECISIONS: usize = 10_000;
const MAX_CANDIDATES: usize = 200_000;

/// All that is known of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    pub id: DecisionId,
    /// Oldest first; empty where the record of them was lost.
    pub rounds: Vec<SelectionRound>,
    /// Nothing while the request runs.
    pub end: Option<RequestEnd>,
}

impl DecisionRecord {
    pub fn is_dry_run(&self) -> bool {
        self.rounds.iter().any(|round| round.is_dry_run)
    }

    fn size(&self) -> usize {
        self.rounds.iter().map(|round| round.candidates.len()).sum()
    }
}

/// The latest decisions.
#[derive(Debug, Default)]
pub struct DecisionLog {
    kept: BTreeMap<DecisionId, Arc<DecisionRecord>>,
    candidates: usize,
}

impl DecisionLog {
    /// Keeps one round.
    pub fn add(&mut self, round: SelectionRound) {
        self.change(round.decision, |decision| decision.rounds.push(round));
    }

    /// Keeps how a request ended.
    pub fn end(&mut self, end: RequestEnd) {
        self.change(end.decision, |decision| decision.end = Some(end));
    }

    pub fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        self.kept.get(&id)
    }

    /// Newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DecisionRecord>> {
        self.kept.values().rev()
    }

    fn change(&mut self, id: DecisionId, change: impl FnOnce(&mut DecisionRecord)) {
        let empty = || {
            Arc::new(DecisionRecord {
                id,
                // Most have one, and ten thousand are kept.
                rounds: Vec::with_capacity(1),
                end: None,
            })
        };
        let decision = Arc::make_mut(self.kept.entry(id).or_insert_with(empty));
        let before = decision.size();
        change(decision);
        self.candidates = self.candidates + decision.size() - before;
        while self.kept.len() > MAX_DECISIONS || self.candidates > MAX_CANDIDATES {
            let Some((_, oldest)) = self.kept.pop_first() else {
                return;
            };
            self.candidates -= oldest.size();
        }
    }
}
