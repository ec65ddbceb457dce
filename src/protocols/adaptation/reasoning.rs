//! Reasoning of earlier turns: what the target needs back is completed from the cache, and the rest
//! is dropped.

use super::limits::ReasoningReturn;
use crate::protocols::neutral::{ChatMessage, ChatRole, ContentPart, DroppedFields};
use crate::protocols::reasoning_cache::ReasoningCache;

/// Adapts the reasoning of a conversation. Its calls still have the client's ids.
pub(super) fn adapt(
    turns: &mut [ChatMessage],
    rule: ReasoningReturn,
    cache: &ReasoningCache,
    dropped: &mut DroppedFields,
) {
    for turn in turns.iter_mut() {
        if turn.role != ChatRole::Assistant {
            continue;
        }
        let first = turn.parts.iter().find_map(|part| match part {
            ContentPart::ToolCall(call) => Some(call.id.clone()),
            _ => None,
        });
        let before = turn.parts.len();
        turn.parts
            .retain(|part| is_kept(part, rule, first.is_some()));
        let has_lost = turn.parts.len() < before;
        let has_reasoning = turn.parts.iter().any(is_reasoning);
        let cached = first
            .filter(|_| !has_reasoning)
            .and_then(|call| cache.reasoning(&call));
        let cached = cached.iter().flat_map(|parts| parts.iter());
        let cached = cached.filter(|part| is_kept(part, rule, true) && has_content(part));
        let cached: Vec<ContentPart> = cached.cloned().collect();
        dropped.add_if(has_lost && cached.is_empty(), "reasoning");
        turn.parts.splice(0..0, cached);
        if matches!(
            rule,
            ReasoningReturn::CallSignature | ReasoningReturn::BesideCalls
        ) {
            sign_calls(&mut turn.parts, cache);
        }
    }
}

fn is_reasoning(part: &ContentPart) -> bool {
    matches!(
        part,
        ContentPart::Reasoning { .. } | ContentPart::Redacted(_)
    )
}

fn has_content(part: &ContentPart) -> bool {
    match part {
        ContentPart::Reasoning { text, signature } => {
            // The cache stores the signature of a call as reasoning without a text.
            !text.is_empty() || signature.is_none()
        }
        _ => true,
    }
}

fn is_kept(part: &ContentPart, rule: ReasoningReturn, has_calls: bool) -> bool {
    let is_signed = match part {
        ContentPart::Reasoning { signature, .. } => signature.is_some(),
        ContentPart::Redacted(_) => true,
        _ => return true,
    };
    match rule {
        ReasoningReturn::None | ReasoningReturn::CallSignature => false,
        ReasoningReturn::Signed => is_signed,
        ReasoningReturn::BesideCalls => !is_signed && has_calls,
        ReasoningReturn::All => matches!(part, ContentPart::Reasoning { .. }),
    }
}

/// Completes the signatures of calls, which most clients drop.
fn sign_calls(parts: &mut [ContentPart], cache: &ReasoningCache) {
    for part in parts {
        if let ContentPart::ToolCall(call) = part
            && call.signature.is_none()
        {
            call.signature = cache.signature(&call.id);
        }
    }
}
