//! Responses that clients refer to by their ids. They are held in memory, the newest ones, each for the
//! client that it was made for.

use super::stored_items::{input_items, list, named, output_items};
use crate::protocols::{RawObject, TranslationError};
use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of all responses, with the input that each of them answers.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes that each response counts at least, so that there are at most 8192.
const MIN_ENTRY_BYTES: u32 = 8 * 1024;
/// Bytes of a response beside its texts, most of it the cache's own bookkeeping.
const ENTRY_OVERHEAD_BYTES: usize = 1024;
/// A response that is not used for this long is dropped.
const TTL: Duration = Duration::from_hours(6);
/// Responses in one conversation.
const MAX_CHAIN: usize = 4096;

/// The field that continues a conversation.
pub(super) const PREVIOUS: &str = "previous_response_id";

/// Stores the newest responses; clones share them.
#[derive(Debug, Clone)]
pub struct ResponseStore(Cache<String, Arc<StoredResponse>>);

/// A response, and what it answers.
#[derive(Debug)]
struct StoredResponse {
    /// The client that it was made for.
    owner: Arc<str>,
    /// The response before it in the conversation.
    previous: Option<String>,
    /// Its own input, as JSON texts of items.
    input: Vec<String>,
    /// Its output in the form in which a client sends it again.
    output: Vec<String>,
    body: Bytes,
}

/// What is stored with a response once it is complete.
#[derive(Debug, Clone)]
pub struct PendingResponse {
    store: ResponseStore,
    owner: Arc<str>,
    previous: Option<String>,
    input: Vec<String>,
}

impl Default for ResponseStore {
    /// An empty store. The least recently used response is evicted first.
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|id: &String, response: &Arc<StoredResponse>| response.weight(id))
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(TTL)
            .build();
        Self(cache)
    }
}

impl StoredResponse {
    fn weight(&self, id: &str) -> u32 {
        let texts = self.input.iter().chain(&self.output).map(String::len);
        let bytes = texts.sum::<usize>() + self.body.len() + id.len() + ENTRY_OVERHEAD_BYTES;
        u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .max(MIN_ENTRY_BYTES)
    }
}

impl ResponseStore {
    fn find(&self, owner: &str, id: &str) -> Option<Arc<StoredResponse>> {
        let found = self.0.get(id)?;
        (*found.owner == *owner).then_some(found)
    }

    /// Returns the body with the whole conversation in its input; `None` where the request continues
    /// none, or one that only a provider may know.
    ///
    /// # Errors
    ///
    /// The response was another client's, or a part of the conversation is gone.
    pub fn expand(
        &self,
        owner: &str,
        object: &RawObject<'_>,
    ) -> Result<Option<Vec<u8>>, TranslationError> {
        let Some(id) = object.read::<String>(PREVIOUS) else {
            return Ok(None);
        };
        if !self.0.contains_key(&id) {
            return Ok(None);
        }
        let mut items = self.conversation(owner, &id)?;
        items.extend(input_items(object));
        let input = format!("[{}]", items.join(","));
        Ok(Some(object.without(&[PREVIOUS], &[("input", input)])))
    }

    /// Returns everything up to a response, that one included.
    fn conversation(&self, owner: &str, last: &str) -> Result<Vec<String>, TranslationError> {
        let mut chain: Vec<Arc<StoredResponse>> = Vec::new();
        let mut next = Some(last.to_owned());
        while let Some(id) = next {
            let found = self.find(owner, &id).filter(|_| chain.len() < MAX_CHAIN);
            chain.push(found.ok_or_else(|| gone(&id))?);
            next = chain.last().and_then(|response| response.previous.clone());
        }
        let in_order = chain.iter().rev();
        let items = in_order.flat_map(|one| one.input.iter().chain(&one.output));
        Ok(items.cloned().collect())
    }

    /// Prepares the storage of the response to a request; `None` where the client does not want it.
    pub fn pending(&self, owner: &Arc<str>, object: &RawObject<'_>) -> Option<PendingResponse> {
        let is_stored = object.read::<bool>("store") != Some(false);
        is_stored.then(|| PendingResponse {
            store: self.clone(),
            owner: Arc::clone(owner),
            previous: object.read(PREVIOUS),
            input: input_items(object),
        })
    }

    /// Returns a response of this client.
    pub fn body(&self, owner: &str, id: &str) -> Option<Bytes> {
        Some(self.find(owner, id)?.body.clone())
    }

    /// Removes a response of this client; false where there is none.
    pub fn remove(&self, owner: &str, id: &str) -> bool {
        let is_found = self.find(owner, id).is_some();
        if is_found {
            self.0.invalidate(id);
        }
        is_found
    }

    /// Returns a page of the items that a response answers, the newest first unless `is_ascending`.
    /// The page begins after the item `after`. `None` where there is no such response.
    pub fn items(
        &self,
        owner: &str,
        id: &str,
        (after, limit, is_ascending): (Option<&str>, usize, bool),
    ) -> Option<Value> {
        let response = self.find(owner, id)?;
        let before = response.previous.as_deref();
        let before = before.map_or(Ok(Vec::new()), |id| self.conversation(owner, id));
        let mut items = before.unwrap_or_default();
        items.extend(response.input.iter().cloned());
        let mut items = named(id, &items);
        if !is_ascending {
            items.reverse();
        }
        Some(list(items, after, limit))
    }
}

impl PendingResponse {
    /// Stores the complete response.
    pub(super) fn store(&self, body: &[u8]) {
        let Ok(response) = serde_json::from_slice::<RawObject<'_>>(body) else {
            return;
        };
        let Some(id) = response.read::<String>("id").filter(|id| !id.is_empty()) else {
            return;
        };
        let stored = StoredResponse {
            owner: Arc::clone(&self.owner),
            previous: self.previous.clone().filter(|previous| *previous != id),
            input: self.input.clone(),
            output: output_items(&response),
            body: Bytes::copy_from_slice(body),
        };
        // One response never takes the place of all others.
        if u64::from(stored.weight(&id)) <= MAX_BYTES / 4 {
            self.store.0.insert(id, Arc::new(stored));
        }
    }
}

fn gone(id: &str) -> TranslationError {
    let id: String = id.chars().take(80).collect();
    let problem = format!(
        "names the response {id:?}, which the gateway no longer holds; send the whole conversation \
         in input"
    );
    TranslationError::new(PREVIOUS, problem)
}

/// Encodes the confirmation that a response was removed.
pub fn removed_response(id: &str) -> Value {
    json!({"id": id, "object": "response", "deleted": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> RawObject<'_> {
        serde_json::from_str(text).unwrap()
    }

    fn keep(store: &ResponseStore, owner: &str, request: &str, response: &str) {
        let pending = store.pending(&owner.into(), &object(request)).unwrap();
        pending.store(response.as_bytes());
    }

    const FIRST: &str = r#"{"id":"r1","output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}]}"#;

    #[test]
    fn a_conversation_is_put_together_for_its_own_client_only() {
        let store = ResponseStore::default();
        keep(&store, "app", r#"{"input":"hi"}"#, FIRST);
        let second = r#"{"input":[{"type":"function_call_output","call_id":"c","output":"x"}],"previous_response_id":"r1"}"#;
        keep(&store, "app", second, r#"{"id":"r2","output":[]}"#);
        let third = r#"{"model":"m","previous_response_id":"r2","input":"go on"}"#;

        let body = store.expand("app", &object(third)).unwrap().unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!([
            {"type": "message", "role": "user", "content": "hi"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
            {"type": "function_call_output", "call_id": "c", "output": "x"},
            {"type": "message", "role": "user", "content": "go on"},
        ]);
        assert_eq!(body, json!({"model": "m", "input": expected}));

        let foreign = store.expand("other", &object(third)).unwrap_err();
        assert_eq!(foreign.param.as_deref(), Some(PREVIOUS));
        assert!(store.remove("app", "r1"));
        let gone = store.expand("app", &object(third)).unwrap_err();
        assert!(gone.message.contains("no longer holds"), "{gone}");
        let unknown = r#"{"previous_response_id":"of-the-provider","input":"a"}"#;
        assert_eq!(store.expand("app", &object(unknown)), Ok(None));
    }

    #[test]
    fn the_store_is_bounded() {
        let store = ResponseStore::default();
        for number in 0..10_000 {
            let response = format!(r#"{{"id":"r{number}","output":[]}}"#);
            keep(&store, "app", r#"{"input":"hi"}"#, &response);
        }
        store.0.run_pending_tasks();
        assert!(store.0.entry_count() <= 8_192);
        assert!(store.body("app", "r9999").is_some());
    }

    #[test]
    fn the_input_is_listed_in_pages() {
        let store = ResponseStore::default();
        let request =
            r#"{"input":[{"role":"user","content":"a"},{"id":"own","role":"user","content":"b"}]}"#;
        keep(&store, "app", request, r#"{"id":"r1","output":[]}"#);

        let page = store.items("app", "r1", (None, 1, false)).unwrap();
        assert_eq!(page["data"][0]["id"], "own");
        assert_eq!(page["has_more"], true);
        let page = store.items("app", "r1", (Some("own"), 20, false)).unwrap();
        assert_eq!(page["data"][0]["content"], "a");
        assert_eq!(page["has_more"], false);
        assert!(store.items("other", "r1", (None, 20, true)).is_none());
    }
}
