//! Reasoning in a conversation between a client and a server of this protocol. Some servers refuse
//! calls of tools without the reasoning that led to them, and many clients lose it.

use super::chunk::{Delta, with_signature};
use super::mend::ChoiceRepair;
use crate::protocols::RawObject;
use crate::protocols::neutral::{self, ContentPart, ReasoningMemory};
use crate::protocols::reasoning_cache::ReasoningCache;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Members of a message that hold its reasoning.
const REASONING_MEMBERS: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
];

/// Returns the messages with the reasoning that the client lost; `None` where nothing is known that
/// they lack.
pub(super) fn restored(object: &RawObject<'_>, cache: &ReasoningCache) -> Option<Box<RawValue>> {
    const CALLS: &str = r#""tool_calls""#;
    if !object.mentions("messages", CALLS) {
        return None;
    }
    let messages: Vec<&RawValue> = object.read("messages")?;
    let mut is_changed = false;
    let mut texts: Vec<Cow<'_, str>> = Vec::with_capacity(messages.len());
    for raw in messages {
        let has_calls = raw.get().contains(CALLS);
        let changed = has_calls.then(|| message(raw, cache)).flatten();
        is_changed |= changed.is_some();
        texts.push(changed.map_or(Cow::Borrowed(raw.get()), Cow::Owned));
    }
    let text = is_changed.then(|| format!("[{}]", texts.join(",")))?;
    RawValue::from_string(text).ok()
}

fn message(raw: &RawValue, cache: &ReasoningCache) -> Option<String> {
    let message: RawObject<'_> = serde_json::from_str(raw.get()).ok()?;
    let calls: Vec<RawObject<'_>> = message.read("tool_calls")?;
    let id = |call: &RawObject<'_>| call.read::<String>("id");
    let mut replaced = Vec::new();
    if !REASONING_MEMBERS.iter().any(|name| message.has(name)) {
        let known = calls.first().and_then(id);
        let known = known.and_then(|id| cache.reasoning(&id));
        let parts = known.iter().flat_map(|parts| parts.iter());
        let text: String = parts.filter_map(unsigned).collect();
        if !text.is_empty() {
            replaced.push(("reasoning_content", json!(text).to_string()));
        }
    }
    let signature = |call: &RawObject<'_>| {
        let is_unsigned = !call.has("extra_content");
        is_unsigned.then(|| cache.signature(&id(call)?)).flatten()
    };
    let signatures: Vec<Option<String>> = calls.iter().map(signature).collect();
    if signatures.iter().any(Option::is_some) {
        let signed = calls.iter().zip(signatures).map(|(call, signature)| {
            let extra = signature.map(|text| ("extra_content", with_signature(&text).to_string()));
            let extra: Vec<_> = extra.into_iter().collect();
            String::from_utf8(call.with(&extra)).unwrap_or_default()
        });
        let signed: Vec<String> = signed.collect();
        replaced.push(("tool_calls", format!("[{}]", signed.join(","))));
    }
    let is_changed = !replaced.is_empty();
    let written = is_changed.then(|| message.with(&replaced))?;
    String::from_utf8(written).ok()
}

fn unsigned(part: &ContentPart) -> Option<&str> {
    match part {
        ContentPart::Reasoning {
            text,
            signature: None,
        } => Some(text),
        _ => None,
    }
}

/// Remembers the reasoning of a delta, and the calls that it led to under the ids that the client
/// gets. `id` is the prefix of ids that the gateway gives.
pub(super) fn remember(
    memory: &mut ReasoningMemory,
    (choice, body): (u32, &Delta<'_>),
    repair: &ChoiceRepair,
    id: &str,
) {
    if let Some(text) = body.reasoning() {
        memory.take(choice, &neutral::Delta::Reasoning(text.into_owned()));
    }
    for (number, call) in body.calls().iter().enumerate() {
        let target = repair.calls.as_ref().and_then(|all| all.get(number));
        let own = call.id().map(str::to_owned);
        let given = match target {
            Some(target) if !target.is_new => None,
            Some(target) if target.repeats_id || own.is_none() => {
                Some(format!("call_{id}_{}", target.call))
            }
            _ => own,
        };
        if let Some(given) = given {
            let begun = neutral::Delta::call(number, given, String::new(), call.signature());
            memory.take(choice, &begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::protocols::test_support::{endpoint, feed, with_call};
    use crate::protocols::{ApiDialect, Endpoint, PreparedCall};
    use serde_json::{Value, json};

    fn asked(endpoint: &Endpoint, messages: &Value) -> (Value, PreparedCall) {
        let body = json!({"model": "m", "stream": true, "messages": messages});
        let prepared = with_call(ApiDialect::Chat, &body.to_string(), |call| {
            endpoint.protocol.build_request(endpoint, call).unwrap()
        });
        let sent = serde_json::from_slice(&prepared.request.body).unwrap();
        (sent, prepared)
    }

    fn chunk(delta: &Value) -> String {
        let choice = json!({"index": 0, "delta": delta});
        format!("data: {}\n\n", json!({"id": "1", "choices": [choice]}))
    }

    #[test]
    fn a_chat_client_gets_back_the_reasoning_that_it_lost() {
        let endpoint = endpoint("openai-compatible", "http://h/v1");
        let ask = json!({"role": "user", "content": "a"});
        let (_, prepared) = asked(&endpoint, &json!([ask]));
        let call = json!({"index": 0, "id": "c1", "type": "function",
            "extra_content": {"google": {"thought_signature": "s"}},
            "function": {"name": "f", "arguments": "{}"}});
        let deltas = [
            json!({"role": "assistant", "reasoning_content": "Think"}),
            json!({"reasoning_content": " twice."}),
            json!({"tool_calls": [call]}),
        ];
        let stream = deltas
            .iter()
            .map(chunk)
            .chain(["data: [DONE]\n\n".to_owned()]);
        let stream: Vec<String> = stream.collect();
        let mut adapter = prepared.adapter;
        feed(&mut *adapter, stream.iter().map(String::as_bytes))
            .end
            .unwrap();

        let lost = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
        let result = json!({"role": "tool", "tool_call_id": "c1", "content": "4"});
        let (sent, _) = asked(&endpoint, &json!([ask, lost, result]));
        let message = &sent["messages"][1];
        assert_eq!(message["reasoning_content"], "Think twice.");
        let signature = &message["tool_calls"][0]["extra_content"]["google"];
        assert_eq!(signature["thought_signature"], "s");

        let mut own = lost.clone();
        own["reasoning_content"] = "My own.".into();
        let (sent, _) = asked(&endpoint, &json!([ask, own, result]));
        assert_eq!(sent["messages"][1]["reasoning_content"], "My own.");
        let mut unknown = lost;
        unknown["tool_calls"][0]["id"] = "c2".into();
        let (sent, _) = asked(&endpoint, &json!([ask, unknown]));
        assert_eq!(sent["messages"][1], unknown);
    }
}
