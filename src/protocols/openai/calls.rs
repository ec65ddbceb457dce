//! Assigns fragments to tool calls, also for servers that omit indexes and ids or repeat them.

use super::chunk::CallShape;
use std::collections::BTreeMap;

/// The calls of one choice so far: how many there are, and the newest one of each id and index.
#[derive(Debug, Default)]
pub(super) struct Calls {
    count: usize,
    by_id: BTreeMap<String, OfId>,
    by_index: BTreeMap<u64, usize>,
}

/// The newest call of an id, in all and by its index.
#[derive(Debug, Default)]
struct OfId {
    newest: usize,
    by_index: BTreeMap<u64, usize>,
}

/// The call that a fragment belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FragmentTarget {
    /// Index of the call in its choice, from 0.
    pub call: usize,
    /// True if it is the call's first fragment.
    pub is_new: bool,
    /// True if an earlier call of the choice has the same id.
    pub repeats_id: bool,
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Assigns a fragment. A new id or a second name begins a call; a fragment with neither belongs
    /// to the call of its index, or to the last call. In a whole response every call stands alone.
    pub fn assign(&mut self, shape: &CallShape<'_>, is_stream: bool) -> FragmentTarget {
        let id = shape.id();
        let existing = match id {
            _ if !is_stream => None,
            Some(id) => self.by_id.get(id).and_then(|of_id| match shape.index {
                None => Some(of_id.newest),
                Some(index) => of_id.by_index.get(&index).copied(),
            }),
            None if shape.name().is_some() => None,
            None => {
                let index = shape.index.as_ref();
                let of_index = index.and_then(|index| self.by_index.get(index));
                of_index.copied().or_else(|| self.count.checked_sub(1))
            }
        };
        if let Some(call) = existing {
            return FragmentTarget {
                call,
                is_new: false,
                repeats_id: false,
            };
        }
        let call = self.count;
        self.count += 1;
        if let Some(index) = shape.index {
            self.by_index.insert(index, call);
        }
        FragmentTarget {
            call,
            is_new: true,
            repeats_id: id.is_some_and(|id| self.name(id, shape.index, call)),
        }
    }
}

impl Calls {
    /// Notes the id of a call; returns whether an earlier one has it.
    fn name(&mut self, id: &str, index: Option<u64>, call: usize) -> bool {
        let is_known = self.by_id.contains_key(id);
        let of_id = self.by_id.entry(id.to_owned()).or_default();
        of_id.newest = call;
        if let Some(index) = index {
            of_id.by_index.insert(index, call);
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::lenient::from_json;

    fn targets(fragments: &[&str]) -> Vec<(usize, bool)> {
        let mut calls = Calls::default();
        fragments
            .iter()
            .map(|text| {
                let shape: CallShape<'_> = from_json(text.as_bytes()).unwrap().unwrap();
                let assign = calls.assign(&shape, true);
                (assign.call, assign.is_new)
            })
            .collect()
    }

    #[test]
    fn fragments_of_several_calls_may_interleave() {
        let fragments = [
            r#"{"index":0,"id":"a","function":{"name":"x","arguments":""}}"#,
            r#"{"index":1,"id":"b","function":{"name":"y","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{"}}"#,
            r#"{"index":1,"function":{"arguments":"{"}}"#,
        ];
        assert_eq!(
            targets(&fragments),
            [(0, true), (1, true), (0, false), (1, false)]
        );
    }

    #[test]
    fn an_index_that_is_used_twice_is_two_calls() {
        let fragments = [
            r#"{"index":0,"id":"a","function":{"name":"x","arguments":"{}"}}"#,
            r#"{"index":0,"id":"b","function":{"name":"y","arguments":"{}"}}"#,
            r#"{"index":0,"function":{"name":"z","arguments":"{}"}}"#,
            r#"{"index":0,"function":{"arguments":" "}}"#,
        ];
        assert_eq!(
            targets(&fragments),
            [(0, true), (1, true), (2, true), (2, false)]
        );
    }

    #[test]
    fn fragments_without_indexes_are_assigned_in_order() {
        let fragments = [
            r#"{"id":"a","function":{"name":"x"}}"#,
            r#"{"function":{"arguments":"{"}}"#,
            r#"{"id":"a","function":{"name":"x","arguments":"}"}}"#,
            r#"{"id":"b","function":{"name":"y"}}"#,
        ];
        assert_eq!(
            targets(&fragments),
            [(0, true), (0, false), (0, false), (1, true)]
        );
    }
}
