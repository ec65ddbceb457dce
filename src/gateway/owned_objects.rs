//! The files and batches that clients made, so that a list shows each client its own.

use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// Objects that are remembered; of others a client sees no entry in lists, but may use their ids.
const MAX_OBJECTS: u64 = 100_000;
/// Providers delete results after this time.
const TTL: Duration = Duration::from_hours(30 * 24);

/// The newest objects by provider and id, each with its client; clones share them.
#[derive(Debug, Clone)]
pub struct OwnedObjects(Cache<(String, String), Arc<str>>);

impl Default for OwnedObjects {
    fn default() -> Self {
        let objects = Cache::builder().max_capacity(MAX_OBJECTS).time_to_live(TTL);
        Self(objects.build())
    }
}

impl OwnedObjects {
    /// Remembers an object that a client made.
    pub(super) fn insert(&self, provider: &str, id: String, owner: &Arc<str>) {
        self.0.insert((provider.to_owned(), id), Arc::clone(owner));
    }

    /// Whether the client made the object.
    pub(super) fn is_of(&self, provider: &str, id: &str, owner: &str) -> bool {
        let key = (provider.to_owned(), id.to_owned());
        self.0.get(&key).is_some_and(|found| *found == *owner)
    }
}
