//! Log of the latest decisions.

use super::ids::DecisionId;
use super::observation::RequestEnd;
use super::selection_round::SelectionRound;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of stored decisions, and of candidates in all of them; about 40 MB.
const MAX_DECISIONS: usize = 10_000;
const MAX_CANDIDATES: usize = 200_000;

/// Record of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// Id of the decision.
    pub id: DecisionId,
    /// Selections, oldest first; empty if their record was lost.
    pub rounds: Vec<SelectionRound>,
    /// End of the request; `None` while it runs.
    pub end: Option<RequestEnd>,
}

impl DecisionRecord {
    /// Returns true if nothing was sent.
    pub fn is_dry_run(&self) -> bool {
        self.rounds.iter().any(|round| round.is_dry_run)
    }

    fn size(&self) -> usize {
        self.rounds.iter().map(|round| round.candidates.len()).sum()
    }
}

/// Bounded log of the latest decisions.
#[derive(Debug, Default)]
pub struct DecisionLog {
    decisions: BTreeMap<DecisionId, Arc<DecisionRecord>>,
    candidates: usize,
}

impl DecisionLog {
    /// Records one selection.
    pub fn add(&mut self, round: SelectionRound) {
        self.change(round.decision, |decision| decision.rounds.push(round));
    }

    /// Records the end of a request.
    pub fn end(&mut self, end: RequestEnd) {
        self.change(end.decision, |decision| decision.end = Some(end));
    }

    /// Returns a stored decision.
    pub fn get(&self, id: DecisionId) -> Option<&Arc<DecisionRecord>> {
        self.decisions.get(&id)
    }

    /// Iterates over the stored decisions, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DecisionRecord>> {
        self.decisions.values().rev()
    }

    fn change(&mut self, id: DecisionId, change: impl FnOnce(&mut DecisionRecord)) {
        let empty = || {
            Arc::new(DecisionRecord {
                id,
                // Most decisions have one round; `Vec` would allocate four.
                rounds: Vec::with_capacity(1),
                end: None,
            })
        };
        let decision = Arc::make_mut(self.decisions.entry(id).or_insert_with(empty));
        let before = decision.size();
        change(decision);
        self.candidates = self.candidates + decision.size() - before;
        while self.decisions.len() > MAX_DECISIONS || self.candidates > MAX_CANDIDATES {
            let Some((_, oldest)) = self.decisions.pop_first() else {
                return;
            };
            self.candidates -= oldest.size();
        }
    }
}
