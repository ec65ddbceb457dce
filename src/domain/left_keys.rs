//! The keys that a request has left, of providers with several.

use super::failure::Failure;
use super::ids::KeyIdx;
use super::index::TargetIdx;
use super::snapshot::RoutingTable;

/// Keys that failed at a target, of one request.
#[derive(Debug, Clone, Default)]
pub struct LeftKeys {
    keys: Vec<(TargetIdx, KeyIdx)>,
}

impl LeftKeys {
    /// Returns the keys, for [`super::KeyScope::tried`].
    pub fn as_slice(&self) -> &[(TargetIdx, KeyIdx)] {
        &self.keys
    }

    /// Leaves a key out after a failure that says nothing of the target; at all targets of its provider
    /// where the whole account is refused. Returns true if the target has another key, so that it
    /// stays.
    pub fn leave(
        &mut self,
        table: &RoutingTable,
        (target, key): (TargetIdx, Option<KeyIdx>),
        failure: Failure,
    ) -> bool {
        let candidate = &table.candidates[target];
        let Some(key) = key.filter(|_| failure.is_of_key(candidate.keys.shares_quota)) else {
            return false;
        };
        self.keys.push((target, key));
        if failure.is_of_account() {
            let all = table.indexed();
            let same = all.filter(|(_, other)| other.provider == candidate.provider);
            self.keys.extend(same.map(|(other, _)| (other, key)));
        }
        let is_left = |key| self.keys.contains(&(target, key));
        KeyIdx::all(candidate.keys.keys.len()).any(|key| !is_left(key))
    }
}
