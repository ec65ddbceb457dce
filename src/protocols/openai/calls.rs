//! Which tool call a fragment belongs to, with servers that leave indexes and ids out or use one
//! twice.

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
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A new id or a second name begins a call; a fragment with neither goes on with its index, or
    /// with the last call.
    pub fn assign(&mut self, shape: &CallShape<'_>) -> FragmentTarget {
        let id = shape.id.as_deref().filter(|id| !id.is_empty());
        let existing = match id {
            Some(id) => self.0.iter().rposition(|call| {
                call.id.as_deref() == Some(id)
                    && (shape.index.is_none() || call.index == shape.index)
            }),
            None if shape.has_name() => None,
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
            };
        }
        self.0.push(CallState {
            index: shape.index,
            id: id.map(str::to_owned),
        });
        FragmentTarget {
            call: self.0.len() - 1,
            is_new: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(fragments: &[&str]) -> Vec<(usize, bool)> {
        let mut calls = Calls::default();
        fragments
            .iter()
            .map(|text| {
                let assign = calls.assign(&serde_json::from_str(text).unwrap());
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
    fn a_server_without_indexes_is_followed_by_order() {
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
