//! Stores the newest items of the gateway's own responses. Some clients refer to an item of an
//! earlier response instead of sending it again, as if the provider had stored it.

use crate::protocols::neutral::ToolCall;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Duration;

/// Bytes of all items.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// An item that is not used for this long is dropped.
const TTL: Duration = Duration::from_hours(1);
/// Bytes of an item beside its texts, most of it the cache's own bookkeeping.
const ENTRY_OVERHEAD_BYTES: usize = 450;

/// The content of an item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum StoredItem {
    Text(String),
    Call(ToolCall),
    /// Reasoning, which is not sent again.
    Nothing,
}

static ITEMS: LazyLock<Cache<String, StoredItem>> = LazyLock::new(new_cache);

/// Creates the store. The least recently used item is evicted first.
fn new_cache() -> Cache<String, StoredItem> {
    Cache::builder()
        .max_capacity(MAX_BYTES)
        .weigher(|id: &String, item: &StoredItem| weight(id, item))
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(TTL)
        .build()
}

/// Makes item names unguessable, because a name is all that is needed to use an item again.
static NAME_SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Names the item at `index` of a response. `kind` is the prefix of its type.
pub(super) fn name(kind: &str, answer: &str, index: usize) -> String {
    let suffix = NAME_SECRET.hash_one((answer, index));
    format!("{kind}_{answer}_{index}_{suffix:016x}")
}

fn weight(id: &str, item: &StoredItem) -> u32 {
    let texts = match item {
        StoredItem::Text(text) => text.len(),
        StoredItem::Call(call) => call.id.len() + call.name.len() + call.arguments.len(),
        StoredItem::Nothing => 0,
    };
    u32::try_from(id.len() + texts + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
}

pub(super) fn store(id: &str, item: StoredItem) {
    ITEMS.insert(id.to_owned(), item);
}

pub(super) fn find(id: &str) -> Option<StoredItem> {
    ITEMS.get(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of an item without a text, as an allocator counts them.
    const ENTRY_BYTES: u64 = 450;

    #[test]
    fn items_without_texts_are_remembered_only_as_far_as_there_is_space() {
        let new_cache = new_cache();
        for number in 0..100_000 {
            new_cache.insert(name("rs", "answer", number), StoredItem::Nothing);
        }
        new_cache.run_pending_tasks();

        assert!(new_cache.entry_count() > 10_000);
        assert!(new_cache.entry_count() * ENTRY_BYTES <= 16 * 1024 * 1024);
        assert!(new_cache.contains_key(&name("rs", "answer", 99_999)));
    }
}
