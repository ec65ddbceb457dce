//! Calls and their results as pairs: providers refuse a result without its call, a call without a
//! result, and anything between the two.

use crate::protocols::neutral::{ChatMessage, ChatRole, ContentPart};
use std::collections::{BTreeMap, HashSet};

/// The result of a call that the client never answered.
const NO_RESULT: &str = "The tool returned no result.";

/// Moves results behind their calls, completes missing ones, and makes texts of results without a
/// call. Ids are unique. Calls at the end of the conversation may still wait.
pub(super) fn adapt(turns: &mut Vec<ChatMessage>) {
    if are_paired(turns) {
        return;
    }
    let calls = turns.iter().flat_map(call_ids).map(str::to_owned).collect();
    let mut results = take_results(turns, &calls);
    let mut waiting = Vec::new();
    for turn in std::mem::take(turns) {
        if turn.role == ChatRole::Assistant {
            waiting.extend(call_ids(&turn).map(str::to_owned));
        } else if !waiting.is_empty() {
            let parts = waiting.drain(..).flat_map(|id| {
                let known = results.remove(&id);
                known.unwrap_or_else(|| vec![missing(id)])
            });
            turns.push(ChatMessage::new(ChatRole::Tool, parts.collect()));
        }
        if !turn.parts.is_empty() {
            turns.push(turn);
        }
    }
}

fn call_ids(turn: &ChatMessage) -> impl Iterator<Item = &str> {
    turn.parts.iter().filter_map(|part| match part {
        ContentPart::ToolCall(call) => Some(call.id.as_str()),
        _ => None,
    })
}

/// Checks whether every result follows its call directly.
fn are_paired(turns: &[ChatMessage]) -> bool {
    let mut waiting: HashSet<&str> = HashSet::new();
    for turn in turns {
        if turn.role == ChatRole::Assistant {
            waiting.extend(call_ids(turn));
            continue;
        }
        for part in &turn.parts {
            if let ContentPart::ToolResult { call, .. } = part
                && !waiting.remove(call.as_str())
            {
                return false;
            }
        }
        if !waiting.is_empty() {
            return false;
        }
    }
    true
}

/// Takes the results of calls out of the conversation, each with its cache marks. A second result of
/// a call, and one without a call, becomes a text of the user.
fn take_results(
    turns: &mut [ChatMessage],
    calls: &HashSet<String>,
) -> BTreeMap<String, Vec<ContentPart>> {
    let mut results: BTreeMap<String, Vec<ContentPart>> = BTreeMap::new();
    for turn in turns
        .iter_mut()
        .filter(|turn| turn.role != ChatRole::Assistant)
    {
        let mut last = None;
        for part in std::mem::take(&mut turn.parts) {
            match part {
                ContentPart::ToolResult { ref call, .. }
                    if calls.contains(call) && !results.contains_key(call) =>
                {
                    last = Some(call.clone());
                    results.insert(call.clone(), vec![part]);
                }
                ContentPart::ToolResult { content, .. } => {
                    last = None;
                    turn.role = ChatRole::User;
                    turn.parts
                        .push(ContentPart::Text("Result of a tool:".to_owned()));
                    turn.parts.extend(content);
                }
                ContentPart::CacheMark(_) if last.is_some() => {
                    let result = last.as_ref().and_then(|call| results.get_mut(call));
                    if let Some(parts) = result {
                        parts.push(part);
                    }
                }
                part => {
                    last = None;
                    turn.parts.push(part);
                }
            }
        }
    }
    results
}

fn missing(call: String) -> ContentPart {
    ContentPart::ToolResult {
        call,
        content: vec![ContentPart::Text(NO_RESULT.to_owned())],
        is_error: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::neutral::ToolCall;

    /// Turns by their first letters: `a` assistant, `t` results, `u` user; then ids or a text.
    fn turns(texts: &[&str]) -> Vec<ChatMessage> {
        let turn = |text: &&str| {
            let (role, rest) = text.split_at(1);
            let parts = rest.split_whitespace().map(|word| match role {
                "a" if word.len() == 1 => ContentPart::ToolCall(ToolCall {
                    id: word.to_owned(),
                    ..ToolCall::default()
                }),
                "t" => ContentPart::ToolResult {
                    call: word.to_owned(),
                    content: vec![ContentPart::Text(word.to_owned())],
                    is_error: false,
                },
                _ => ContentPart::Text(word.to_owned()),
            });
            let role = match role {
                "a" => ChatRole::Assistant,
                "t" => ChatRole::Tool,
                _ => ChatRole::User,
            };
            ChatMessage::new(role, parts.collect())
        };
        texts.iter().map(turn).collect()
    }

    #[test]
    fn results_stand_behind_their_calls() {
        let mut mixed = turns(&["u ask", "a x", "a y", "t y", "a well", "t x", "u next"]);
        adapt(&mut mixed);
        assert_eq!(
            mixed,
            turns(&["u ask", "a x", "a y", "t x y", "a well", "u next"])
        );

        let right = turns(&["u ask", "a x y", "t y x", "u next", "a z"]);
        let mut same = right.clone();
        adapt(&mut same);
        assert_eq!(same, right);
    }

    #[test]
    fn a_call_without_a_result_gets_one_and_a_result_without_a_call_becomes_a_text() {
        let mut broken = turns(&["u ask", "a x", "u stop", "t z"]);
        adapt(&mut broken);
        assert_eq!(broken[2].parts, [missing("x".to_owned())]);
        assert_eq!(broken[3], turns(&["u stop"])[0]);
        assert_eq!(broken[4].role, ChatRole::User);
        assert_eq!(broken[4].parts[1], ContentPart::Text("z".to_owned()));
    }
}
