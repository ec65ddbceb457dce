//! State of the store, as the API reports it.

use crate::contract::StoreReport;
use crate::store::Store;

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
