//! Signed reasoning of tool calls, by the call's id. Some models need it back with the results of
//! their tools, and clients of other protocols cannot carry it.

use super::neutral::ContentPart;
use moka::policy::EvictionPolicy;
use std::fmt;
use std::sync::Arc;

/// Bytes for each provider. The least recently used entry is evicted first.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of an entry beside its texts, most of it the cache's own bookkeeping.
const ENTRY_OVERHEAD_BYTES: usize = 450;
/// An entry that is not used for this long is dropped.
const TTL: std::time::Duration = std::time::Duration::from_hours(1);

/// Signed reasoning by the id of the tool call. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct ReasoningCache {
    calls: moka::sync::Cache<CallKey, Arc<[ContentPart]>>,
    client: Arc<str>,
}

/// Name of the client, and id of its call: a client that knows another's id reads nothing of it.
type CallKey = (Arc<str>, String);

impl Default for ReasoningCache {
    fn default() -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|(client, call): &CallKey, reasoning: &Arc<[ContentPart]>| {
                weight(client.len() + call.len(), reasoning)
            })
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(TTL);
        Self {
            calls: cache.build(),
            client: "".into(),
        }
    }
}

fn weight(key_bytes: usize, reasoning: &[ContentPart]) -> u32 {
    let texts = reasoning.iter().map(|part| match part {
        ContentPart::Reasoning { text, signature } => {
            text.len() + signature.as_ref().map_or(0, String::len)
        }
        ContentPart::Redacted(data) => data.len(),
        _ => 0,
    });
    let bytes = ENTRY_OVERHEAD_BYTES + key_bytes + size_of_val(reasoning) + texts.sum::<usize>();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl fmt::Debug for ReasoningCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasoningCache")
            .field("calls", &self.calls.entry_count())
            .finish_non_exhaustive()
    }
}

impl ReasoningCache {
    /// Returns the same cache for the calls of one client.
    #[must_use]
    pub fn of_client(&self, client: &str) -> Self {
        Self {
            calls: self.calls.clone(),
            client: client.into(),
        }
    }

    fn key(&self, call: &str) -> CallKey {
        (Arc::clone(&self.client), call.to_owned())
    }

    /// Stores the reasoning before a call; nothing where there is none.
    pub(super) fn store(&self, call: &str, reasoning: Vec<ContentPart>) {
        if !reasoning.is_empty() {
            self.calls.insert(self.key(call), reasoning.into());
        }
    }

    /// Stores the signature of a call.
    #[cfg(test)]
    pub(super) fn store_signature(&self, call: &str, signature: String) {
        let part = ContentPart::Reasoning {
            text: String::new(),
            signature: Some(signature),
        };
        self.store(call, vec![part]);
    }

    /// Returns the reasoning that is stored for a call.
    pub(super) fn reasoning(&self, call: &str) -> Option<Arc<[ContentPart]>> {
        self.calls.get(&self.key(call))
    }

    /// Returns the signature that is stored for a call.
    pub(super) fn signature(&self, call: &str) -> Option<String> {
        self.reasoning(call)?.iter().find_map(|part| match part {
            ContentPart::Reasoning { signature, .. } => signature.clone(),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_no_reasoning_of_another_even_with_its_call_id() {
        let cache = ReasoningCache::default();
        let (one, other) = (cache.of_client("one"), cache.of_client("other"));
        one.store_signature("call_1", "signed".to_owned());

        assert_eq!(one.signature("call_1").as_deref(), Some("signed"));
        assert_eq!(other.signature("call_1"), None);
        assert_eq!(cache.signature("call_1"), None);
        other.store_signature("call_1", "forged".to_owned());
        assert_eq!(one.signature("call_1").as_deref(), Some("signed"));
    }

    #[test]
    fn large_signatures_are_evicted_by_size_and_the_newest_stays() {
        let (reasoning_cache, signature) = (ReasoningCache::default(), "s".repeat(20_000));
        for call in 0..2_000 {
            reasoning_cache.store_signature(&format!("call_{call}"), signature.clone());
        }
        reasoning_cache.calls.run_pending_tasks();

        let cached =
            (0..2_000).filter(|call| reasoning_cache.signature(&format!("call_{call}")).is_some());
        let bytes = cached.count() * signature.len();
        assert!((8_000_000..=16 * 1024 * 1024).contains(&bytes), "{bytes}");
        assert_eq!(reasoning_cache.signature("call_1999"), Some(signature));
    }
}
