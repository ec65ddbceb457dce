//! State of the store, as the API reports it.

use super::error::ApiError;
use crate::contract::{Problem, StoreReport};
use crate::store::{Store, StoreError};
use std::time::Duration;

/// Time after which a failed question may be asked again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Report of a store; `None` where there is none.
pub(super) fn store_report(store: &Store) -> Option<StoreReport> {
    if !store.is_on() {
        return None;
    }
    let status = store.status();
    Some(StoreReport {
        state: status.state.as_str().to_owned(),
        queued: status.queued,
        written: status.written,
        dropped: status.dropped,
        last_error: status.last_error,
    })
}

/// Answer to a question that only the store could answer: status 503.
pub(super) fn unavailable(error: &StoreError) -> ApiError {
    ApiError::Other {
        problem: Problem::new(503, format!("the store cannot answer: {error}")),
        retry_after: Some(RETRY_AFTER),
    }
}
