//! Calls of tools in the history, and their results: names and ids that the target accepts.

use super::free_text;
use super::limits::NameRule;
use super::tool_index::ToolIndex;
use crate::protocols::neutral::{ChatMessage, ContentPart, ToolForm};
use std::collections::{BTreeMap, HashSet, VecDeque};

/// The ids of calls, each used once.
#[derive(Debug)]
struct CallIds {
    rule: NameRule,
    used: HashSet<String>,
    /// The next number of ids that begin alike.
    numbers: BTreeMap<String, u32>,
    /// New ids of the calls that wait for a result, by the client's id.
    waiting: BTreeMap<String, VecDeque<String>>,
    /// The newest id, by the client's id.
    newest: BTreeMap<String, String>,
}

/// Adapts the calls of a conversation and their results.
pub(super) fn adapt(turns: &mut [ChatMessage], index: &mut ToolIndex, rule: NameRule) {
    let mut ids = CallIds {
        rule,
        used: HashSet::new(),
        numbers: BTreeMap::new(),
        waiting: BTreeMap::new(),
        newest: BTreeMap::new(),
    };
    for turn in turns {
        let is_call = |part: &ContentPart| matches!(part, ContentPart::ToolCall(_));
        if turn.parts.iter().any(is_call) {
            // Results follow their calls directly.
            ids.waiting.clear();
        }
        for part in &mut turn.parts {
            match part {
                ContentPart::ToolCall(call) => {
                    let alias = index.alias(call.namespace.as_deref(), &call.name, call.form);
                    let wraps_text = index.tool(&alias).is_some_and(|tool| tool.wraps_text);
                    if call.form == ToolForm::FreeText && wraps_text {
                        call.arguments = free_text::arguments(&call.arguments);
                    }
                    if call.form != ToolForm::FreeText || wraps_text {
                        call.form = ToolForm::Function;
                    }
                    call.name = alias;
                    call.namespace = None;
                    call.id = ids.begin(std::mem::take(&mut call.id));
                }
                ContentPart::ToolResult { call, .. } => *call = ids.end(call),
                _ => {}
            }
        }
    }
}

impl CallIds {
    /// Returns the id of a call.
    fn begin(&mut self, id: String) -> String {
        let plain = self.rule.applied(&id);
        let mut unique = plain.clone();
        while !self.used.insert(unique.clone()) {
            let beginning = self.rule.beginning(&plain);
            let number = self.numbers.entry(beginning).or_insert(1);
            *number += 1;
            unique = self.rule.ending(&plain, &format!("_{number}"));
        }
        let waiting = self.waiting.entry(id.clone()).or_default();
        waiting.push_back(unique.clone());
        self.newest.insert(id, unique.clone());
        unique
    }

    /// Returns the id of the call that a result belongs to.
    fn end(&mut self, id: &str) -> String {
        let waiting = self.waiting.get_mut(id).and_then(VecDeque::pop_front);
        let known = waiting.or_else(|| self.newest.get(id).cloned());
        known.unwrap_or_else(|| self.rule.applied(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::adaptation::ProtocolLimits;
    use crate::protocols::neutral::{ChatRole, ToolCall};

    fn calls(ids: &[&str]) -> ChatMessage {
        let call = |id: &&str| {
            ContentPart::ToolCall(ToolCall {
                id: (*id).to_owned(),
                ..ToolCall::default()
            })
        };
        ChatMessage::new(ChatRole::Assistant, ids.iter().map(call).collect())
    }

    fn results(ids: &[&str]) -> ChatMessage {
        let result = |id: &&str| ContentPart::ToolResult {
            call: (*id).to_owned(),
            content: Vec::new(),
            is_error: false,
        };
        ChatMessage::new(ChatRole::Tool, ids.iter().map(result).collect())
    }

    fn ids(turns: &[ChatMessage]) -> Vec<&str> {
        let parts = turns.iter().flat_map(|turn| &turn.parts);
        parts
            .filter_map(|part| match part {
                ContentPart::ToolCall(call) => Some(call.id.as_str()),
                ContentPart::ToolResult { call, .. } => Some(call.as_str()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn ids_that_come_again_are_numbered_with_their_results() {
        let mut turns = vec![
            calls(&["call_0", "call_0", "a.b", "a_b"]),
            results(&["a_b", "call_0", "call_0", "a.b"]),
            calls(&["call_0"]),
            results(&["call_0", "unknown"]),
            calls(&[""]),
            results(&[""]),
        ];
        let mut index = ToolIndex::new(&[], &ProtocolLimits::NONE);
        adapt(&mut turns, &mut index, NameRule::plain(64));

        let expected = [
            "call_0", "call_0_2", "a_b", "a_b_2", "a_b_2", "call_0", "call_0_2", "a_b", "call_0_3",
            "call_0_3", "unknown", "_", "_",
        ];
        assert_eq!(ids(&turns), expected);
    }

    #[test]
    fn an_id_that_is_too_long_is_shortened_to_the_same_id() {
        let long = "call_".repeat(20);
        let mut turns = vec![calls(&[&long]), results(&[&long])];
        let mut index = ToolIndex::new(&[], &ProtocolLimits::NONE);
        adapt(&mut turns, &mut index, NameRule::plain(40));

        let ids = ids(&turns);
        assert_eq!(ids[0].len(), 40);
        assert_eq!(ids[0], ids[1]);
    }
}
