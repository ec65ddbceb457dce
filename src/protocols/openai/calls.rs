//! Assigns fragments to tool calls, also for servers that omit indexes and ids or repeat them.

use super::chunk::CallShape;

/// The calls of one choice so far.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<CallState>);

#[derive(Debug)]
struct CallState {
    index: Option<u64>,
    id: Option<String>,
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
        self.0.is_empty()
    }

    /// Assigns a fragment. A new id or a second name begins a call; a fragment with neither belongs
    /// to the call of its index, or to the last call. In a whole response every call stands alone.
    pub fn assign(&mut self, shape: &CallShape<'_>, is_stream: bool) -> FragmentTarget {
        let id = shape.id();
        let existing = match id {
            _ if !is_stream => None,
            Some(id) => self.0.iter().rposition(|call| {
                call.id.as_deref() == Some(id)
                    && (shape.index.is_none() || call.index == shape.index)
            }),
            None if shape.name().is_some() => None,
            None => self
                .0
                .iter()
                .rposition(|call| shape.index.is_some() && call.index == shape.index)
                .or_else(|| self.0.len().checked_sub(1)),
        };
        if let Some(call) = existing {
            return FragmentTarget {
                call,
                is_new: false,
                repeats_id: false,
            };
        }
        let mut earlier = self.0.iter();
        let repeats_id = id.is_some() && earlier.any(|call| call.id.as_deref() == id);
        self.0.push(CallState {
            index: shape.index,
            id: id.map(str::to_owned),
        });
        FragmentTarget {
            call: self.0.len() - 1,
            is_new: true,
            repeats_id,
        }
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
