use crate::domain::{DecisionId, TargetIdx, UnixTime};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Number of latest selections that are kept, so that a later report can name one.
const MAX_SELECTIONS: usize = 1_024;

/// The latest selections that this API returned.
#[derive(Debug, Default)]
pub(super) struct RecentSelections(Mutex<VecDeque<Selected>>);

/// Target and time of one selection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selected {
    pub decision: DecisionId,
    pub target: TargetIdx,
    pub at: UnixTime,
}

impl RecentSelections {
    pub fn remember(&self, selected: Selected) {
        let mut selections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if selections.len() >= MAX_SELECTIONS {
            selections.pop_front();
        }
        selections.push_back(selected);
    }

    pub fn find(&self, decision: DecisionId) -> Option<Selected> {
        let selections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        selections
            .iter()
            .rev()
            .find(|selected| selected.decision == decision)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_selections_are_kept() {
        let selections = RecentSelections::default();
        for id in 0..=MAX_SELECTIONS as u64 {
            selections.remember(Selected {
                decision: DecisionId(id),
                target: 3.into(),
                at: UnixTime::default(),
            });
        }

        assert_eq!(selections.find(DecisionId(0)), None);
        let latest = selections.find(DecisionId(MAX_SELECTIONS as u64));
        assert_eq!(latest.map(|selected| selected.target), Some(3.into()));
    }
}
