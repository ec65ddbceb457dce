use crate::domain::{DecisionId, TargetIdx, UnixTime};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Number of latest selections of each token that are kept, so that a later report can name one.
const MAX_SELECTIONS: usize = 1_024;
/// Number of tokens whose selections are kept; more were configured one after another.
const MAX_OWNERS: usize = 256;

/// The latest selections that this API returned.
#[derive(Debug, Default)]
pub(super) struct RecentSelections(Mutex<BTreeMap<Arc<str>, VecDeque<Selected>>>);

/// Target and time of one selection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selected {
    /// Name of the token that it was made for.
    pub owner: Arc<str>,
    pub decision: DecisionId,
    pub target: TargetIdx,
    pub at: UnixTime,
}

impl RecentSelections {
    pub fn remember(&self, selected: Selected) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MAX_OWNERS && !owners.contains_key(&selected.owner) {
            owners.pop_first();
        }
        let selections = owners.entry(Arc::clone(&selected.owner)).or_default();
        if selections.len() >= MAX_SELECTIONS {
            selections.pop_front();
        }
        selections.push_back(selected);
    }

    /// Returns a selection that was made for `owner`; of any token with `None`.
    pub fn find(&self, decision: DecisionId, owner: Option<&str>) -> Option<Selected> {
        let owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |name: &str| owner.is_none_or(|owner| owner == name);
        let asked = owners.iter().filter(|(name, _)| is_asked(name));
        let mut selections = asked.flat_map(|(_, selections)| selections.iter().rev());
        selections
            .find(|selected| selected.decision == decision)
            .cloned()
    }

    /// Removes a selection, whose result is reported. False if it is reported already.
    pub fn take(&self, selected: &Selected) -> bool {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(selections) = owners.get_mut(&selected.owner) else {
            return false;
        };
        let same = |other: &Selected| other.decision == selected.decision;
        let place = selections.iter().rposition(same);
        place.and_then(|place| selections.remove(place)).is_some()
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
                owner: "apps".into(),
                decision: DecisionId(id),
                target: 3.into(),
                at: UnixTime::default(),
            });
        }

        assert_eq!(selections.find(DecisionId(0), None), None);
        let latest = selections.find(DecisionId(MAX_SELECTIONS as u64), Some("apps"));
        assert_eq!(latest.map(|selected| selected.target), Some(3.into()));
    }
}
