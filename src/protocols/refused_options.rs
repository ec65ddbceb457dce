//! Options of the gateway's own that a provider refuses, by model. Such a request is sent once more
//! without them, and later ones never have them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Most models of one provider that are remembered.
const MAX_MODELS: u64 = 1024;
/// A server may be updated, so it is asked again after this long.
const TTL: Duration = Duration::from_hours(24);

/// Models that refuse to report usage within a stream. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct RefusedOptions {
    models: moka::sync::Cache<String, ()>,
    any: Arc<AtomicBool>,
}

impl Default for RefusedOptions {
    fn default() -> Self {
        let models = moka::sync::Cache::builder()
            .max_capacity(MAX_MODELS)
            .time_to_live(TTL);
        Self {
            models: models.build(),
            any: Arc::default(),
        }
    }
}

impl fmt::Debug for RefusedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedOptions")
            .field("models", &self.models.entry_count())
            .finish_non_exhaustive()
    }
}

impl RefusedOptions {
    /// Checks whether the model refuses the option.
    pub(super) fn has(&self, model: &str) -> bool {
        // Nearly all providers refuse nothing.
        self.any.load(Relaxed) && self.models.contains_key(model)
    }

    /// Remembers that the model refuses the option; false where that is known already.
    pub(super) fn add(&self, model: &str) -> bool {
        if self.has(model) {
            return false;
        }
        self.models.insert(model.to_owned(), ());
        self.any.store(true, Relaxed);
        true
    }
}
